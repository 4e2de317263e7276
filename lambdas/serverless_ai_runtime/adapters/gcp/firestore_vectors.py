"""One collection of Firestore (native mode) with vector indexes as a `VectorStore`.

An entry is one document, named by a digest of its id. What searches filter by is a digest too: of the tenant,
which every search asks for, and of the document. All else of an entry is one JSON text that nobody searches
by, in which any string survives. Tags are left to whoever asks.

Firestore finds the nearest among what the filter leaves, by an index of just the filter's fields and the
vector: the collection needs one of `TENANT, VECTOR` and one of `TENANT, OF, VECTOR`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from math import isfinite
from typing import Any, Final, cast

from serverless_ai_runtime.adapters.service import Service
from serverless_ai_runtime.core.packing import packed
from serverless_ai_runtime.core.ports import Deadline, Refused, ServiceError
from serverless_ai_runtime.core.rag.ports import Access, Entry, Hit
from serverless_ai_runtime.core.records import digest

READ_PERMISSIONS: Final = ("datastore.entities.get", "datastore.entities.list")
"""Of runQuery."""
WRITE_PERMISSIONS: Final = (
    "datastore.entities.create",
    "datastore.entities.update",
    "datastore.entities.delete",
)
"""Of commit: a write without precondition needs the first two. Source of both:
https://cloud.google.com/firestore/docs/security/iam, read 2026-11."""

TENANT: Final = "tenant"
OF: Final = "of"
VECTOR: Final = "vector"
ENTRY: Final = "entry"
"""Fields of a document."""

MOST_DIMENSIONS: Final = 2048
MOST_HITS: Final = 1000
"""Both: "Search with vector embeddings", limitations, docs.cloud.google.com, read 2026-11-27."""
MOST_WRITES: Final = 500
MOST_BYTES: Final = 9_500_000
"""Of a commit: 10 MiB are the limit of a request. Source of both: https://cloud.google.com/firestore/quotas,
from memory on 2026-11-27."""

_COMMIT, _SEARCH = "Commit", "RunQuery"
_DISTANCE: Final = "distance"


