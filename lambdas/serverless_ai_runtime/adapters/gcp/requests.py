"""Requests to a function on Cloud Run as plain values, whose host speaks another library's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from serverless_ai_runtime.core.replies import Rejection

TRACE: Final = "logging.googleapis.com/trace"
"""Field of a log line by which Cloud Logging knows its trace."""
_TRACE_DIGITS: Final = 32


class Request(NamedTuple):
    method: str
    path: str
    headers: Mapping[str, str]
    """By their names in lower case."""
    body: bytes


class Response(NamedTuple):
    body: str | Iterator[str]
    """Whole, or as it comes."""
    status: int
    headers: dict[str, str]


class ForbiddenError(Rejection):
    """403: the account may invoke the function, but this path is not meant for it."""

    status = 403

    def __init__(self) -> None:
        super().__init__("forbidden", "this path is not for this caller")


def trace(headers: Mapping[str, str], project: str) -> str:
    """The trace's name in Cloud Trace; "" if neither Google's header nor W3C's holds one."""
    own = headers.get("x-cloud-trace-context", "").partition("/")[0]
    found = (own or headers.get("traceparent", "")[3:35]).lower()
    if len(found) != _TRACE_DIGITS or found.strip("0123456789abcdef"):
        return ""
    return f"projects/{project}/traces/{found}"
