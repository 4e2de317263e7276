"""One collection of Firestore (native mode) as a `KeyValueStore`.

A record is one document: its value as JSON text (integers of Firestore have 64 bits), a random mark of the
write that made it, and when it expires. Its version is the document's update time with that expiry, so that
a write can tell without asking that the record it changes is gone. A write whose first attempt had arrived
finds its own mark in the document, and is not taken for one that lost.

A counter without a limit is added to by Firestore itself. With one it is read, and written on the condition
that it is still as it was read; whoever loses reads again. That is as exact as a transaction and takes no
third call, no further permission (datastore.databases.get), and no lock that a crashed function would leave
behind for a minute. Firestore recommends about one write a second and document: a counter that is written
more often costs its callers waits, and in the end `Throttled`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from serverless_ai_runtime.adapters.gcp.errors import (
    ABORTED,
    ALREADY_EXISTS,
    FAILED_PRECONDITION,
    NOT_FOUND,
)
from serverless_ai_runtime.adapters.service import Service, json_object
from serverless_ai_runtime.core.ports import (
    Deadline,
    LimitReached,
    Record,
    Refused,
    Throttled,
    Unavailable,
    VersionConflict,
)
from serverless_ai_runtime.core.records import pause

GET_PERMISSIONS: Final = ("datastore.entities.get",)
"""Of batchGet."""
COMMIT_PERMISSIONS: Final = ("datastore.entities.create", "datastore.entities.update")
"""Of commit: `create` with the precondition that there is no document, `update` with an update time, both
without any. Source: https://cloud.google.com/firestore/docs/security/iam, read 2026-11."""
SCAN_PERMISSIONS: Final = ("datastore.entities.list",)
PERMISSIONS: Final = GET_PERMISSIONS + COMMIT_PERMISSIONS

MOST_READ: Final = 100
"""Documents of one batchGet: ours."""
EXPIRES: Final = "expires_at"
"""A timestamp: the collection's TTL field. Expired documents are deleted within a day or so."""
VALUE: Final = "value"
"""Text of up to 350 000 bytes that nobody searches by: best exempted from indexing."""
_WRITE: Final = "write"
_COUNT: Final = "count"

_ABSENT: Final = {"exists": False}


class _Document(NamedTuple):
    fields: Mapping[str, Mapping[str, Any]]
    update_time: str
    expires_at: int
    """Unix seconds; 0 = never."""

    @property
    def mark(self) -> object:
        """Of the write that made it."""
        return self.fields.get(_WRITE, {}).get("stringValue")


