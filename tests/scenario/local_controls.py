"""What a scenario tells the local cloud, and asks it, beside what is deployed: the same on every target."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from serverless_ai_local.launch import RunningCloud

UNREACHED = 1_000_000
"""Writes: more than there are."""


class LocalControls:
    """What has a `cloud` can control it."""

    cloud: RunningCloud

    @contextmanager
    def held(self, *, duplicates: float = 0.0, seed: int = 1) -> Iterator[None]:
        """Events of the block come at its end: in another order, and this share of them twice."""
        self.cloud.admin("POST", "events/hold")
        try:
            yield
        finally:
            self.cloud.admin("POST", "events/release", {"duplicates": duplicates, "seed": seed})

    def model_fault(self, kind: str, *, times: int = 1, seconds: float = 0.0) -> None:
        self.cloud.admin("POST", "model/faults", {"kind": kind, "times": times, "seconds": seconds})

    def die_at_write(self, number: int, function: str) -> None:
        """Kill functions whose name has this in it at the n-th write from now on, which is not done."""
        self.cloud.admin("POST", "writes/fault", {"at": number, "function": function})

    def died(self) -> bool:
        """Whether it has come to that."""
        return self.cloud.admin("GET", "writes/fault")["struck"]

    def writes_end(self) -> None:
        """Wait until nothing has been written for a moment. Nobody dies meanwhile, or later."""
        self.die_at_write(UNREACHED, "nobody")
        before, left = 0, UNREACHED
        while left != before:
            time.sleep(0.3)
            before, left = left, self.cloud.admin("GET", "writes/fault")["left"]
        self.live()

    def live(self) -> None:
        self.cloud.admin("DELETE", "writes/fault")

    def model_calls(self) -> list[dict[str, Any]]:
        return self.cloud.admin("GET", "model/calls")["calls"]

    def embedded(self) -> int:
        """Texts that were embedded."""
        return sum(call["texts"] for call in self.cloud.admin("GET", "model/embeddings")["calls"])
