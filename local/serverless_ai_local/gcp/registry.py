"""What is deployed on the Google half: services look here at every call, so that changes count at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

Values = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Deployed:
    """One resource."""

    token: str
    """Pulumi's type."""
    id: str
    """Pulumi's id, which is Google's name of it; some may exist more than once."""
    uid: str
    """Of this one, from creation to deletion."""
    project: str
    region: str
    inputs: Values
    content: bytes = field(default=b"", repr=False)
    """Of an object in a bucket."""


class Registry:
    """Resources in the order in which they were made."""

    def __init__(self) -> None:
        self._all: dict[str, Deployed] = {}
        self._lock = threading.Lock()
        self._listeners: list[Callable[[], None]] = []
        self.keepers: list[Callable[[Deployed], bool]] = []
        """Each says whether it keeps something in a resource that would be lost with it."""

    def listen(self, changed: Callable[[], None]) -> None:
        """Call this after every change."""
        self._listeners.append(changed)

    def put(self, one: Deployed) -> None:
        """Add it, or replace the one with the same uid."""
        with self._lock:
            self._all[one.uid] = one
        self._tell()

    def change(self, uid: str, inputs: Values, content: bytes) -> Deployed:
        """Give it other inputs. LookupError if it is gone."""
        changed = replace(self.by_uid(uid), inputs=inputs, content=content)
        self.put(changed)
        return changed

    def filled(self, one: Deployed) -> bool:
        """Whether something is kept in it."""
        return any(keeps(one) for keeps in self.keepers)

    def remove(self, uid: str) -> None:
        """Nothing happens if it is gone."""
        with self._lock:
            self._all.pop(uid, None)
        self._tell()

    def by_uid(self, uid: str) -> Deployed:
        """LookupError if there is none."""
        with self._lock:
            if uid not in self._all:
                raise LookupError(f"there is no resource with the handle {uid}")
            return self._all[uid]

    def find(self, token: str, id: str) -> Deployed | None:  # noqa: A002 - Pulumi's word
        """The first resource of this type and id."""
        return next((one for one in self.all(token) if one.id == id), None)

    def all(self, *tokens: str) -> list[Deployed]:
        """Resources of these types, or every one."""
        with self._lock:
            return [one for one in self._all.values() if not tokens or one.token in tokens]

    def _tell(self) -> None:
        for changed in self._listeners:
            changed()
