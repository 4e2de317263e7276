"""The values that the parts of the local AWS hand to each other: a call, and how to run a function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from werkzeug.wrappers import Request, Response


class ApiError(Exception):
    """An error of the cloud's own: the front writes it in the wire format of the service that was called."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.status = code, message, status


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    """Who makes a call. `role_arn` is set for credentials issued to a function: its role is enforced."""

    arn: str
    account: str
    access_key: str
    role_arn: str | None = None
    user_id: str = ""

    @property
    def administrator(self) -> bool:
        """The root key and sessions of STS may do all, IAM users and issued roles what their policies say."""
        return self.role_arn is None and ":user/" not in self.arn


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One API call after its signature was verified and its operation recognised."""

    service: str
    """Signing name, e.g. `lambda`, `bedrock`."""
    operation: str
    """botocore's operation name, e.g. `PutEvents`."""
    region: str
    account: str
    identity: Identity
    request: Request


Handler = Callable[[Call], Response]
Operations = Mapping[tuple[str, str], Handler]
"""(service, operation) -> handler. What none claims goes to moto; what moto lacks is an error by name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Invocation:
    """What came back from a function."""

    payload: bytes
    error: str | None = None
    """`Unhandled` when the function failed; the payload then holds errorType and errorMessage."""
    status: int = 200
    """429 when it was throttled (reserved concurrency)."""
    log: str = ""
    """The last 4 KB of this invocation's log."""
    version: str = "$LATEST"
    """The version that ran."""
    request_id: str = ""


class Functions(Protocol):
    """Run deployed functions."""

    def invoke(self, function_arn: str, payload: bytes) -> Invocation:
        """Synchronous: wait for the answer. Unknown function: KeyError."""
        ...

    def enqueue(self, function_arn: str, payload: bytes) -> None:
        """Asynchronous: retried and dead-lettered as the function's event configuration says."""
        ...
