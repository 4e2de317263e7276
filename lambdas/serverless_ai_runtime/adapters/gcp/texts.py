"""Texts of chunks in one collection of Firestore, for an index that has no room for them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from serverless_ai_runtime.adapters.service import Service, json_object
from serverless_ai_runtime.core.packing import packed
from serverless_ai_runtime.core.ports import Deadline
from serverless_ai_runtime.core.rag.ports import Entry
from serverless_ai_runtime.core.records import digest, whole_characters

READ_PERMISSIONS: Final = ("datastore.entities.get",)
WRITE_PERMISSIONS: Final = (
    "datastore.entities.create",
    "datastore.entities.update",
    "datastore.entities.delete",
)
"""A write without a precondition creates or updates. Source: as of the permissions in `firestore`."""

TEXT: Final = "text"
"""Nobody searches by it: best exempted from indexing."""
_TENANT: Final = "tenant"
_FIELDS: Final = ("entry", "document", TEXT, "heading", _TENANT)

MOST_WRITES: Final = 500
MOST_BYTES: Final = 9 * 1024 * 1024
"""Of a commit: 10 MiB is the limit of a request (quotas of Firestore, from memory on 2026-11-27)."""
MOST_READ: Final = 100
"""Documents of one batchGet: ours."""
_COMMIT, _GET = "Commit", "BatchGetDocuments"


class Kept(NamedTuple):
    """What is kept of an entry."""

    entry: str
    document: str
    text: str
    heading: str
    tenant: str
    """As a digest."""


class Texts:
    """Documents in `collection` (`projects/P/databases/D/documents/C`), named by keys without slashes."""

    def __init__(self, service: Service, collection: str) -> None:
        self._service, self._collection = service, collection
        self._path = f"/v1/{collection.rpartition('/')[0]}:"

    def put(self, entries: Mapping[str, Entry], deadline: Deadline) -> None:
        self._commit([self._update(key, entry) for key, entry in entries.items()], deadline)

    def drop(self, keys: Sequence[str], deadline: Deadline) -> None:
        """What is not there is gone already."""
        self._commit([{"delete": f"{self._collection}/{key}"} for key in keys], deadline)

    def get(self, keys: Sequence[str], deadline: Deadline) -> dict[str, Kept]:
        """Those that are there, by key."""
        found: dict[str, Kept] = {}
        for start in range(0, len(keys), MOST_READ):
            names = [f"{self._collection}/{key}" for key in keys[start : start + MOST_READ]]
            answers = self._service.post(_GET, self._path + "batchGet", {"documents": names}, deadline)
            try:
                documents = [json_object(one)["found"] for one in answers if "found" in one]
                found.update((str(one["name"]).rpartition("/")[2], _kept(one)) for one in documents)
            except (KeyError, TypeError) as error:
                raise self._service.malformed(_GET, f"not texts of ours: {error!r}") from None
        return found

    def _update(self, key: str, entry: Entry) -> dict[str, Any]:
        values = (entry.id, entry.document, entry.text, entry.heading, digest(entry.access.tenant))
        fields = {
            name: {"stringValue": whole_characters(value)}
            for name, value in zip(_FIELDS, values, strict=True)
        }
        return {"update": {"name": f"{self._collection}/{key}", "fields": fields}}

    def _commit(self, writes: Sequence[Mapping[str, Any]], deadline: Deadline) -> None:
        for batch in packed(writes, _write_bytes, MOST_WRITES, MOST_BYTES):
            self._service.post_json(_COMMIT, self._path + "commit", {"writes": batch}, deadline)


def _kept(document: Mapping[str, Any]) -> Kept:
    values = [document["fields"][name]["stringValue"] for name in _FIELDS]
    if not all(isinstance(value, str) for value in values):
        raise TypeError("fields that are not texts")
    return Kept(*values)


def _write_bytes(write: Mapping[str, Any]) -> int:
    return len(json.dumps(write)) + 2
