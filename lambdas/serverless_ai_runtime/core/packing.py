"""Requests within the limits of a service."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def packed(items: Iterable[T], size: Callable[[T], int], most: int, most_bytes: int) -> Iterator[list[T]]:
    """As few lists as the limits of a request allow; what is too large goes alone, for the service to refuse.

    `most`: items of one request; `size`: bytes of an item in it, what stands around it included.
    """
    held: list[T] = []
    bytes_held = 0
    for item in items:
        more = size(item)
        if held and (len(held) == most or bytes_held + more > most_bytes):
            yield held
            held, bytes_held = [], 0
        held.append(item)
        bytes_held += more
    if held:
        yield held
