"""One DynamoDB table as a `KeyValueStore`.

A record is one item: its value as JSON text, a random version that every write changes, and when it expires.
Being random, the version also tells a retried write that had arrived from one that lost: the item then
carries ours.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any, Final

from serverless_ai_runtime.adapters.aws.errors import ConditionFailed
from serverless_ai_runtime.adapters.aws.service import Service
from serverless_ai_runtime.core.ports import Deadline, LimitReached, Record, Throttled, VersionConflict
from serverless_ai_runtime.core.records import pause

ACTIONS: Final = ("dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem")
BATCH_ACTIONS: Final = ("dynamodb:BatchGetItem",)
SCAN_ACTIONS: Final = ("dynamodb:Scan",)
MOST_READ: Final = 100
"""Items of one BatchGetItem; of more than 16 MB it gives a part. API reference, read 2026-11-27."""
KEY: Final = "pk"
EXPIRES: Final = "expires_at"

_VALUE: Final = "value"
_VERSION: Final = "version"
_COUNT: Final = "count"
_TARGET: Final = "DynamoDB_20120810"
_BATCH: Final = "BatchGetItem"

# An expired item may stay for days until DynamoDB deletes it; until then it counts as absent.
_ABSENT: Final = "attribute_not_exists(#key) OR #expires <= :now"
_AT_VERSION: Final = "#version = :version AND (attribute_not_exists(#expires) OR #expires > :now)"
_ROOM: Final = "attribute_not_exists(#count) OR #count <= :room"


class DynamoDbStore:
    """Records and counters in the table `name`."""

    def __init__(self, service: Service, name: str) -> None:
        self._service, self._table = service, name

    def get(self, key: str, deadline: Deadline) -> Record | None:
        request = {"TableName": self._table, "Key": {KEY: {"S": key}}, "ConsistentRead": True}
        item = self._call("GetItem", request, deadline).get("Item")
        if not item or self._expired(item):
            return None
        try:
            return _record(item)
        except (KeyError, TypeError, ValueError):
            raise self._service.malformed("GetItem", f"item {key} is not a record of ours") from None

    def get_many(self, keys: Sequence[str], deadline: Deadline) -> dict[str, Record]:
        found: dict[str, Record] = {}
        left = list(dict.fromkeys(keys))
        for attempt in count(0):
            asked, later = left[:MOST_READ], left[MOST_READ:]
            if not asked:
                break
            given, missed = self._batch(asked, deadline)
            found |= given
            left = missed + later
            # It leaves out what would not fit into the answer; where that is all, it is overloaded.
            if len(missed) == len(asked) and not pause(attempt, self._service.aws.world, deadline):
                text = f"{len(left)} items were not read"
                raise Throttled(self._service.name, _BATCH, 200, "UnprocessedKeys", text)
        return found

    def _batch(self, keys: Sequence[str], deadline: Deadline) -> tuple[dict[str, Record], list[str]]:
        """Records that are there, and the keys that it has left for another call."""
        asked = {"Keys": [{KEY: {"S": key}} for key in keys], "ConsistentRead": True}
        answer = self._call(_BATCH, {"RequestItems": {self._table: asked}}, deadline)
        try:
            items = answer["Responses"].get(self._table, ())
            found = {item[KEY]["S"]: _record(item) for item in items if not self._expired(item)}
            left: Mapping[str, Any] = answer.get("UnprocessedKeys") or {}
            missed = left[self._table]["Keys"] if left else ()
            return found, [str(key[KEY]["S"]) for key in missed]
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise self._service.malformed(_BATCH, f"not records of ours: {error!r}") from None

    def put(
        self, key: str, value: Mapping[str, Any], *, expect: str | None, expires_at: int, deadline: Deadline
    ) -> str:
        version = self._service.aws.world.token()
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        item = {KEY: {"S": key}, _VALUE: {"S": text}, _VERSION: {"S": version}}
        names = {"#expires": EXPIRES} | ({"#key": KEY} if expect is None else {"#version": _VERSION})
        values = {":now": _number(self._now())} | ({} if expect is None else {":version": {"S": expect}})
        request = {
            "TableName": self._table,
            "Item": item | _expiry(expires_at),
            "ConditionExpression": _ABSENT if expect is None else _AT_VERSION,
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": values,
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        try:
            self._call("PutItem", request, deadline)
        except ConditionFailed as error:
            if error.item.get(_VERSION) != {"S": version}:
                raise VersionConflict(key) from None
        return version

    def add(self, key: str, amount: int, *, limit: int | None, expires_at: int, deadline: Deadline) -> int:
        if limit is not None and amount > limit:
            raise LimitReached(key)
        update, names = "ADD #count :amount", {"#count": _COUNT}
        values = {":amount": _number(amount)}
        if expires_at:
            update, names["#expires"] = "SET #expires = :expires " + update, EXPIRES
            values[":expires"] = _number(expires_at)
        request: dict[str, Any] = {
            "TableName": self._table,
            "Key": {KEY: {"S": key}},
            "UpdateExpression": update,
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": values,
            "ReturnValues": "ALL_NEW",
        }
        if limit is not None:
            request["ConditionExpression"] = _ROOM
            values[":room"] = _number(limit - amount)
        try:
            response = self._call("UpdateItem", request, deadline, repeatable=amount > 0)
        except ConditionFailed:
            raise LimitReached(key) from None
        return int(response["Attributes"][_COUNT]["N"])

    def scan(self, prefix: str, after: str, most: int, deadline: Deadline) -> tuple[list[Record], str]:
        request: dict[str, Any] = {
            "TableName": self._table,
            "Limit": most,
            "ConsistentRead": True,
            "FilterExpression": "begins_with(#key, :prefix)",
            "ExpressionAttributeNames": {"#key": KEY},
            "ExpressionAttributeValues": {":prefix": {"S": prefix}},
        }
        if after:
            request["ExclusiveStartKey"] = {KEY: {"S": after}}
        page = self._call("Scan", request, deadline)
        try:
            more = page["LastEvaluatedKey"][KEY]["S"] if page.get("LastEvaluatedKey") else ""
            found = [_record(item) for item in page["Items"] if not self._expired(item)]
        except (KeyError, TypeError, ValueError) as error:
            raise self._service.malformed("Scan", f"not records of ours: {error!r}") from None
        return found, more

    def _call(
        self, operation: str, request: Mapping[str, Any], deadline: Deadline, *, repeatable: bool = True
    ) -> dict[str, Any]:
        return self._service.post_json(operation, _TARGET, request, deadline, repeatable=repeatable)

    def _expired(self, item: Mapping[str, Any]) -> bool:
        return EXPIRES in item and int(item[EXPIRES]["N"]) <= self._now()

    def _now(self) -> int:
        return int(self._service.aws.world.now())


def _record(item: Mapping[str, Any]) -> Record:
    return Record(json.loads(item[_VALUE]["S"]), item[_VERSION]["S"])


def _expiry(expires_at: int) -> dict[str, Any]:
    return {EXPIRES: _number(expires_at)} if expires_at else {}


def _number(value: int) -> dict[str, str]:
    return {"N": str(value)}
