"""A written document as Eventarc tells of it: `DocumentEventData` in protobuf.

Field numbers: google/events/cloud/firestore/v1/data.proto, google/firestore/v1/document.proto (2026-11).
"""

from __future__ import annotations

import struct
from base64 import b64decode
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

_VALUE, _OLD_VALUE = 1, 2
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def event_data(after: Mapping[str, Any] | None, before: Mapping[str, Any] | None) -> bytes:
    """Of documents as the REST API writes them; None where there is or was none."""
    return b"".join(
        _bytes(number, _document(one)) for number, one in ((_VALUE, after), (_OLD_VALUE, before)) if one
    )


def _document(one: Mapping[str, Any]) -> bytes:
    parts = [_bytes(1, str(one["name"]).encode()), *_entries(2, one["fields"])]
    parts += [_bytes(number, _time(one[key])) for number, key in ((3, "createTime"), (4, "updateTime"))]
    return b"".join(parts)


def _entries(number: int, fields: Mapping[str, Any]) -> list[bytes]:
    return [
        _bytes(number, _bytes(1, key.encode()) + _bytes(2, _value(value))) for key, value in fields.items()
    ]


def _value(value: Mapping[str, Any]) -> bytes:
    (kind, content), *_ = value.items()
    return _KINDS[kind](content)


def _varint(value: int) -> bytes:
    value &= 2**64 - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _number(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _bytes(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _double(number: int, value: float) -> bytes:
    return _varint(number << 3 | 1) + struct.pack("<d", float(value))


def _time(text: str) -> bytes:
    since = datetime.fromisoformat(text) - _EPOCH
    seconds = since // timedelta(seconds=1)
    nanos = (since - timedelta(seconds=seconds)) // timedelta(microseconds=1) * 1000
    return _number(1, seconds) + (_number(2, nanos) if nanos else b"")


_KINDS: Final[Mapping[str, Callable[[Any], bytes]]] = {
    "nullValue": lambda content: _number(11, 0),
    "booleanValue": lambda content: _number(1, int(content)),
    "integerValue": lambda content: _number(2, int(content)),
    "doubleValue": lambda content: _double(3, content),
    "timestampValue": lambda content: _bytes(10, _time(content)),
    "stringValue": lambda content: _bytes(17, str(content).encode()),
    "bytesValue": lambda content: _bytes(18, b64decode(content)),
    "referenceValue": lambda content: _bytes(5, str(content).encode()),
    "geoPointValue": lambda content: _bytes(
        8, _double(1, content.get("latitude", 0)) + _double(2, content.get("longitude", 0))
    ),
    "arrayValue": lambda content: _bytes(
        9, b"".join(_bytes(1, _value(one)) for one in content.get("values", ()))
    ),
    "mapValue": lambda content: _bytes(6, b"".join(_entries(1, content.get("fields", {})))),
}
