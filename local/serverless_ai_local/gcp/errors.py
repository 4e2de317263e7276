"""Refusals in Google's own form: google.rpc.Status as JSON, with the HTTP status that goes with its code."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from werkzeug.wrappers import Response

HTTP: Final[Mapping[str, int]] = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "CONDITION_NOT_MET": 412,
    "ABORTED": 409,
    "ALREADY_EXISTS": 409,
    "RESOURCE_EXHAUSTED": 429,
    "INTERNAL": 500,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}
"""Source: google/rpc/code.proto, 2026-11."""


class RpcError(Exception):
    """A call is refused; `status` is a key of `HTTP`."""

    def __init__(self, status: str, message: str, details: Sequence[Mapping[str, Any]] = ()) -> None:
        super().__init__(message)
        self.status, self.message, self.details = status, message, details

    def body(self) -> dict[str, Any]:
        """As Google's services write it."""
        error: dict[str, Any] = {"code": HTTP[self.status], "message": self.message, "status": self.status}
        if self.details:
            error["details"] = list(self.details)
        return {"error": error}

    def response(self) -> Response:
        """The HTTP answer."""
        return reply(self.body(), HTTP[self.status])


def reply(content: Any, status: int = 200) -> Response:
    """JSON, as Google's services send it."""
    return Response(
        json.dumps(content, ensure_ascii=False), status, content_type="application/json; charset=UTF-8"
    )


def invalid(message: str) -> RpcError:
    return RpcError("INVALID_ARGUMENT", message)


def missing(message: str) -> RpcError:
    return RpcError("NOT_FOUND", message)


def not_offered(what: str) -> RpcError:
    """Google has it, the local cloud has not: said openly."""
    return RpcError("UNIMPLEMENTED", f"the local cloud does not offer {what}")
