"""Every Azure resource that exists: what was asked for and what came of it. Services read it on each call."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from serverless_ai_local.plain import is_mapping


@dataclass(frozen=True, kw_only=True, slots=True)
class Resource:
    """One resource. `kind` is its Pulumi type without the package, e.g. `storage:Queue`."""

    id: str
    kind: str
    name: str
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]

    def part(self, *keys: str) -> Mapping[str, Any]:
        """The object at `keys` of its inputs; an empty one where there is none."""
        return part(self.inputs, *keys)


def part(values: Mapping[str, Any], *keys: str) -> Mapping[str, Any]:
    """The object at `keys`; an empty one where there is none."""
    found: Any = values
    for key in keys:
        found = found.get(key)
        if not is_mapping(found):
            return {}
    return found


Watcher = Callable[[Resource, bool], None]
"""Called after a resource was made or changed (True), or removed (False)."""


class Estate:
    """Thread-safe. Ids and names are compared without regard to case, as Azure does."""

    def __init__(self) -> None:
        self._by_id: dict[str, Resource] = {}
        self._watchers: list[Watcher] = []
        self._lock = threading.RLock()

    def watch(self, watcher: Watcher) -> None:
        self._watchers.append(watcher)

    def put(self, resource: Resource) -> None:
        """Make or change one."""
        with self._lock:
            self._by_id[resource.id.lower()] = resource
        for watcher in self._watchers:
            watcher(resource, True)

    def remove(self, id_: str) -> None:
        """Remove one with all that is in it."""
        lower = id_.lower()
        with self._lock:
            gone = [one for key, one in self._by_id.items() if key == lower or key.startswith(lower + "/")]
            for one in gone:
                del self._by_id[one.id.lower()]
        for one in gone:
            for watcher in self._watchers:
                watcher(one, False)

    def get(self, id_: str) -> Resource | None:
        with self._lock:
            return self._by_id.get(id_.lower())

    def all(self, kind: str, under: str = "") -> list[Resource]:
        """All of a kind, in the order in which they were made; `under`: only those in this resource."""
        prefix = under.lower() + "/"
        with self._lock:
            everything = list(self._by_id.items())
        return [one for key, one in everything if one.kind == kind and (not under or key.startswith(prefix))]

    def find(self, kind: str, name: str, under: str = "") -> Resource | None:
        """The one of a kind that has this name; those of accounts and sites are unique in the world."""
        matches = (one for one in self.all(kind, under) if one.name.lower() == name.lower())
        return next(matches, None)
