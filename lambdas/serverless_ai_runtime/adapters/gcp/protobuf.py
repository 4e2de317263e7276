"""The wire format of protocol buffers, as far as a reader needs it: numbered fields, no schema.

Source: https://protobuf.dev/programming-guides/encoding, read 2026-11.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
_SIZES: Final = {FIXED64: 8, FIXED32: 4}
_LONGEST_VARINT: Final = 10


class WireError(ValueError):
    """These bytes are no message."""


def fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Number and content of each field: a varint as it stands, all else as its bytes. Raises `WireError`."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        number, kind = key >> 3, key & 7
        if number == 0:
            raise WireError("a field with the number 0")
        if kind == VARINT:
            value, at = _varint(data, at)
            yield number, value
            continue
        if kind == BYTES:
            size, at = _varint(data, at)
        elif kind in _SIZES:
            size = _SIZES[kind]
        else:
            raise WireError(f"a field of the wire type {kind}")
        if at + size > len(data):
            raise WireError("a field that goes on after the end")
        yield number, data[at : at + size]
        at += size


def signed(value: int) -> int:
    """A varint as the 64-bit integer that it stands for."""
    value &= 2**64 - 1
    return value - 2**64 if value >= 2**63 else value


def double(data: bytes) -> float:
    """A field of 64 fixed bits as a number. Raises `WireError`."""
    if len(data) != _SIZES[FIXED64]:
        raise WireError("a double that has not 8 bytes")
    return struct.unpack("<d", data)[0]


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for index in range(_LONGEST_VARINT):
        if at + index >= len(data):
            raise WireError("a number that goes on after the end")
        byte = data[at + index]
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value, at + index + 1
    raise WireError("a number of more than 64 bits")
