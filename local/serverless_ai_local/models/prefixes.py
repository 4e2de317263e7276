"""What a provider keeps of prompts: a beginning that comes again within minutes is not computed anew."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from typing import Final, NamedTuple

from serverless_ai_local.models import tokens

KEPT_S: Final = 300.0
"""Bedrock: five minutes since the last use; Azure: five to ten; Google: up to a day."""
STEP: Final = 128
"""Tokens by which the length of what is read grows where providers cache by themselves."""
_MOST_KEPT: Final = 10_000


class Cached(NamedTuple):
    """Tokens of one prompt."""

    read: int = 0
    written: int = 0


class Prefixes:
    """Of all models of the cloud."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until: dict[bytes, float] = {}
        self._lock = threading.Lock()

    def automatic(self, model: str, texts: Sequence[str], least: int) -> int:
        """Tokens read of a prompt whose beginnings of `least` and each `STEP` more are kept from now on."""
        marks = _marks(model, texts, least)
        with self._lock:
            return max((length for length, mark in marks if self._kept(mark)), default=0)

    def at_points(self, model: str, beginnings: Iterable[str], least: int) -> Cached:
        """`beginnings`: the prompt up to each of its cache points. One of fewer than `least` is not kept."""
        read = written = 0
        with self._lock:
            for text in beginnings:
                count = tokens.count(text)
                if count < least:
                    continue
                if self._kept(_mark(model, text)):
                    read = max(read, count)
                else:
                    written = max(written, count)
        return Cached(read, max(0, written - read))

    def _kept(self, mark: bytes) -> bool:
        """Whether it is kept; it is from now on."""
        now = self._clock()
        there = self._until.pop(mark, 0.0) > now
        self._until[mark] = now + KEPT_S
        while len(self._until) > _MOST_KEPT:
            del self._until[next(iter(self._until))]
        return there


def _marks(model: str, texts: Sequence[str], least: int) -> list[tuple[int, bytes]]:
    """Lengths in tokens of a prompt's beginnings, and what tells each from others."""
    hashed = sha256(model.encode())
    found: list[tuple[int, bytes]] = []
    for number, token in enumerate(tokens.each("\0".join(texts)), 1):
        hashed.update(token.encode("utf-8", "surrogatepass") + b"\0")
        if number >= least and (number - least) % STEP == 0:
            found.append((number, hashed.digest()))
    return found


def _mark(model: str, text: str) -> bytes:
    return sha256(f"{model}\0{text}".encode("utf-8", "surrogatepass")).digest()
