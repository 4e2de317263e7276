"""Tokens that services want to see: kept until shortly before they end, fetched once for all who wait."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock
from typing import NamedTuple

from serverless_ai_runtime.core.ports import Deadline, TimedOut


class Token(NamedTuple):
    text: str
    keep_s: float
    """How long it may be used before it is fetched anew."""


class _Kept(NamedTuple):
    text: str
    wall_end: float
    steady_end: float
    """Two clocks, because each misleads: the wall clock is set back and forth, the steady one stands still
    while the machine sleeps. The token is good while both say so."""


class TokenCache:
    """One token a resource, shared by all threads of a process; concurrent callers wait for one request."""

    def __init__(
        self,
        issuer: str,
        fetch: Callable[[str, Deadline], Token],
        now: Callable[[], float],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._issuer, self._fetch, self._now, self._clock = issuer, fetch, now, clock
        self._kept: dict[str, _Kept] = {}
        self._locks: dict[str, Lock] = {}

    def get(self, resource: str, deadline: Deadline) -> str:
        """A token for `resource`; raises what `fetch` raises, or `TimedOut`."""
        good = self._good(resource)
        if good is not None:
            return good
        lock = self._locks.setdefault(resource, Lock())
        if not lock.acquire(timeout=deadline.remaining()):
            text = "another call for this token takes too long"
            raise TimedOut(self._issuer, "GetToken", 0, "TimedOut", text)
        try:
            return self._good(resource) or self._renewed(resource, deadline)
        finally:
            lock.release()

    def drop(self, resource: str, text: str) -> None:
        """Forget the token `text`, which the service behind `resource` did not take; not a newer one."""
        kept = self._kept.get(resource)
        if kept is not None and kept.text == text:
            self._kept.pop(resource, None)

    def _good(self, resource: str) -> str | None:
        kept = self._kept.get(resource)
        if kept is None or self._now() >= kept.wall_end or self._clock() >= kept.steady_end:
            return None
        return kept.text

    def _renewed(self, resource: str, deadline: Deadline) -> str:
        text, keep_s = self._fetch(resource, deadline)
        self._kept[resource] = _Kept(text, self._now() + keep_s, self._clock() + keep_s)
        return text
