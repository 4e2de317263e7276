"""The event pipeline's world as its scenario sees it: no cloud, no tool. Every target implements it once."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol

from serverless_ai_local.launch import RunningCloud


class PipelineWorld(Protocol):
    """One deployment of the variants of `programs/pipeline_variants.py` on one target."""

    target: str
    cloud: RunningCloud

    # -- sources ----------------------------------------------------------------------------------
    def upload(
        self, key: str, body: bytes, *, variant: str = "main", content_type: str = "application/octet-stream"
    ) -> None:
        """Put an object into the variant's bucket of uploads, with the cloud's own SDK or API."""
        ...

    def delete(self, key: str, *, variant: str = "main") -> None:
        """Delete an object from the bucket of uploads."""
        ...

    def held(self, *, duplicates: float = 0.0, seed: int = 1) -> AbstractContextManager[None]:
        """Events of objects that are uploaded inside are held back, then delivered in a random order.

        Each is delivered at least once, the share `duplicates` of them (0..1, rounded up) twice.
        """
        ...

    def send(self, body: str, *, variant: str = "main") -> None:
        """Put one message into the variant's own queue."""
        ...

    def publish(self, body: str, attributes: Mapping[str, str]) -> None:
        """Publish to the topic that the variants `invoices` and `receipts` share."""
        ...

    def emit(self, source: str, detail: Mapping[str, Any]) -> None:
        """Put an event on the bus; the variant `main` takes those of the source `shop`."""
        ...

    def fire_schedule(self) -> None:
        """The schedule's turn of `main`."""
        ...

    # -- what comes out ---------------------------------------------------------------------------
    def results(self, variant: str = "main") -> dict[str, dict[str, Any]]:
        """Every result object: key without the prefix `results/` and without `.json` -> parsed JSON."""
        ...

    def completions(self, variant: str = "main") -> list[dict[str, Any]]:
        """All completion events so far, in order of arrival; bodies only."""
        ...

    def dead_letters(self, variant: str = "main") -> list[dict[str, Any]]:
        """All dead letters, which stay where they are: `code`, `reason` and `payload` (the message's text).

        A letter that the platform moved by itself has code and reason "".
        """
        ...

    def redrive(self, variant: str = "main") -> str:
        """What `serverless-ai redrive` says: it puts all dead letters back into the variant's queue."""
        ...

    def show_dead_letters(self, variant: str = "main") -> str:
        """What `serverless-ai dead-letters` says."""
        ...

    def logs(self, variant: str = "main") -> list[str]:
        """The function's log lines."""
        ...

    # -- the model and the AI services ------------------------------------------------------------
    def model_fault(self, kind: str, *, times: int = 1, seconds: float = 0.0) -> None:
        """Make the next calls of the model fail: throttle, unavailable, slow, filter, down, refuse."""
        ...

    def model_calls(self) -> list[dict[str, Any]]:
        """The calls that have reached the model since the last `reset`."""
        ...

    def reset(self) -> None:
        """Forget faults, counted calls and completions; empty every queue, dead letters and both buckets."""
        ...
