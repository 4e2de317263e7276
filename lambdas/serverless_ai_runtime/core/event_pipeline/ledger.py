"""What has become of each version of each item: a lease while it is worked on, its end afterwards.

A lease whose owner died is known by its age. It counts as a crash: an item that kills the function again and
again is told from its neighbours in the batch, which were not being worked on.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final, NamedTuple

from serverless_ai_runtime.core.event_pipeline.ports import Item
from serverless_ai_runtime.core.objects import ObjectRef
from serverless_ai_runtime.core.ports import (
    Deadline,
    Journal,
    KeyValueStore,
    ServiceError,
    VersionConflict,
    World,
)
from serverless_ai_runtime.core.records import digest

FREE: Final = "free"
RUNNING: Final = "running"
WAITING: Final = "waiting"
CONDEMNED: Final = "condemned"
"""Given up: its dead letter is being sent, and nothing else will be done with it."""
DONE: Final = "done"
SUPERSEDED: Final = "superseded"
DEAD: Final = "dead"

GRACE_S: Final = 1.0
"""A function may live this much longer than the deadline it gives itself."""
JOB_S: Final = 24 * 3600
"""After this an unfinished job is given up."""
ATTEMPTS: Final = 3
"""At a claim that others write at the same time."""


class InProgress(Exception):
    """Another delivery is working on this version; it is to come again."""

    def __init__(self, after_s: float) -> None:
        super().__init__(f"another delivery of this item is being worked on for {after_s:.0f} s at most")
        self.after_s = after_s


class Entry(NamedTuple):
    """The record of one version of one item."""

    key: str
    state: str
    lease_until: float
    """Unix seconds; of a job: when it is given up."""
    crashes: int
    """Leases that ran out."""
    runs: int
    """How often it was put back after its death: a job of its second life needs a name of its own."""
    outcome: dict[str, Any]
    """What it ended with: where the result is and what it took, or why it was condemned."""
    version: str | None

    @property
    def token(self) -> str:
        """32 hexadecimal digits: a name for whatever is started for this version."""
        return digest(f"{self.key}.{self.runs}")[:32]

    @property
    def ended(self) -> bool:
        return self.state in (DONE, SUPERSEDED, DEAD)

    def held(self, now: float) -> float:
        """Seconds for which somebody is working on it."""
        return max(0.0, self.lease_until - now) if self.state in (RUNNING, CONDEMNED) else 0.0


class Job(NamedTuple):
    """What must be known when a job's end is told: only its token comes with it."""

    item: Item
    body: str
    """The message that began it."""


class Ledger:
    """Records of items in a store, kept `memory_s` seconds: longer than any queue keeps a message."""

    def __init__(self, store: KeyValueStore, world: World, memory_s: int) -> None:
        self._store, self._world, self._memory_s = store, world, memory_s

    def claim(self, item: Item, deadline: Deadline, *, redriven: bool) -> Entry:
        """The lease; or the record as it is, if the item has ended, was condemned or waits for its job.

        Raises `InProgress`.
        """
        for _ in range(ATTEMPTS):
            entry, now = self.find(item, deadline), self._world.now()
            if entry.held(now):
                raise InProgress(entry.held(now))
            if redriven and entry.state in (CONDEMNED, DEAD):
                entry = entry._replace(state=FREE, crashes=0, runs=entry.runs + 1, outcome={})
            waiting = entry.state == WAITING and now < entry.lease_until
            if entry.ended or waiting or entry.state == CONDEMNED:
                return entry
            crashes = entry.crashes + (entry.state == RUNNING)
            with suppress(VersionConflict):
                return self._leased(entry._replace(state=RUNNING, crashes=crashes), deadline)
        raise InProgress(1.0)

    def find(self, item: Item, deadline: Deadline) -> Entry:
        """The record of this version, or a new one that is free."""
        key = "item." + digest(f"{item.kind}\0{item.id}\0{item.version}")
        record = self._store.get(key, deadline)
        if record is None:
            return Entry(key, FREE, 0.0, 0, 0, {}, None)
        value = record.value
        return Entry(
            key,
            value["state"],
            float(value["lease_until"]),
            int(value["crashes"]),
            int(value["runs"]),
            value["outcome"],
            record.version,
        )

    def write(self, entry: Entry, deadline: Deadline) -> Entry:
        """The record written; raises `VersionConflict` if another delivery was faster."""
        value = entry._asdict()
        del value["key"], value["version"]
        version = self._put(entry.key, value, entry.version, deadline)
        return entry._replace(version=version)

    def condemn(self, entry: Entry, reason: Mapping[str, Any], deadline: Deadline) -> Entry:
        """Before an item is buried: from here on no delivery works on it. Raises `VersionConflict`."""
        return self._leased(entry._replace(state=CONDEMNED, outcome=dict(reason)), deadline)

    def _leased(self, entry: Entry, deadline: Deadline) -> Entry:
        lease = self._world.now() + deadline.remaining() + GRACE_S
        return self.write(entry._replace(lease_until=lease), deadline)

    def release(self, entry: Entry, deadline: Deadline, journal: Journal) -> None:
        """Give the lease back after a failure. What fails here must not hide it: leases run out."""
        try:
            self.write(entry._replace(state=FREE), deadline)
        except (ServiceError, VersionConflict) as error:
            journal.warn("lease not given back", cause=error)

    def remember_job(self, token: str, job: Job, deadline: Deadline) -> None:
        """Before it is started, so that its end finds it. An earlier attempt may have done it."""
        value = {"item": _plain(job.item), "body": job.body}
        with suppress(VersionConflict):
            self._put("job." + token, value, None, deadline)

    def job(self, token: str, deadline: Deadline) -> Job | None:
        """What was started with this token; None if it was not started by this pipeline."""
        record = self._store.get("job." + token, deadline)
        return Job(_item(record.value["item"]), record.value["body"]) if record else None

    def _put(self, key: str, value: Mapping[str, Any], expect: str | None, deadline: Deadline) -> str:
        expires_at = int(self._world.now()) + self._memory_s
        return self._store.put(key, value, expect=expect, expires_at=expires_at, deadline=deadline)


def _plain(item: Item) -> dict[str, Any]:
    value = item._asdict()
    value["ref"] = list(item.ref) if item.ref else None
    return value


def _item(value: Mapping[str, Any]) -> Item:
    fields: dict[str, Any] = dict(value)
    ref: list[str] | None = fields.pop("ref")
    return Item(**fields, ref=ObjectRef(*ref) if ref else None)
