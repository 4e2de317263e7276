"""Transactional batches of the local Cosmos DB: operations on items of one partition, all of them or none."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from serverless_ai_local.azure.calls import ServiceFault
from serverless_ai_local.azure.cosmos import Item, ItemError, Items, Partition
from serverless_ai_local.plain import is_list, is_mapping

MOST_OPERATIONS: Final = 100
FAILED_DEPENDENCY: Final = 424
_KNOWN: Final = frozenset(("operationType", "id", "resourceBody", "ifMatch", "partitionKey"))


class Operation(NamedTuple):
    kind: str
    id: str
    body: Mapping[str, Any]
    if_match: str

    @property
    def action(self) -> str:
        """The data action that it needs."""
        return _KINDS[self.kind][0]


class _Failed(Exception):
    """Operation `index` could not be done."""

    def __init__(self, index: int, status: int) -> None:
        super().__init__(index, status)
        self.index, self.status = index, status


def operations(body: object) -> list[Operation]:
    """What a request's body asks for. Raises `ItemError`, or `ServiceFault` for what is not offered."""
    if not is_list(body) or not body:
        raise ItemError(400, "One of the specified inputs is invalid")
    if len(body) > MOST_OPERATIONS:
        raise ItemError(400, "Batch request has more operations than what is supported.")
    return [_operation(one) for one in body]


def run(
    items: Items,
    partition: Partition,
    batch: Sequence[Operation],
    check: Callable[[Mapping[str, Any]], object],
) -> list[dict[str, Any]]:
    """The result of each. `check` raises `ItemError` for an item that may not be written here."""

    def work() -> list[dict[str, Any]]:
        results: list[dict[str, Any]] = []
        for index, one in enumerate(batch):
            try:
                if one.kind in ("Create", "Upsert", "Replace"):
                    check(one.body)
                status, item = _KINDS[one.kind][1](items, partition, one)
            except ItemError as error:
                raise _Failed(index, error.status) from None
            written = {"eTag": item["_etag"], "resourceBody": item} if item else {}
            results.append({"statusCode": status, "requestCharge": 1.0, **written})
        return results

    try:
        return items.together(partition, [one.id for one in batch], work)
    except _Failed as failed:
        statuses = [FAILED_DEPENDENCY] * len(batch)
        statuses[failed.index] = failed.status
        return [{"statusCode": status, "requestCharge": 0.0} for status in statuses]


def succeeded(results: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the batch was done."""
    return all(one["statusCode"] < 400 for one in results)


def _operation(one: Any) -> Operation:
    if not is_mapping(one) or one.get("operationType") not in _KINDS:
        raise ItemError(400, "One of the specified inputs is invalid")
    unknown = sorted(one.keys() - _KNOWN)
    if unknown:
        raise ServiceFault(501, "NotImplemented", f"{unknown[0]} is not offered in a local batch")
    kind, body = str(one["operationType"]), one.get("resourceBody", {})
    id_ = one.get("id") if kind not in ("Create", "Upsert") else is_mapping(body) and body.get("id")
    if not is_mapping(body) or not isinstance(id_, str) or not id_:
        raise ItemError(400, "One of the specified inputs is invalid")
    return Operation(kind, id_, body, str(one.get("ifMatch", "")))


_Result = tuple[int, Item | None]


def _create(items: Items, partition: Partition, one: Operation) -> _Result:
    return 201, items.create(partition, one.body)


def _upsert(items: Items, partition: Partition, one: Operation) -> _Result:
    item, new = items.upsert(partition, one.body, one.if_match)
    return 201 if new else 200, item


def _read(items: Items, partition: Partition, one: Operation) -> _Result:
    return 200, items.read(partition, one.id)


def _replace(items: Items, partition: Partition, one: Operation) -> _Result:
    if one.body.get("id") != one.id:
        raise ItemError(400, "the id of the item is not that of the operation")
    return 200, items.replace(partition, one.body, one.if_match)


def _delete(items: Items, partition: Partition, one: Operation) -> _Result:
    items.delete(partition, one.id, one.if_match)
    return 204, None


def _patch(items: Items, partition: Partition, one: Operation) -> _Result:
    return 200, items.patch(partition, one.id, one.body, one.if_match)


_KINDS: Final[Mapping[str, tuple[str, Callable[[Items, Partition, Operation], _Result]]]] = {
    "Create": ("create", _create),
    "Upsert": ("upsert", _upsert),
    "Read": ("read", _read),
    "Replace": ("replace", _replace),
    "Delete": ("delete", _delete),
    "Patch": ("replace", _patch),
}
"""Kind -> data action, and what does it."""
