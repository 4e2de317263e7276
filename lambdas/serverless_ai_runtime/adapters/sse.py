"""Server-sent events (WHATWG HTML, section 9.2) -> their data, as models stream their answers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

MAX_EVENT_BYTES: Final = 1024 * 1024


class EventTooLong(ValueError):
    """An event did not end in time."""


def decode(chunks: Iterable[bytes]) -> Iterator[str]:
    """The data of each event, however the bytes are cut; other fields and comments are left out.

    An event that the stream does not end with an empty line is incomplete, and left out as well.
    """
    data: list[bytes] = []
    size = 0
    for line in _lines(chunks):
        if not line:
            if data:
                yield b"\n".join(data).decode("utf-8", "replace")
            data, size = [], 0
            continue
        field, _, value = line.partition(b":")
        if field == b"data":
            data.append(value[1:] if value.startswith(b" ") else value)
            size += len(value) + 1
            if size > MAX_EVENT_BYTES:
                raise EventTooLong(f"an event has more than {MAX_EVENT_BYTES} bytes")


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Lines, ended by LF, CR or CR LF; what follows the last end is not a line."""
    rest, after_return = b"", False
    for chunk in filter(None, chunks):
        new = chunk[1:] if after_return and chunk.startswith(b"\n") else chunk
        after_return = chunk.endswith(b"\r")
        *lines, rest = (rest + new).replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        yield from lines
        if len(rest) > MAX_EVENT_BYTES:
            raise EventTooLong(f"a line has more than {MAX_EVENT_BYTES} bytes")
