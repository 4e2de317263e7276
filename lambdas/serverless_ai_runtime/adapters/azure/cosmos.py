"""One container of Cosmos DB for NoSQL as a `KeyValueStore`.

A record is one item: its value as JSON text (numbers of Cosmos DB are doubles), a random mark of the write
that made it, and when it expires. Its version is the item's etag with that time, so that a write can tell
without asking that the record it changes is gone. A write whose first attempt had arrived finds its own mark
in the item, and is not taken for one that lost.

A counter is one item too, changed by a conditional PATCH: one call, and no race however many call at once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from serverless_ai_runtime.adapters.azure.service import http_date
from serverless_ai_runtime.adapters.service import Service
from serverless_ai_runtime.core.ports import (
    Deadline,
    LimitReached,
    Record,
    Refused,
    Unavailable,
    VersionConflict,
)
from serverless_ai_runtime.http import Response

RESOURCE: Final = "https://cosmos.azure.com"
KEY: Final = "pk"
"""Partition key of the container: path `/pk`, the same text as the item's id."""
DEFAULT_TTL: Final = -1
"""Of the container: items expire when they say so, by their own `ttl`."""
CONSISTENCY: Final = "Strong"
"""Of the account. Its default, `Session`, lets another instance of the function read what was there before:
writes would still be safe, by their etags, but a session just begun might not be found. A request can only
ask for less than the account's level. In the one region of a serverless account it costs a second RU a read.
"""

DATA_ROLE: Final = "Cosmos DB Built-in Data Contributor"
_ITEMS: Final = "Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers/items"
DATA_ACTIONS: Final = (f"{_ITEMS}/create", f"{_ITEMS}/read", f"{_ITEMS}/replace")
"""What of that role is used. PATCH has no action of its own: it replaces an item."""

API_VERSION: Final = "2020-07-15"
"""As the official SDK sends it; the first one with PATCH."""

_ID: Final = "id"
_VALUE: Final = "value"
_WRITE: Final = "write"
_EXPIRES: Final = "expires_at"
_TTL: Final = "ttl"
_TOTAL: Final = "total"

_PLAIN: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-")
_READ, _CREATE, _REPLACE, _PATCH = "ReadItem", "CreateItem", "ReplaceItem", "PatchItem"
_NO_CONTAINER: Final = ".1003"
_NONE: Final[Mapping[str, str]] = {}
_MOST_TRIES: Final = 3


class _Item(NamedTuple):
    fields: Mapping[str, Any]
    etag: str
    expires_at: int


