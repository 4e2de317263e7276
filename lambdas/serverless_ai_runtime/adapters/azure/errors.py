"""Azure's error responses -> `ServiceError`: one reader for the shapes of its services; what to try again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, cast

from serverless_ai_runtime.core.ports import Refused, ServiceError, Throttled, Unavailable
from serverless_ai_runtime.http import Response

# 449: Cosmos DB met a concurrent write of the same item, did nothing, and wants the request again.
_THROTTLED_STATUS: Final = frozenset((429, 449))
# 410: Cosmos DB moves the partition.
_TRANSIENT_STATUS: Final = frozenset((408, 410, 500, 502, 503, 504))

# What comes in mid-stream has no status.
_THROTTLED: Final = frozenset(("429", "too_many_requests", "rate_limit_exceeded", "RateLimitReached"))
_TRANSIENT: Final = frozenset(
    ("500", "503", "InternalServerError", "internal_error", "server_error", "service_unavailable", "timeout")
)


def decode(service: str, operation: str, response: Response) -> ServiceError:
    """The error in a failed response: JSON of Foundry, Cosmos DB or the identity endpoint, XML of Storage.

    A substatus of Cosmos DB follows the code after a dot: `NotFound.1003` is a missing container, and not a
    missing item.
    """
    body = _object(response.body)
    error = cast("Mapping[str, Any]", body["error"]) if isinstance(body.get("error"), dict) else body
    code = response.headers.get("x-ms-error-code") or _text(error.get("code")) or str(response.status)
    substatus = response.headers.get("x-ms-substatus", "0")
    if substatus != "0":
        code += "." + substatus
    message = _text(error.get("message")) or _xml_message(response.body) or _start(response.body)
    return classify(service, operation, response.status, code, message)


def classify(service: str, operation: str, status: int, code: str, message: str) -> ServiceError:
    """The neutral error for a status, or for a code where there was no status (0)."""
    kind: type[ServiceError] = Refused
    if status in _THROTTLED_STATUS or (not status and code in _THROTTLED):
        kind = Throttled
    elif status in _TRANSIENT_STATUS or (not status and code in _TRANSIENT):
        kind = Unavailable
    return kind(service, operation, status, code, message)


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _xml_message(body: bytes) -> str:
    """Text of the element `Message`, as Storage writes it."""
    _, _, rest = body.partition(b"<Message>")
    text, end, _ = rest.partition(b"</Message>")
    return text.decode("utf-8", "replace") if end else ""


def _start(body: bytes) -> str:
    return body.decode("utf-8", "replace")[:500]


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
