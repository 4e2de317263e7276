"""A rate limit that one instance keeps by itself, for clouds whose gateways do not."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock

from serverless_ai_runtime.core.replies import Rejection


class TooManyRequests(Rejection):
    """429: this instance has let through as many requests as it may."""

    status = 429

    def __init__(self, wait_s: float) -> None:
        text = "the endpoint takes no more requests at the moment; try again later"
        super().__init__("too_many_requests", text, retry_after_s=max(1, int(wait_s + 0.999)))


class RateLimit:
    """A bucket of `burst` requests that is filled again by `per_second`; safe to share between threads."""

    def __init__(self, per_second: int, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second, self._burst, self._clock = per_second, burst, clock
        self._lock = Lock()
        self._left, self._filled_at = float(burst), clock()

    def admit(self) -> None:
        """Count one request; raises `TooManyRequests`."""
        with self._lock:
            now = self._clock()
            gained = (now - self._filled_at) * self._per_second
            self._left, self._filled_at = min(self._burst, self._left + gained), now
            if self._left < 1:
                raise TooManyRequests((1 - self._left) / self._per_second)
            self._left -= 1