class FirestoreVectors:
    """Entries in `collection` (`projects/P/databases/D/documents/C`), whose indexes are of `dimension`.

    Raises `ValueError` for a dimension that Firestore cannot have.
    """

    def __init__(self, service: Service, collection: str, dimension: int) -> None:
        if not 1 <= dimension <= MOST_DIMENSIONS:
            raise ValueError(f"vectors in Firestore have 1 to {MOST_DIMENSIONS} numbers, not {dimension}")
        self._service, self._collection, self._dimension = service, collection, dimension
        documents, _, self._id = collection.rpartition("/")
        self._path = f"/v1/{documents}:"

    def upsert(self, entries: Sequence[Entry], deadline: Deadline) -> None:
        latest = {digest(entry.id): entry for entry in entries}
        for entry in latest.values():
            self._check(_COMMIT, entry.vector)
        self._commit(
            (
                {"update": {"name": self._name(name), "fields": _fields(entry)}}
                for name, entry in latest.items()
            ),
            deadline,
        )

    def delete(self, ids: Sequence[str], deadline: Deadline) -> None:
        self._commit(({"delete": self._name(name)} for name in dict.fromkeys(map(digest, ids))), deadline)

    def search(
        self,
        vector: Sequence[float],
        most: int,
        access: Access,
        deadline: Deadline,
        documents: Sequence[str] = (),
    ) -> list[Hit]:
        self._check(_SEARCH, vector)
        query = {
            "select": {"fields": [{"fieldPath": ENTRY}, {"fieldPath": _DISTANCE}]},
            "from": [{"collectionId": self._id}],
            "where": _filter(access, documents),
            "findNearest": {
                "vectorField": {"fieldPath": VECTOR},
                "queryVector": _value(vector),
                "distanceMeasure": "COSINE",
                "limit": min(most, MOST_HITS),
                "distanceResultField": _DISTANCE,
            },
        }
        body = self._service.post(_SEARCH, self._path + "runQuery", {"structuredQuery": query}, deadline)
        try:
            return [hit for element in body if (hit := self._hit(element))]
        except (AttributeError, LookupError, TypeError, ValueError, RecursionError) as error:
            raise self._service.malformed(_SEARCH, f"not entries of ours: {error!r}") from None

    def _hit(self, element: Mapping[str, Any]) -> Hit | None:
        """None for an element that holds no document, as the only one of a search that found nothing."""
        if "error" in element:
            raise self._failure(element["error"])
        if "document" not in element:
            element["readTime"]
            return None
        fields = element["document"]["fields"]
        distance = float(fields[_DISTANCE].get("doubleValue", fields[_DISTANCE].get("integerValue")))
        held = json.loads(fields[ENTRY]["stringValue"])
        key, document, text, heading = (held[name] for name in ("id", "document", "text", "heading"))
        if not all(isinstance(one, str) for one in (key, document, text, heading)):
            raise TypeError("what is held of an entry are not texts")
        # A vector without a direction is near to nothing.
        return Hit(key, document, text, heading, 1.0 - distance) if isfinite(distance) else None

    def _failure(self, error: Mapping[str, Any]) -> ServiceError:
        """What went wrong after the answer had begun."""
        from serverless_ai_runtime.adapters.gcp.errors import from_status  # what went well never loads it

        return from_status(self._service.name, _SEARCH, 200, error)

    def _commit(self, writes: Iterable[Mapping[str, Any]], deadline: Deadline) -> None:
        """In as few commits as the limits allow, each as a whole or not at all."""
        encoded = (json.dumps(write, separators=(",", ":")).encode() for write in writes)
        for batch in packed(encoded, _with_comma, MOST_WRITES, MOST_BYTES):
            body, count = _body(batch), len(batch)
            response = self._service.call(
                _COMMIT, "POST", self._path + "commit", deadline, headers=_json, body=body
            )
            results = self._service.parsed(_COMMIT, response).get("writeResults")
            if not isinstance(results, list) or len(cast("list[Any]", results)) != count:
                raise self._service.malformed(_COMMIT, "there is not one result for each write")

    def _name(self, name: str) -> str:
        return f"{self._collection}/{name}"

    def _check(self, operation: str, vector: Sequence[float]) -> None:
        if len(vector) != self._dimension:
            text = f"the vector has {len(vector)} numbers, those of the index have {self._dimension}"
            raise Refused(self._service.name, operation, 0, "WrongDimension", text)


def _filter(access: Access, documents: Sequence[str]) -> dict[str, Any]:
    tenant = _where(TENANT, "EQUAL", {"stringValue": digest(access.tenant)})
    if not documents:
        return tenant
    among = {"arrayValue": {"values": [{"stringValue": digest(one)} for one in documents]}}
    return {"compositeFilter": {"op": "AND", "filters": [tenant, _where(OF, "IN", among)]}}


def _where(field: str, operator: str, value: Mapping[str, Any]) -> dict[str, Any]:
    return {"fieldFilter": {"field": {"fieldPath": field}, "op": operator, "value": value}}


def _fields(entry: Entry) -> dict[str, Any]:
    held = {
        "id": entry.id,
        "document": entry.document,
        "text": entry.text,
        "heading": entry.heading,
        "tags": sorted(entry.access.tags),
    }
    text = json.dumps(held, ensure_ascii=False, separators=(",", ":"))
    return {
        TENANT: {"stringValue": digest(entry.access.tenant)},
        OF: {"stringValue": digest(entry.document)},
        # Firestore takes no half of a surrogate pair; as an escape of JSON it does.
        ENTRY: {"stringValue": text.encode("utf-8", "backslashreplace").decode()},
        VECTOR: _value(entry.vector),
    }


def _value(vector: Sequence[float]) -> dict[str, Any]:
    """A vector as Firestore's clients write it, in the nine digits that are all there is in a float32."""
    numbers = [{"doubleValue": float(f"{number:.9g}")} for number in vector]
    fields = {"__type__": {"stringValue": "__vector__"}, "value": {"arrayValue": {"values": numbers}}}
    return {"mapValue": {"fields": fields}}


def _body(writes: Sequence[bytes]) -> bytes:
    return b'{"writes":[' + b",".join(writes) + b"]}"


def _json() -> Mapping[str, str]:
    return {"content-type": "application/json"}


def _with_comma(write: bytes) -> int:
    return len(write) + 1
