"""Google's error responses (google.rpc.Status in JSON) -> `ServiceError`; what to try again, and when."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, cast

from serverless_ai_runtime.core.ports import Refused, ServiceError, Throttled, Unavailable
from serverless_ai_runtime.http import Response

ABORTED: Final = "ABORTED"
"""Firestore met another write of the same document: nothing was done, and it wants to be asked again."""
ALREADY_EXISTS: Final = "ALREADY_EXISTS"
FAILED_PRECONDITION: Final = "FAILED_PRECONDITION"
NOT_FOUND: Final = "NOT_FOUND"

_THROTTLED: Final = frozenset((ABORTED, "RESOURCE_EXHAUSTED"))
_TRANSIENT: Final = frozenset(("CANCELLED", "DEADLINE_EXCEEDED", "INTERNAL", "UNAVAILABLE", "UNKNOWN"))
# Where a proxy answered, and not the service, there is only a status.
_TRANSIENT_STATUS: Final = frozenset((408, 499, 500, 502, 503, 504))

_RETRY_INFO: Final = "type.googleapis.com/google.rpc.RetryInfo"


def decode(service: str, operation: str, response: Response) -> ServiceError:
    """The error in a failed response; of a streaming method it stands in a list."""
    try:
        body: object = json.loads(response.body)
    except (ValueError, RecursionError):
        body = None
    if isinstance(body, list) and body:
        body = cast("list[object]", body)[0]
    if isinstance(body, dict) and isinstance(error := cast("dict[str, object]", body).get("error"), dict):
        return from_status(service, operation, response.status, cast("dict[str, Any]", error))
    text = response.body[:500].decode("utf-8", "replace")
    return _classified(service, operation, response.status, str(response.status), text)


def from_status(service: str, operation: str, status: int, error: Mapping[str, Any]) -> ServiceError:
    """The neutral error for a google.rpc.Status; `status` is HTTP's, 0 where there was none."""
    code, message = error.get("status"), error.get("message")
    failure = _classified(
        service,
        operation,
        status,
        code if isinstance(code, str) else str(error.get("code", status)),
        message if isinstance(message, str) else "",
    )
    failure.retry_after_s = _retry_delay(error.get("details"))
    return failure


def _classified(service: str, operation: str, status: int, code: str, message: str) -> ServiceError:
    kind: type[ServiceError] = Refused
    if code in _THROTTLED or status == 429:
        kind = Throttled
    elif code in _TRANSIENT or status in _TRANSIENT_STATUS:
        kind = Unavailable
    return kind(service, operation, status, code, message)


def _retry_delay(details: object) -> float:
    """Seconds of the RetryInfo among the details, written as `1.5s`; 0.0 if there is none."""
    for detail in cast("list[object]", details) if isinstance(details, list) else ():
        if isinstance(detail, dict) and cast("dict[str, object]", detail).get("@type") == _RETRY_INFO:
            return _seconds(cast("dict[str, object]", detail).get("retryDelay"))
    return 0.0


def _seconds(text: object) -> float:
    digits = text.removesuffix("s") if isinstance(text, str) else ""
    plain = digits.replace(".", "", 1)
    return float(digits) if plain.isascii() and plain.isdigit() and len(plain) < 30 else 0.0
