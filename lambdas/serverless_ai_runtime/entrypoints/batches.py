"""What the entry points of every cloud's queue know of the function behind them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from serverless_ai_runtime import config
from serverless_ai_runtime.core.event_pipeline.ports import Delivery, Retry
from serverless_ai_runtime.core.ports import Deadline, Journal
from serverless_ai_runtime.telemetry import Telemetry


class Core(Protocol):
    def process(
        self, deliveries: Sequence[Delivery], deadline: Deadline, journal: Journal
    ) -> list[Retry]: ...


class Settings(config.WorkPlaces, Protocol):
    @property
    def inputs(self) -> str: ...

    @property
    def timeout_s(self) -> int: ...

    @property
    def batch_size(self) -> int: ...

    @property
    def batch_wait_s(self) -> int: ...


class App(Protocol):
    """A core that works on batches, how it is told what to do, and how it is watched."""

    @property
    def core(self) -> Core: ...

    @property
    def settings(self) -> Settings: ...

    @property
    def telemetry(self) -> Telemetry: ...
