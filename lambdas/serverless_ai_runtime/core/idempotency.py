"""One effect an event, however often it arrives: a lease while it is worked on, its result afterwards.

The work (the model call) is done once and its result recorded before it is published. Publishing is at least
once: after a crash between publishing and marking it done, the next delivery publishes the recorded result
again, with the same event id, and consumers drop it by that id.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, NamedTuple

from serverless_ai_runtime.core.ports import (
    Deadline,
    Journal,
    KeyValueStore,
    ServiceError,
    VersionConflict,
    World,
)
from serverless_ai_runtime.core.records import MAX_RECORD_BYTES, digest, json_bytes, pause

MEMORY_S: Final = 48 * 3600
"""How long an event is remembered. Buses and schedulers deliver again for 24 h, Lambda for 6 h more."""

LONGEST_WAIT_S: Final = 2.0
"""Between two looks at an event that another delivery is working on."""

_FREE, _RUNNING, _DONE = "free", "running", "done"


class EventInProgress(Exception):
    """Another delivery was worked on for as long as this one could wait; it is to come again."""


class ResultTooLarge(Exception):
    """The result does not fit into a record, so that it could not be given once only."""


class _Claim(NamedTuple):
    key: str
    state: str
    result: dict[str, Any] | None
    lease_until: float
    version: str | None

    def value(self) -> dict[str, Any]:
        return {"state": self.state, "result": self.result, "lease_until": self.lease_until}


class Once:
    """Records of events in a store."""

    def __init__(self, store: KeyValueStore, world: World) -> None:
        self._store, self._world = store, world

    def run(
        self,
        event_id: str,
        work: Callable[[], dict[str, Any]],
        publish: Callable[[dict[str, Any]], None] | None,
        deadline: Deadline,
        journal: Journal,
    ) -> dict[str, Any]:
        """The result of `work` for this event, published; recorded results are returned without either.

        Waits for another delivery that holds the lease; raises `EventInProgress` if that takes too long. When
        `work` or `publish` raises, the lease is given back at once so that the next delivery can run, and the
        error goes on to the platform.
        """
        claim = self._claim("event." + digest(event_id), deadline)
        if claim.state == _DONE and claim.result is not None:
            journal.note(duplicate=True)
            return claim.result
        try:
            if claim.result is None:
                claim = self._record(claim, work(), deadline, last=publish is None)
            result = claim.result or {}
            if publish is not None:
                publish(result)
        except Exception:
            self._quietly(claim._replace(state=_FREE), deadline, journal)
            raise
        if publish is not None:
            self._quietly(claim._replace(state=_DONE), deadline, journal)
        return result

    def _claim(self, key: str, deadline: Deadline) -> _Claim:
        """The lease, or the record of an event that is done, waiting for whoever works on it."""
        attempt = 0
        while attempt == 0 or pause(attempt, self._world, deadline, LONGEST_WAIT_S):
            attempt += 1
            claim = self._read(key, deadline)
            if claim.state == _DONE:
                return claim
            if claim.state == _RUNNING and self._world.now() < claim.lease_until:
                continue
            lease_until = self._world.now() + deadline.remaining()
            with suppress(VersionConflict):  # another delivery was faster
                return self._write(claim._replace(state=_RUNNING, lease_until=lease_until), deadline)
        raise EventInProgress("another delivery of this event is being worked on")

    def _record(self, claim: _Claim, result: dict[str, Any], deadline: Deadline, *, last: bool) -> _Claim:
        done = claim._replace(state=_DONE if last else _RUNNING, result=result)
        if json_bytes(done.value()) > MAX_RECORD_BYTES:
            raise ResultTooLarge(f"the result of this event takes more than {MAX_RECORD_BYTES} bytes")
        return self._write(done, deadline)

    def _quietly(self, claim: _Claim, deadline: Deadline, journal: Journal) -> None:
        """Write where a failure must not hide what happened before: the lease runs out by itself."""
        try:
            self._write(claim, deadline)
        except (ServiceError, VersionConflict) as error:
            journal.warn("event record not updated", state=claim.state, cause=repr(error))

    def _read(self, key: str, deadline: Deadline) -> _Claim:
        record = self._store.get(key, deadline)
        if record is None:
            return _Claim(key, _FREE, None, 0.0, None)
        value = record.value
        return _Claim(key, value["state"], value["result"], value["lease_until"], record.version)

    def _write(self, claim: _Claim, deadline: Deadline) -> _Claim:
        expires_at = int(self._world.now()) + MEMORY_S
        version = self._store.put(
            claim.key, claim.value(), expect=claim.version, expires_at=expires_at, deadline=deadline
        )
        return claim._replace(version=version)
