"""Items of Cosmos DB containers: etags, conditions, patches and expiry. Thread-safe."""

from __future__ import annotations

import re
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple, TypeVar

from serverless_ai_local.plain import is_list, is_number

_T = TypeVar("_T")
NEVER: Final = -1
_MOST_PATCHES: Final = 10
_CONDITION: Final = re.compile(
    r"\s*from\s+c\s+where\s+c\.(\w+)\s*(<=|>=|<|>|=|!=)\s*(-?\d+(?:\.\d+)?)\s*", re.IGNORECASE
)
_COMPARE: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b,
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
    "=": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
}


class ItemError(Exception):
    """The call cannot be done; `status` is Cosmos DB's."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


Item = Mapping[str, Any]


class Partition(NamedTuple):
    """Where items are: the id of their container, their partition key as JSON, and the container's TTL."""

    container: str
    key: str
    default_ttl: int | None
    """Seconds, or `NEVER`; None: items do not expire, whatever they say."""

    def place(self, id_: str) -> tuple[str, str, str]:
        return self.container, self.key, id_


class Items:
    """Items by container, partition key and id."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._items: dict[tuple[str, str, str], dict[str, Any]] = {}
        self._ends: dict[tuple[str, str, str], float] = {}
        self._lock = threading.RLock()

    def read(self, partition: Partition, id_: str) -> Item:
        with self._lock:
            return dict(self._there(partition.place(id_)))

    def create(self, partition: Partition, item: Item) -> Item:
        """Raises 409 if there is one."""
        place = partition.place(str(item["id"]))
        with self._lock:
            if self._live(place) is not None:
                raise ItemError(409, "Entity with the specified id already exists in the system.")
            return self._keep(place, item, partition.default_ttl)

    def upsert(self, partition: Partition, item: Item, if_match: str) -> tuple[Item, bool]:
        """The item, and whether it is a new one. Raises 412 if there is one whose etag is not `if_match`."""
        place = partition.place(str(item["id"]))
        with self._lock:
            there = self._live(place)
            if there is not None:
                _check_etag(there, if_match)
            return self._keep(place, item, partition.default_ttl), there is None

    def select(self, container: str, key: str | None) -> list[Item]:
        """Those of a container, or of the one partition with this key."""
        with self._lock:
            places = [one for one in self._items if one[0] == container and key in (None, one[1])]
            return [dict(item) for place in places if (item := self._live(place)) is not None]

    def together(self, partition: Partition, ids: Iterable[str], work: Callable[[], _T]) -> _T:
        """What `work` does to these items is seen as a whole, and undone if it raises."""
        places = [partition.place(id_) for id_ in ids]
        with self._lock:
            before = {place: self._items.get(place) for place in places}
            ends = {place: self._ends.get(place, 0.0) for place in places}
            try:
                return work()
            except BaseException:
                for place, item in before.items():
                    self._items.pop(place, None)
                    if item is not None:
                        self._items[place], self._ends[place] = item, ends[place]
                raise

    def replace(self, partition: Partition, item: Item, if_match: str) -> Item:
        """Raises 404, or 412 if `if_match` (empty: any) is not its etag."""
        place = partition.place(str(item["id"]))
        with self._lock:
            _check_etag(self._there(place), if_match)
            return self._keep(place, item, partition.default_ttl)

    def patch(self, partition: Partition, id_: str, change: Mapping[str, Any], if_match: str) -> Item:
        """Raises 404, 412 if the condition is not met, 400 for what is not offered."""
        operations = change.get("operations")
        if not is_list(operations) or not 1 <= len(operations) <= _MOST_PATCHES:
            raise ItemError(400, f"a patch has 1 to {_MOST_PATCHES} operations")
        place = partition.place(id_)
        with self._lock:
            there = self._there(place)
            _check_etag(there, if_match)
            _check_condition(there, change.get("condition"))
            changed = dict(there)
            for operation in operations:
                _apply(changed, operation)
            return self._keep(place, changed, partition.default_ttl)

    def delete(self, partition: Partition, id_: str, if_match: str) -> None:
        place = partition.place(id_)
        with self._lock:
            _check_etag(self._there(place), if_match)
            del self._items[place]

    def forget(self, container: str) -> None:
        """The container is gone."""
        with self._lock:
            for place in [one for one in self._items if one[0] == container]:
                del self._items[place]

    def _keep(self, place: tuple[str, str, str], item: Item, default_ttl: int | None) -> Item:
        now = self._clock()
        kept = {key: value for key, value in item.items() if not key.startswith("_") or key == "_rid"}
        kept |= {
            "_rid": item.get("_rid") or uuid.uuid4().hex[:16],
            "_self": "",
            "_etag": f'"{uuid.uuid4()}"',
            "_attachments": "attachments/",
            "_ts": int(now),
        }
        lifetime = _lifetime(item, default_ttl)
        self._items[place] = kept
        self._ends[place] = now + lifetime
        return dict(kept)

    def _live(self, place: tuple[str, str, str]) -> dict[str, Any] | None:
        item = self._items.get(place)
        if item is not None and self._ends[place] <= self._clock():
            del self._items[place], self._ends[place]
            return None
        return item

    def _there(self, place: tuple[str, str, str]) -> dict[str, Any]:
        item = self._live(place)
        if item is None:
            raise ItemError(404, "Entity with the specified id does not exist in the system.")
        return item


def _check_etag(there: Item, if_match: str) -> None:
    if if_match not in ("", "*", there["_etag"]):
        raise ItemError(412, "One of the specified pre-condition is not met.")


def _lifetime(item: Item, default_ttl: int | None) -> float:
    """Seconds until the item expires: its own `ttl`, if the container has TTL at all."""
    if default_ttl is None:
        return float("inf")
    ttl = item.get("ttl", default_ttl)
    if isinstance(ttl, bool) or not isinstance(ttl, int) or (ttl < 1 and ttl != NEVER):
        raise ItemError(400, "The input ttl is invalid: it must be -1 or a positive integer.")
    return float("inf") if ttl == NEVER else ttl


def _check_condition(there: Item, condition: object) -> None:
    if condition is None:
        return
    match = _CONDITION.fullmatch(str(condition))
    if match is None:
        raise ItemError(
            400, f"the local Cosmos DB has conditions like `from c where c.x <= 1`, not {condition!r}"
        )
    value = there.get(match[1])
    if not is_number(value) or not _COMPARE[match[2]](value, float(match[3])):
        raise ItemError(412, "One of the specified pre-condition is not met.")


def _apply(item: dict[str, Any], operation: Mapping[str, Any]) -> None:
    kind, path, value = operation.get("op"), str(operation.get("path", "")), operation.get("value")
    field = path.removeprefix("/")
    if not field or "/" in field or not path.startswith("/"):
        raise ItemError(400, f"the local Cosmos DB patches fields of the item itself, not {path!r}")
    if kind == "incr":
        before = item.get(field, 0)
        if not is_number(before) or not is_number(value):
            raise ItemError(400, f"incr needs numbers at {path}")
        item[field] = before + value
    elif kind in ("add", "set"):
        item[field] = value
    elif kind == "remove" and field in item:
        del item[field]
    elif kind == "replace" and field in item:
        item[field] = value
    else:
        raise ItemError(400, f"the patch {kind!r} of {path} cannot be applied")