class CosmosStore:
    """Records and counters in the container at `service.url` (`https://.../dbs/DB/colls/CONTAINER`)."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def get(self, key: str, deadline: Deadline) -> Record | None:
        item = self._read(item_id(key), deadline)
        if item is None or self._past(item.expires_at):
            return None
        try:
            return record_of(item.fields, item.etag)
        except (KeyError, TypeError, ValueError):
            raise self._service.malformed(_READ, f"item {key} is not a record of ours") from None

    def put(
        self, key: str, value: Mapping[str, Any], *, expect: str | None, expires_at: int, deadline: Deadline
    ) -> str:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        mark = self._service.cloud.world.token()
        item = self._item(key, expires_at) | {_VALUE: text, _WRITE: mark}
        etag = self._create(item, deadline) if expect is None else self._replace(item, expect, deadline)
        if etag is None:
            raise VersionConflict(key)
        return _version(etag, expires_at)

    def add(self, key: str, amount: int, *, limit: int | None, expires_at: int, deadline: Deadline) -> int:
        if limit is not None and amount > limit:
            raise LimitReached(key)
        item = self._item(key, expires_at) | {_TOTAL: amount}
        change: dict[str, Any] = {"operations": [{"op": "incr", "path": f"/{_TOTAL}", "value": amount}]}
        if limit is not None:
            change["condition"] = f"from c where c.{_TOTAL} <= {limit - amount}"
        for _ in range(_MOST_TRIES):
            total = self._increment(item, change, deadline)
            if total is not None:
                return total
            if self._write(item, "", deadline, repeatable=amount > 0):
                return amount
        raise Unavailable(self._service.name, _PATCH, 404, "Contended", f"counter {key} comes and goes")

    def _create(self, item: Mapping[str, Any], deadline: Deadline) -> str | None:
        """Etag of the new item, or None if there is one that has not expired."""
        etag = self._write(item, "", deadline)
        if etag is not None:
            return etag
        there = self._read(item[_ID], deadline)
        if there is None:  # it came and went; whoever wants to write asks again
            return None
        if there.fields.get(_WRITE) == item[_WRITE]:
            return there.etag
        return self._swap(item, there.etag, deadline) if self._past(there.expires_at) else None

    def _replace(self, item: Mapping[str, Any], expect: str, deadline: Deadline) -> str | None:
        """Etag of the changed item, or None if it is not at version `expect`, or has expired."""
        expires_at, _, etag = expect.partition(" ")
        if not etag or self._past(int(expires_at)):
            return None
        return self._swap(item, etag, deadline)

    def _swap(self, item: Mapping[str, Any], etag: str, deadline: Deadline) -> str | None:
        written = self._write(item, etag, deadline)
        if written is not None:
            return written
        there = self._read(item[_ID], deadline)
        return there.etag if there and there.fields.get(_WRITE) == item[_WRITE] else None

    def _read(self, item: str, deadline: Deadline) -> _Item | None:
        try:
            response = self._call(_READ, "GET", item, deadline)
        except Refused as error:
            if _missing(error):
                return None
            raise
        fields = self._service.parsed(_READ, response)
        try:
            return _Item(fields, response.headers["etag"], expiry_of(fields))
        except (KeyError, TypeError, ValueError):
            raise self._service.malformed(_READ, f"item {item} has no etag or no end") from None

    def _write(
        self, item: Mapping[str, Any], etag: str, deadline: Deadline, *, repeatable: bool = True
    ) -> str | None:
        """Create the item, or replace the one with this etag; None if there is another one, or none."""
        headers = {"content-type": "application/json", "prefer": "return=minimal"}
        body = json.dumps(item).encode()
        try:
            if etag:
                headers["if-match"] = etag
                response = self._call(_REPLACE, "PUT", item[_ID], deadline, more=headers, body=body)
            else:
                response = self._call(
                    _CREATE, "POST", item[_ID], deadline, more=headers, body=body, repeatable=repeatable
                )
        except Refused as error:
            if error.status in (409, 412) or (etag and _missing(error)):
                return None
            raise
        if "etag" not in response.headers:
            raise self._service.malformed(_REPLACE if etag else _CREATE, "the item has no etag")
        return response.headers["etag"]

    def _increment(
        self, item: Mapping[str, Any], change: Mapping[str, Any], deadline: Deadline
    ) -> int | None:
        """The counter after the change, or None if there is no such counter yet."""
        try:
            response = self._call(
                _PATCH,
                "PATCH",
                item[_ID],
                deadline,
                more={"content-type": "application/json-patch+json"},
                body=json.dumps(change).encode(),
                repeatable=item[_TOTAL] > 0,
            )
        except Refused as error:
            if error.status == 412:
                raise LimitReached(item[_ID]) from None
            if _missing(error):
                return None
            raise
        try:
            return int(self._service.parsed(_PATCH, response)[_TOTAL])
        except (KeyError, TypeError, ValueError):
            raise self._service.malformed(_PATCH, f"item {item[_ID]} is not a counter of ours") from None

    def _call(
        self,
        operation: str,
        method: str,
        item: str,
        deadline: Deadline,
        *,
        more: Mapping[str, str] = _NONE,
        body: bytes = b"",
        repeatable: bool = True,
    ) -> Response:
        def headers() -> dict[str, str]:
            return {
                "x-ms-version": API_VERSION,
                "x-ms-date": http_date(self._service.cloud.world.now()),
                "x-ms-documentdb-partitionkey": json.dumps([item]),
                **more,
            }

        path = "/docs" if method == "POST" else f"/docs/{item}"
        return self._service.call(
            operation, method, path, deadline, headers=headers, body=body, repeatable=repeatable
        )

    def _item(self, key: str, expires_at: int) -> dict[str, Any]:
        item: dict[str, Any] = {_ID: item_id(key), KEY: item_id(key)}
        if expires_at:
            item |= {_EXPIRES: expires_at, _TTL: max(1, expires_at - self._now())}
        return item

    def _past(self, expires_at: int) -> bool:
        return 0 < expires_at <= self._now()

    def _now(self) -> int:
        return int(self._service.cloud.world.now())


def authorization(token: str) -> str:
    """Cosmos DB's own form of a bearer token."""
    return quote(f"type=aad&ver=1.0&sig={token}", safe="")


def item_id(key: str) -> str:
    """A key as an id: what Cosmos DB or a URL would take amiss is `_` and the hexadecimal bytes."""
    return "".join(c if c in _PLAIN else "".join(f"_{byte:02x}" for byte in _bytes(c)) for c in key)


def _bytes(character: str) -> bytes:
    return character.encode("utf-8", "surrogatepass")


def _version(etag: str, expires_at: int) -> str:
    return f"{expires_at} {etag}"


def record_of(item: Mapping[str, Any], etag: str) -> Record:
    """Raises `KeyError`, `TypeError` or `ValueError` for an item that is no record."""
    return Record(json.loads(item[_VALUE]), _version(etag, expiry_of(item)))


def expiry_of(item: Mapping[str, Any]) -> int:
    """When the item ends; 0 = never. Raises as `record_of`."""
    return int(item.get(_EXPIRES, 0))


def _missing(error: Refused) -> bool:
    """There is no such item; a missing container is an error."""
    return error.status == 404 and not error.code.endswith(_NO_CONTAINER)
