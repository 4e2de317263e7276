"""Token buckets, as stages and routes are throttled."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from serverless_ai_local.gateway.deployed import Api, Limit, Route, Stage


@dataclass(slots=True)
class _Bucket:
    limit: Limit
    tokens: float
    filled_at: float


class Throttle:
    """A bucket a stage, and one a route that has a limit of its own. A changed limit starts a full bucket."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._buckets: dict[tuple[str, ...], _Bucket] = {}
        self._lock = threading.Lock()

    def admit(self, api: Api, stage: Stage, route: Route) -> bool:
        """Take a token for one request; False when there is none."""
        own = stage.route_limits.get(route.key)
        if own is not None:
            return self._take((api.id, stage.name, route.key), own)
        return self._take((api.id, stage.name), stage.limit)

    def _take(self, key: tuple[str, ...], limit: Limit) -> bool:
        with self._lock:
            now = self._clock()
            bucket = self._buckets.get(key)
            if bucket is None or bucket.limit != limit:
                bucket = self._buckets[key] = _Bucket(limit, float(limit.burst), now)
            bucket.tokens = min(float(limit.burst), bucket.tokens + (now - bucket.filled_at) * limit.rate)
            bucket.filled_at = now
            if bucket.tokens < 1 or limit.rate <= 0:
                return False
            bucket.tokens -= 1
            return True
