"""Bytes from outside -> a chat request, or an `InvalidRequest` that names the field and what is allowed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, cast

from serverless_ai_runtime.core.replies import Rejection

MAX_BODY_BYTES: Final = 64 * 1024
MAX_MESSAGE_CHARS: Final = 32_000
SESSION_ID_CHARS: Final = 32
FIELDS: Final = ("message", "session_id")


class InvalidRequest(Rejection):
    """400: the request is not one that this endpoint can answer."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__("invalid_request", message, field=field)


class Caller(NamedTuple):
    """Who calls, as the cloud's own authorisation says."""

    id: str
    claims: Mapping[str, Any]
    """Of the token, by name; none for a caller without a token."""


class ChatRequest(NamedTuple):
    message: str
    session_id: str | None


def parse_chat(body: bytes) -> ChatRequest:
    """The request in `body`; raises `InvalidRequest`."""
    fields = json_fields(body, FIELDS, '{"message": "Hello"}')
    if "message" not in fields:
        raise InvalidRequest("message", f"message is missing; it must be a string of {_MESSAGE}")
    return ChatRequest(check_message(fields["message"]), session_id(fields.get("session_id")))


def check_message(message: object) -> str:
    """A message that a model can be asked; raises `InvalidRequest`."""
    if not isinstance(message, str):
        raise InvalidRequest("message", f"message must be a string, got {kind_of(message)}")
    if not message.strip():
        raise InvalidRequest(
            "message", f"message is empty; it must be a string of {_MESSAGE}, not only white space"
        )
    if len(message) > MAX_MESSAGE_CHARS:
        raise InvalidRequest("message", f"message has {len(message)} characters; it must have {_MESSAGE}")
    try:
        message.encode()
    except UnicodeEncodeError:
        raise InvalidRequest(
            "message", "message must be valid Unicode: it holds half a surrogate pair"
        ) from None
    return message


_MESSAGE: Final = f"1 to {MAX_MESSAGE_CHARS} characters"


def session_id(value: object) -> str | None:
    """Of an earlier answer, or None to begin a session; raises `InvalidRequest`."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise InvalidRequest("session_id", f"session_id must be a string, got {kind_of(value)}")
    if len(value) != SESSION_ID_CHARS or value.strip("0123456789abcdef"):
        allowed = (
            f"the {SESSION_ID_CHARS} hexadecimal digits of an earlier answer, or left out to begin a session"
        )
        raise InvalidRequest("session_id", f"session_id is malformed; it must be {allowed}")
    return value


def json_fields(body: bytes, allowed: Sequence[str], example: str) -> dict[str, Any]:
    """The JSON object in `body`, which has no other fields than those allowed; raises `InvalidRequest`."""
    fields = _json_object(body, example)
    for name in fields:
        if name not in allowed:
            raise InvalidRequest(shown(name), f"unknown field {shown(name)}; allowed: {', '.join(allowed)}")
    return fields


def _json_object(body: bytes, example: str) -> dict[str, Any]:
    if len(body) > MAX_BODY_BYTES:
        raise InvalidRequest("body", f"body has {len(body)} bytes; at most {MAX_BODY_BYTES} are allowed")
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise InvalidRequest("body", f"body must be valid UTF-8; byte {error.start} is not") from None
    try:
        value: object = json.loads(text, object_pairs_hook=_no_repeats)
    except (ValueError, RecursionError):  # malformed, absurdly long numbers, absurdly deep nesting
        raise InvalidRequest("body", f"body must be JSON, e.g. {example}") from None
    if not isinstance(value, dict):
        raise InvalidRequest("body", f"body must be a JSON object, got {kind_of(value)}")
    return cast("dict[str, Any]", value)


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, value in pairs:
        if name in fields:
            raise InvalidRequest(shown(name), f"field {shown(name)} is given twice")
        fields[name] = value
    return fields


def shown(name: str) -> str:
    """A name from outside, short and printable: it goes into replies and logs."""
    return ascii(name[:40])[1:-1] or "(empty)"


def kind_of(value: object) -> str:
    """What JSON calls it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float):
        return "a number"
    return "a string" if isinstance(value, str) else "an array" if isinstance(value, list) else "an object"
