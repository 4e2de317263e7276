"""The answers that the gateway gives itself, in API Gateway's words."""

from __future__ import annotations

import json
from collections.abc import Sequence

from serverless_ai_local.gateway.event import Outgoing


class Refusal(Exception):
    """The request ends here with this status and message."""

    def __init__(
        self, status: int, message: str, *, cause: str = "", headers: Sequence[tuple[str, str]] = ()
    ) -> None:
        """`cause` is for the access log and never sent to the caller."""
        super().__init__(message)
        self.status, self.message, self.cause, self.headers = status, message, cause, tuple(headers)

    def outgoing(self) -> Outgoing:
        """The response."""
        body = json.dumps({"message": self.message}, separators=(",", ":")).encode()
        return Outgoing(
            status=self.status, body=body, headers=[("content-type", "application/json"), *self.headers]
        )


def not_found() -> Refusal:
    return Refusal(404, "Not Found")


def forbidden(cause: str) -> Refusal:
    return Refusal(403, "Forbidden", cause=cause)


def too_many_requests() -> Refusal:
    return Refusal(429, "Too Many Requests")


def too_large() -> Refusal:
    return Refusal(413, "Request Too Long")


def unavailable(cause: str) -> Refusal:
    return Refusal(503, "Service Unavailable", cause=cause)


def internal(cause: str) -> Refusal:
    return Refusal(500, "Internal Server Error", cause=cause)


def not_offered(what: str) -> Refusal:
    """Deployed, but this gateway cannot do it: said openly, unlike the cloud's own errors."""
    return Refusal(501, f"the local gateway does not offer {what}", cause=what)
