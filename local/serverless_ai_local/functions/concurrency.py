"""How many invocations may run at a time: what a function has reserved, or what the account has left."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Final

from serverless_ai_local.functions.deployed import Deployed

RESERVED_REASON: Final = "ReservedFunctionConcurrentInvocationLimitExceeded"
ACCOUNT_REASON: Final = "ConcurrentInvocationLimitExceeded"


class Concurrency:
    """Counts running invocations. `limit` is the account's quota for a region (AWS default: 1000)."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._lock = threading.Lock()
        self._running: Counter[str] = Counter()
        self._unreserved = 0

    def enter(self, deployed: Deployed, reserved_together: int) -> str | None:
        """Count one more invocation; returns the reason if it is throttled instead."""
        with self._lock:
            if deployed.reserved_concurrency is not None:
                if self._running[deployed.arn] >= deployed.reserved_concurrency:
                    return RESERVED_REASON
            elif self._unreserved >= self.limit - reserved_together:
                return ACCOUNT_REASON
            else:
                self._unreserved += 1
            self._running[deployed.arn] += 1
        return None

    def leave(self, deployed: Deployed) -> None:
        """The invocation is over. `deployed` is the value that `enter` got."""
        with self._lock:
            self._running[deployed.arn] -= 1
            if deployed.reserved_concurrency is None:
                self._unreserved -= 1

    def running(self, function_arn: str) -> int:
        """Invocations of a function (ARN without version) that run now."""
        with self._lock:
            return self._running[function_arn]
