"""AWS error responses -> `ServiceError`: codes and messages of the JSON protocols; what to try again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, cast

from serverless_ai_runtime.core.ports import Refused, ServiceError, Throttled, Unavailable
from serverless_ai_runtime.http import Response

CONDITION_FAILED: Final = "ConditionalCheckFailedException"

# The union of botocore's list (retries/standard.py) and Bedrock's model that is still being loaded.
_THROTTLED: Final = frozenset(
    (
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
        "LimitExceededException",
        "ModelNotReadyException",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionInProgressException",
    )
)
_TRANSIENT: Final = frozenset(
    (
        "InternalServerException",
        "ModelErrorException",
        "ModelStreamErrorException",
        "ModelTimeoutException",
        "RequestTimeout",
        "RequestTimeoutException",
        "ServiceUnavailableException",
    )
)
_TRANSIENT_STATUS: Final = frozenset((408, 500, 502, 503, 504))


class ConditionFailed(Refused):
    """A conditional write of DynamoDB lost; `item` is what is there instead."""

    item: Mapping[str, Any] = {}


def decode(service: str, operation: str, response: Response, *, rest: bool) -> ServiceError:
    """The error in a failed response of the REST-JSON protocol (`rest`) or the JSON protocol."""
    body = _object(response.body)
    find = _rest_code if rest else _json_code
    message = body.get("message", body.get("Message", ""))
    error = classify(service, operation, response.status, find(response, body), _text(message))
    if isinstance(error, ConditionFailed):
        error.item = body.get("Item") or {}
    return error


def classify(service: str, operation: str, status: int, code: str, message: str) -> ServiceError:
    """The neutral error for a code; `status` decides where the code is unknown (0: there was none)."""
    kind: type[ServiceError] = Refused
    if code in _THROTTLED or status == 429:
        kind = Throttled
    elif code in _TRANSIENT or status in _TRANSIENT_STATUS:
        kind = Unavailable
    elif code == CONDITION_FAILED:
        kind = ConditionFailed
    return kind(service, operation, status, code, message)


def _json_code(response: Response, body: Mapping[str, Any]) -> str:
    """From `__type`; a service that moved from the query protocol (SQS) keeps its old codes in a header."""
    legacy = response.headers.get("x-amzn-query-error", "").split(";")
    if len(legacy) == 2 and legacy[0]:
        return legacy[0]
    return _bare(body.get("__type", response.status))


def _rest_code(response: Response, body: Mapping[str, Any]) -> str:
    """From the header x-amzn-errortype or the body's `code`, else as in the JSON protocol."""
    code: object = response.headers.get("x-amzn-errortype")
    if code is None:
        code = body.get("code", body.get("Code"))
    return _json_code(response, body) if code is None else _bare(code)


def _bare(code: object) -> str:
    """`com.amazon.coral#ThrottlingException:http://...` -> `ThrottlingException`."""
    return str(code).split(":", 1)[0].rsplit("#", 1)[-1]


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _object(body: bytes) -> Mapping[str, Any]:
    """The JSON object in `body`; anything else becomes its message."""
    text = body.decode("utf-8", "replace")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {"message": text[:500]}
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {"message": text[:500]}