class FirestoreStore:
    """Records and counters in `collection` (`projects/P/databases/D/documents/C`)."""

    def __init__(self, service: Service, collection: str) -> None:
        self._service, self._collection = service, collection
        self._path = f"/v1/{collection.rpartition('/')[0]}:"

    def get(self, key: str, deadline: Deadline) -> Record | None:
        there = self._read(key, deadline)
        return None if there is None else self._record(key, there)

    def get_many(self, keys: Sequence[str], deadline: Deadline) -> dict[str, Record]:
        asked, found = list(dict.fromkeys(keys)), dict[str, Record]()
        for start in range(0, len(asked), MOST_READ):
            keys = asked[start : start + MOST_READ]
            said = self._batch(keys, deadline)
            for key in keys:
                if key not in said:
                    raise self._unsaid(key)
                there = said[key]
                record = self._record(key, there) if there else None
                if record:
                    found[key] = record
        return found

    def put(
        self, key: str, value: Mapping[str, Any], *, expect: str | None, expires_at: int, deadline: Deadline
    ) -> str:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        fields = self._fields(expires_at) | {VALUE: {"stringValue": text}}
        if expect is None:
            update_time = self._create(key, fields, deadline)
        else:
            update_time = self._replace(key, fields, expect, deadline)
        if update_time is None:
            raise VersionConflict(key)
        return _version(update_time, expires_at)

    def add(self, key: str, amount: int, *, limit: int | None, expires_at: int, deadline: Deadline) -> int:
        if limit is None:
            return self._increment(key, amount, expires_at, deadline)
        fields = self._fields(expires_at)
        for attempt in count(1):
            there = self._read(key, deadline)
            total = self._counted(key, there) if there else 0
            if there and there.mark == fields[_WRITE]["stringValue"]:
                return total  # an attempt had arrived after all
            total += amount
            if total > limit:
                raise LimitReached(key)
            changed = fields | {_COUNT: {"integerValue": str(total)}}
            precondition = {"updateTime": there.update_time} if there else _ABSENT
            if self._write(key, changed, precondition, deadline, repeatable=amount > 0) is not None:
                return total
            if not pause(attempt, self._service.cloud.world, deadline):
                break
        text = f"too many concurrent writes of {key}"
        raise Throttled(self._service.name, "Commit", 409, ABORTED, text)

    def scan(self, prefix: str, after: str, most: int, deadline: Deadline) -> tuple[list[Record], str]:
        """Documents come in the order of their keys, whatever these begin with."""
        token = f"&pageToken={quote(after, safe='')}" if after else ""
        path = f"/v1/{self._collection}?pageSize={most}{token}"
        response = self._service.call("ListDocuments", "GET", path, deadline, headers=dict)
        page = self._service.parsed("ListDocuments", response)
        found: list[Record] = []
        try:
            for one in page.get("documents") or ():
                fields, expires_at = one["fields"], _expires_at(one["fields"])
                key = str(one["name"]).rpartition("/")[2]
                if key.startswith(prefix) and not self._past(expires_at):
                    value = json.loads(fields[VALUE]["stringValue"])
                    found.append(Record(value, _version(one["updateTime"], expires_at)))
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            raise self._service.malformed("ListDocuments", f"not records of ours: {error!r}") from None
        return found, str(page.get("nextPageToken") or "")

    def _create(self, key: str, fields: Mapping[str, Any], deadline: Deadline) -> str | None:
        """Update time of the new document, or None if there is one that has not expired."""
        update_time = self._write(key, fields, _ABSENT, deadline)
        if update_time is not None:
            return update_time
        there = self._read(key, deadline)
        if there is None:  # it came and went; whoever wants to write asks again
            return None
        if there.mark == fields[_WRITE]["stringValue"]:
            return there.update_time
        return self._swap(key, fields, there.update_time, deadline) if self._past(there.expires_at) else None

    def _replace(self, key: str, fields: Mapping[str, Any], expect: str, deadline: Deadline) -> str | None:
        """Update time of the changed document, or None if it is not at version `expect`, or has expired."""
        expires_at, _, update_time = expect.partition(" ")
        if not update_time or self._past(int(expires_at)):
            return None
        return self._swap(key, fields, update_time, deadline)

    def _swap(self, key: str, fields: Mapping[str, Any], update_time: str, deadline: Deadline) -> str | None:
        written = self._write(key, fields, {"updateTime": update_time}, deadline)
        if written is not None:
            return written
        there = self._read(key, deadline)
        return there.update_time if there and there.mark == fields[_WRITE]["stringValue"] else None

    def _increment(self, key: str, amount: int, expires_at: int, deadline: Deadline) -> int:
        """One blind write: the update's mask keeps it from touching more than the expiry."""
        expiry = _expiry(expires_at)
        write = {
            "update": {"name": self._name(key), "fields": expiry},
            "updateMask": {"fieldPaths": list(expiry)},
            "updateTransforms": [{"fieldPath": _COUNT, "increment": {"integerValue": str(amount)}}],
        }
        result = self._commit(write, deadline, repeatable=amount > 0)
        try:
            return int(result["transformResults"][0]["integerValue"])
        except (LookupError, TypeError, ValueError):
            raise self._service.malformed("Commit", "there is no new count") from None

    def _read(self, key: str, deadline: Deadline) -> _Document | None:
        """The document, expired or not. A missing database is an error of batchGet; `get` calls both 404."""
        said = list(self._batch([key], deadline).values())
        if len(said) != 1:
            raise self._unsaid(key)
        return said[0]

    def _batch(self, keys: Sequence[str], deadline: Deadline) -> dict[str, _Document | None]:
        """What it says of which keys."""
        request = {"documents": [self._name(key) for key in keys]}
        body = self._service.post("BatchGet", self._path + "batchGet", request, deadline)
        said: dict[str, _Document | None] = {}
        try:
            for element in body:
                if "found" in element:
                    found = element["found"]
                    fields = found.get("fields", {})
                    document = _Document(fields, found["updateTime"], _expires_at(fields))
                    said[found["name"].rpartition("/")[2]] = document
                elif "missing" in element:
                    said[element["missing"].rpartition("/")[2]] = None
        except (AttributeError, LookupError, TypeError, ValueError):
            raise self._foreign(", ".join(keys)) from None
        return said

    def _record(self, key: str, there: _Document) -> Record | None:
        """None for one that has expired."""
        if self._past(there.expires_at):
            return None
        try:
            value = json.loads(there.fields[VALUE]["stringValue"])
        except (LookupError, TypeError, ValueError):
            raise self._foreign(key) from None
        return Record(value, _version(there.update_time, there.expires_at))

    def _write(
        self,
        key: str,
        fields: Mapping[str, Any],
        precondition: Mapping[str, Any],
        deadline: Deadline,
        *,
        repeatable: bool = True,
    ) -> str | None:
        """Update time of the document once it holds `fields`, or None if the precondition does not hold."""
        write = {
            "update": {"name": self._name(key), "fields": fields},
            "currentDocument": precondition,
        }
        try:
            result = self._commit(write, deadline, repeatable=repeatable)
        except Refused as error:
            gone = error.code == NOT_FOUND and precondition is not _ABSENT
            if gone or error.code in (ALREADY_EXISTS, FAILED_PRECONDITION):
                return None
            raise
        update_time = result.get("updateTime")
        if not isinstance(update_time, str):
            raise self._service.malformed("Commit", "there is no update time")
        return update_time

    def _commit(
        self, write: Mapping[str, Any], deadline: Deadline, *, repeatable: bool = True
    ) -> Mapping[str, Any]:
        """The result of one write, tried until it meets no other write of the document."""
        path, request = self._path + "commit", {"writes": [write]}
        for attempt in count(1):
            try:
                body = self._service.post_json("Commit", path, request, deadline, repeatable=repeatable)
                return json_object(body["writeResults"][0])
            except Throttled as error:
                if error.code != ABORTED or not pause(attempt, self._service.cloud.world, deadline):
                    raise
            except (LookupError, TypeError):
                break
        raise self._service.malformed("Commit", "there is no result of the write")

    def _fields(self, expires_at: int) -> dict[str, Any]:
        """What every document of ours has that is not only added to."""
        return {_WRITE: {"stringValue": self._service.cloud.world.token()}} | _expiry(expires_at)

    def _counted(self, key: str, there: _Document) -> int:
        try:
            return int(there.fields[_COUNT]["integerValue"])
        except (LookupError, TypeError, ValueError):
            raise self._foreign(key) from None

    def _unsaid(self, key: str) -> Unavailable:
        return self._service.malformed("BatchGet", f"it does not say whether there is a document {key}")

    def _foreign(self, key: str) -> Unavailable:
        return self._service.malformed("BatchGet", f"document {key} is not one of ours")

    def _name(self, key: str) -> str:
        return f"{self._collection}/{key}"

    def _past(self, expires_at: int) -> bool:
        return 0 < expires_at <= int(self._service.cloud.world.now())


def _version(update_time: str, expires_at: int) -> str:
    return f"{expires_at} {update_time}"


def _expiry(expires_at: int) -> dict[str, Any]:
    if not expires_at:
        return {}
    return {EXPIRES: {"timestampValue": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(expires_at))}}


def _expires_at(fields: Mapping[str, Mapping[str, Any]]) -> int:
    """Unix seconds, 0 = never; `LookupError`, `TypeError` or `ValueError` if it is not a timestamp."""
    if EXPIRES not in fields:
        return 0
    from datetime import datetime  # http.client has loaded it already

    return int(datetime.fromisoformat(fields[EXPIRES]["timestampValue"]).timestamp())
