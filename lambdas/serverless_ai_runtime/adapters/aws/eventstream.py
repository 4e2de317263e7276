"""Decoding of `application/vnd.amazon.eventstream`: framed messages with typed headers and two checksums."""

from __future__ import annotations

from binascii import crc32
from collections.abc import Callable, Iterable, Iterator
from struct import Struct
from typing import Final, NamedTuple

MAX_HEADERS: Final = 128 * 1024
MAX_PAYLOAD: Final = 24 * 1024 * 1024
"""Bytes of headers and payload that a message may have, by the specification."""

HeaderValue = bool | int | str | bytes

_PRELUDE: Final = Struct("!III")
_CRC: Final = Struct("!I")


class EventStreamError(ValueError):
    """Not an event stream: a checksum, a length or a header is wrong, or it ends in mid-message."""


class Message(NamedTuple):
    headers: dict[str, HeaderValue]
    payload: bytes


def decode(chunks: Iterable[bytes]) -> Iterator[Message]:
    """Messages as they become complete; raises `EventStreamError`."""
    buffer = bytearray()
    for chunk in chunks:
        buffer += chunk
        while (size := _size(buffer)) and len(buffer) >= size:
            yield _message(bytes(buffer[:size]))
            del buffer[:size]
    if buffer:
        raise EventStreamError(f"the stream ended {len(buffer)} bytes into a message")


def _size(buffer: bytearray) -> int:
    """Length of the message that begins here; 0 if its prelude has not arrived."""
    if len(buffer) < _PRELUDE.size:
        return 0
    total, headers, checksum = _PRELUDE.unpack_from(buffer)
    if headers > MAX_HEADERS:
        raise EventStreamError(f"{headers} bytes of headers; at most {MAX_HEADERS} are allowed")
    payload = total - headers - _PRELUDE.size - _CRC.size
    if payload > MAX_PAYLOAD:
        raise EventStreamError(f"{payload} bytes of payload; at most {MAX_PAYLOAD} are allowed")
    if crc32(buffer[: _PRELUDE.size - _CRC.size]) != checksum:
        raise EventStreamError("the checksum of a prelude does not match")
    if payload < 0:
        raise EventStreamError(f"a message of {total} bytes cannot hold {headers} bytes of headers")
    return total


def _message(data: bytes) -> Message:
    total, length, _ = _PRELUDE.unpack_from(data)
    (checksum,) = _CRC.unpack_from(data, total - _CRC.size)
    if crc32(data[: total - _CRC.size]) != checksum:
        raise EventStreamError("the checksum of a message does not match")
    end = _PRELUDE.size + length
    try:
        headers = _headers(_Reader(data[_PRELUDE.size : end]))
    except (UnicodeDecodeError, IndexError):
        raise EventStreamError("a header is cut off or not text") from None
    return Message(headers, data[end : total - _CRC.size])


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def more(self) -> bool:
        return self._at < len(self._data)

    def take(self, count: int) -> bytes:
        if self._at + count > len(self._data):
            raise IndexError(count)
        self._at += count
        return self._data[self._at - count : self._at]

    def number(self, width: int, *, signed: bool = True) -> int:
        return int.from_bytes(self.take(width), "big", signed=signed)

    def sized(self, width: int) -> bytes:
        return self.take(self.number(width, signed=False))


# By type byte; 8 is a timestamp in milliseconds, 9 a UUID.
_VALUES: Final[tuple[Callable[[_Reader], HeaderValue], ...]] = (
    lambda reader: True,
    lambda reader: False,
    lambda reader: reader.number(1),
    lambda reader: reader.number(2),
    lambda reader: reader.number(4),
    lambda reader: reader.number(8),
    lambda reader: reader.sized(2),
    lambda reader: reader.sized(2).decode(),
    lambda reader: reader.number(8),
    lambda reader: reader.take(16),
)


def _headers(reader: _Reader) -> dict[str, HeaderValue]:
    headers: dict[str, HeaderValue] = {}
    while reader.more():
        name = reader.sized(1).decode()
        kind = reader.number(1, signed=False)
        if kind >= len(_VALUES):
            raise EventStreamError(f"a header has type {kind}; 0 to {len(_VALUES) - 1} are allowed")
        if name in headers:
            raise EventStreamError(f"header {name!r} is given twice")
        headers[name] = _VALUES[kind](reader)
    return headers
