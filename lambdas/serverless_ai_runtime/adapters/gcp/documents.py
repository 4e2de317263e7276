"""Events of Firestore documents (`DocumentEventData` in protobuf) -> plain values.

Field numbers: google/events/cloud/firestore/v1/data.proto, google/firestore/v1/document.proto (2026-11).
"""

from __future__ import annotations

import math
from binascii import b2a_base64
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from serverless_ai_runtime.adapters.gcp.protobuf import WireError, double, fields, signed

_VALUE_OF_EVENT: Final = 1
_NAME, _FIELDS, _UPDATED = 1, 2, 4
_BOOLEAN, _INTEGER, _DOUBLE, _REFERENCE, _MAP, _GEO, _ARRAY = 1, 2, 3, 5, 6, 8, 9
_TIME, _NULL, _TEXT, _BYTES = 10, 11, 17, 18
_DEEPEST: Final = 50
"""Of maps and arrays in each other; Firestore allows 20."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Written(NamedTuple):
    """A document as it is after a write."""

    name: str
    """projects/P/databases/D/documents/C/I."""
    updated: str
    """When, in ISO 8601: tells one version of it from the next."""
    fields: dict[str, Any]
    """JSON: bytes as base64, moments in ISO 8601, references by name, numbers that JSON has not as text."""


def written(body: bytes) -> Written | None:
    """The document that a write has left; None if it deleted it. Raises `WireError`."""
    found = [_bytes(content) for number, content in fields(body) if number == _VALUE_OF_EVENT]
    if not found:
        return None
    name, updated, content = "", "", dict[str, Any]()
    for number, value in fields(found[-1]):
        if number == _NAME:
            name = _text(value)
        elif number == _FIELDS:
            key, item = _entry(_bytes(value), 0)
            content[key] = item
        elif number == _UPDATED:
            updated = _moment(_bytes(value))
    if not name or not updated:
        raise WireError("a document without a name or a time")
    return Written(name, updated, content)


def _entry(data: bytes, depth: int) -> tuple[str, Any]:
    key, value = "", None
    for number, content in fields(data):
        if number == 1:
            key = _text(content)
        elif number == 2:
            value = _value(_bytes(content), depth + 1)
    return key, value


def _value(data: bytes, depth: int) -> Any:
    """A google.firestore.v1.Value; the last of its kinds counts."""
    if depth > _DEEPEST:
        raise WireError(f"maps or arrays that are more than {_DEEPEST} deep")
    result: Any = None
    for number, content in fields(data):
        result = _scalar(number, content) if isinstance(content, int) else _message(number, content, depth)
    return result


def _scalar(number: int, value: int) -> Any:
    if number == _BOOLEAN:
        return value != 0
    return signed(value) if number == _INTEGER else None


def _message(number: int, data: bytes, depth: int) -> Any:
    if number == _MAP:
        return dict(_entry(_bytes(content), depth) for one, content in fields(data) if one == 1)
    if number == _ARRAY:
        return [_value(_bytes(content), depth + 1) for one, content in fields(data) if one == 1]
    read = _LEAVES.get(number)
    return read(data) if read else None


def _place(data: bytes) -> dict[str, Any]:
    found = {number: _finite(double(_bytes(content))) for number, content in fields(data)}
    return {"latitude": found.get(1, 0.0), "longitude": found.get(2, 0.0)}


def _moment(data: bytes) -> str:
    seconds, nanos = 0, 0
    for number, content in fields(data):
        if isinstance(content, int):
            seconds, nanos = (signed(content), nanos) if number == 1 else (seconds, signed(content))
    try:
        moment = _EPOCH + timedelta(seconds=seconds, microseconds=nanos // 1000)
    except OverflowError:
        raise WireError("a moment that no calendar has") from None
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _finite(value: float) -> float | str:
    return value if math.isfinite(value) else str(value)


def _bytes(content: int | bytes) -> bytes:
    if isinstance(content, int):
        raise WireError("a number where a message is expected")
    return content


def _text(content: int | bytes) -> str:
    try:
        return _bytes(content).decode()
    except UnicodeDecodeError:
        raise WireError("a text that is not UTF-8") from None


_LEAVES: Final[Mapping[int, Callable[[bytes], Any]]] = {
    _TEXT: _text,
    _REFERENCE: _text,
    _DOUBLE: lambda data: _finite(double(data)),
    _TIME: _moment,
    _BYTES: lambda data: b2a_base64(data, newline=False).decode(),
    _GEO: _place,
}
