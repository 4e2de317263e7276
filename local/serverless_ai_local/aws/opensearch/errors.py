"""What OpenSearch says when it refuses, in its own JSON."""

from __future__ import annotations

import json
import uuid
from typing import Any, Final

from werkzeug.wrappers import Response

JSON: Final = "application/json; charset=UTF-8"
NO_PERMISSION: Final = (
    "OpenSearch exception [type=authorization_exception, reason=User does not have permissions for the "
    "requested resource]"
)


class SearchError(Exception):
    """A request that is refused."""

    def __init__(self, status: int, kind: str, reason: str) -> None:
        super().__init__(f"{kind}: {reason}")
        self.status, self.kind, self.reason = status, kind, reason

    def body(self) -> dict[str, str]:
        """As one item of a bulk request has it."""
        return {"type": self.kind, "reason": self.reason}


def illegal(reason: str) -> SearchError:
    """A value that cannot be."""
    return SearchError(400, "illegal_argument_exception", reason)


def unparsable(reason: str) -> SearchError:
    """A query or a body that cannot be read."""
    return SearchError(400, "parsing_exception", reason)


def no_permission() -> SearchError:
    """No data access policy allows it."""
    return SearchError(403, "security_exception", NO_PERMISSION)


def reply(content: Any, status: int = 200) -> Response:
    """A JSON answer."""
    return Response(json.dumps(content), status, content_type=JSON)


def refusal(error: SearchError) -> Response:
    """The answer to a request that is refused."""
    whole = {"root_cause": [error.body()], **error.body()}
    return reply({"error": whole, "status": error.status}, error.status)


def forbidden() -> Response:
    """Of the front, which lets nobody in whose signature, IAM policies or network are not right."""
    error = {"reason": "403 Forbidden", "type": "Forbidden"}
    return reply({"status": 403, "request-id": str(uuid.uuid4()), "error": error}, 403)
