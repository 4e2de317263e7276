"""Replies over HTTP, and how every failure becomes one: the same statuses and words on every cloud.

400 the request is wrong, 404 no such session, 429 over budget, 503 come back later (throttled, busy, out of
time), 502 a service behind the endpoint failed or refused, 500 a fault of ours.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from serverless_ai_runtime.core.ports import ServiceError, Throttled, TimedOut, Unavailable

RETRY_AFTER_S = 2
"""Told to callers of a 503 when the service itself did not say how long to wait."""


class Reply(NamedTuple):
    status: int
    body: dict[str, Any]
    headers: dict[str, str]


class Rejection(Exception):
    """A failure that is the caller's to see as it is: it names what is wrong and what is allowed."""

    status = 400

    def __init__(self, code: str, message: str, *, field: str = "", retry_after_s: int = 0) -> None:
        super().__init__(message)
        self.code, self.message, self.field, self.retry_after_s = code, message, field, retry_after_s

    def extra(self) -> dict[str, Any]:
        """What the body says beside the error."""
        return {}


def failure(error: Exception) -> Reply:
    """The reply for an exception. What a service said about itself stays in the log."""
    if isinstance(error, Rejection):
        reason = {"code": error.code, "message": error.message}
        if error.field:
            reason["field"] = error.field
        return Reply(error.status, {"error": reason, **error.extra()}, _retry_after(error.retry_after_s))
    if isinstance(error, ServiceError):
        return _service_failure(error)
    return Reply(
        500,
        _error("internal_error", "The function failed; its log has the cause under this request's id."),
        {},
    )


def _service_failure(error: ServiceError) -> Reply:
    again = _retry_after(max(RETRY_AFTER_S, int(error.retry_after_s + 0.999)))
    if isinstance(error, TimedOut):
        text = f"{error.service} did not answer in time; try again, perhaps with a shorter message."
        return Reply(503, _error("deadline_exceeded", text), again)
    if isinstance(error, Throttled):
        return Reply(503, _error("throttled", f"{error.service} is at its limit; try again later."), again)
    if isinstance(error, Unavailable):
        return Reply(
            502, _error("service_unavailable", f"{error.service} failed or could not be reached."), {}
        )
    text = f"{error.service} refused the call; the function's log has the cause under this request's id."
    return Reply(502, _error("service_refused", text), {})


def _error(code: str, message: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": message}}


def _retry_after(seconds: int) -> dict[str, str]:
    return {"retry-after": str(seconds)} if seconds else {}
