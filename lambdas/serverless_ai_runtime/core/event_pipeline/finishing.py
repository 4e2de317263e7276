"""How an item ends: its result is written, announced and recorded, in this order; each may be done again."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from serverless_ai_runtime.core.event_pipeline.ledger import DONE, SUPERSEDED, Entry, Ledger
from serverless_ai_runtime.core.event_pipeline.ports import DeadLetters, Item, Later, Output, Processor
from serverless_ai_runtime.core.event_pipeline.results import Results
from serverless_ai_runtime.core.objects import ObjectStore
from serverless_ai_runtime.core.ports import Deadline, Publisher, VersionConflict, World


class Limits(NamedTuple):
    max_attempts: int
    """Deliveries after which an item that keeps failing is buried."""
    max_bytes: int
    """Of an object that is read."""
    input_microusd: int
    output_microusd: int
    """Price of a million tokens, in millionths of a dollar; 0 = not known."""


class Around(NamedTuple):
    """What the pipeline works with, beside its processor."""

    ledger: Ledger
    inputs: ObjectStore
    results: Results
    announcements: Publisher
    dead_letters: DeadLetters
    limits: Limits
    world: World
    later: Later | None = None
    """None where the queue cannot delay a message."""


class Finishing:
    """The last steps of items that `processor` has worked on."""

    def __init__(self, processor: Processor, around: Around) -> None:
        self._processor, self._limits = processor, around.limits
        self._ledger, self._results, self._world = around.ledger, around.results, around.world
        self._announcements = around.announcements

    def store(self, item: Item, entry: Entry, output: Output, deadline: Deadline) -> None:
        """Write the result, announce it, record it."""
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._world.now()))
        result = {
            "status": DONE,
            "item": {"kind": item.kind, "id": item.id, "version": item.version, "source": item.source},
            "processor": self._processor.name,
            "processor_version": self._processor.version,
            "usage": self._usage(output),
            "finished_at": moment,
            "output": output.value,
        }
        if self._results.save(item, result, deadline, by=entry.token):
            self._announce(item, entry, result, deadline)
        else:
            self.end(entry, SUPERSEDED, {}, deadline)

    def resumed(self, item: Item, entry: Entry, deadline: Deadline) -> bool:
        """Whether an attempt that died had written the result; then the steps after that are done now."""
        result = self._results.written(item, deadline, by=entry.token)
        if result is not None:
            self._announce(item, entry, result, deadline)
        return result is not None

    def end(self, entry: Entry, state: str, outcome: Mapping[str, Any], deadline: Deadline) -> None:
        """Record the end. Who lost the lease meanwhile leaves the record to its new owner."""
        with suppress(VersionConflict):
            self._ledger.write(entry._replace(state=state, outcome=dict(outcome)), deadline)

    def _announce(self, item: Item, entry: Entry, result: Mapping[str, Any], deadline: Deadline) -> None:
        about = {name: value for name, value in result.items() if name != "output"}
        about["result"] = self._results.ref(item)._asdict()
        self._announcements.publish({"id": entry.token, **about}, deadline)
        self.end(entry, DONE, about, deadline)

    def _usage(self, output: Output) -> dict[str, Any]:
        usage, limits = output.usage, self._limits
        known = limits.input_microusd or limits.output_microusd
        microusd = usage.input_tokens * limits.input_microusd + usage.output_tokens * limits.output_microusd
        return {**usage._asdict(), "cost_usd": round(microusd / 1e12, 9) if known else None}
