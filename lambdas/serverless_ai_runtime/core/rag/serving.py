"""Which index serves: the one that is configured, or the one before it until the new one is complete."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from serverless_ai_runtime.core.ports import Deadline, KeyValueStore, VersionConflict

KEY: Final = "serving"


class Serving:
    """`current` is the configured index, `previous` the one whose place it takes; "" = there is none."""

    def __init__(self, store: KeyValueStore, current: str, previous: str = "") -> None:
        self._store, self._current, self._previous = store, current, previous

    def index(self, deadline: Deadline) -> str:
        """Of the two."""
        if not self._previous:
            return self._current
        record = self._store.get(KEY, deadline)
        complete = record is not None and record.value["index"] == self._current
        return self._current if complete else self._previous

    def complete(self, deadline: Deadline) -> None:
        """From now on the configured one serves."""
        record = self._store.get(KEY, deadline)
        if record is not None and record.value["index"] == self._current:
            return
        with suppress(VersionConflict):  # whoever was faster has seen it complete too
            value = {"index": self._current}
            expect = record.version if record else None
            self._store.put(KEY, value, expect=expect, expires_at=0, deadline=deadline)
