"""One invocation: what goes into an execution environment and what comes out."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Status = Literal["success", "error", "failure", "timeout"]
"""`error`: the handler failed; `failure`: the environment did; `timeout`: it was killed in time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Trace:
    """An X-Ray trace, as the header carries it."""

    root: str
    parent: str
    sampled: bool

    @property
    def header(self) -> str:
        """Value of X-Amzn-Trace-Id and of _X_AMZN_TRACE_ID."""
        return f"Root={self.root};Parent={self.parent};Sampled={int(self.sampled)}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """An event for a function."""

    request_id: str
    payload: bytes
    function_arn: str
    """As it was called, with its qualifier."""
    trace: Trace
    client_context: str | None = None
    """JSON."""
    on_chunk: Callable[[bytes], None] | None = None
    """Takes the parts of a streamed result as they come."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What became of a job. Times in milliseconds."""

    payload: bytes
    status: Status
    started: float
    """Unix seconds."""
    duration_ms: float
    init_ms: float | None
    """Only for the first job of an environment."""
    max_memory_mb: int | None
    """None where the operating system does not say."""
    streamed: bool = False

    @property
    def billed_ms(self) -> int:
        """Whole milliseconds; a cold start is billed too."""
        return max(1, -int(-(self.duration_ms + (self.init_ms or 0.0)) // 1))

    @property
    def error_type(self) -> str:
        """Type of the error, empty for a success."""
        if self.status == "success":
            return ""
        try:
            return str(json.loads(self.payload)["errorType"])
        except (ValueError, KeyError, TypeError):
            return "Runtime.Unknown"


def failure(kind: str, message: str) -> bytes:
    """The payload of an invocation that the service itself, not the handler, says has failed."""
    return json.dumps({"errorType": kind, "errorMessage": message}).encode()
