"""One collection of Vector Search 2.0 (Agent Retrieval, API v1) as a `KeywordStore`.

An entry is one data object, named by the digest of its id: names are short and of few characters. Every
search is filtered by the tenant, inside the service; digests of it and of the document are fields of the
data. Tags are left to whoever asks.

The API has no upsert: creating what is there is refused (ALREADY_EXISTS), so is updating what is not
(NOT_FOUND). Whether such a batch is refused as a whole is not documented and could not be tried, so that
nothing here relies on it: a refused batch asks which of its objects are there, and goes on from that.

Without an index resource, which runs machines all the time, the service compares with every vector (KNN):
exact, and offered for collections of at most `MOST_KEPT` objects. Scores are cosine similarities; an index
that is added by hand must be made with COSINE_DISTANCE too.

Sources: google/cloud/vectorsearch/v1/*.proto, and the pages "Searching for Data Objects", "Querying
Collections for Data Objects" and "Audit logging" of Agent Retrieval, all read 2026-11-27.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from serverless_ai_runtime.adapters.gcp.errors import ALREADY_EXISTS, NOT_FOUND
from serverless_ai_runtime.adapters.service import Service, json_object
from serverless_ai_runtime.core.packing import packed
from serverless_ai_runtime.core.ports import Deadline, Refused, Unavailable
from serverless_ai_runtime.core.rag.ports import Access, Entry, Hit
from serverless_ai_runtime.core.records import digest, whole_characters

READ_PERMISSIONS: Final = ("vectorsearch.dataObjects.search",)
"""Of search and batchSearch alike."""
WRITE_PERMISSIONS: Final = (
    "vectorsearch.dataObjects.create",
    "vectorsearch.dataObjects.update",
    "vectorsearch.dataObjects.delete",
    "vectorsearch.dataObjects.query",
)

VECTOR: Final = "vector"
"""The collection's only vector field."""
FIELDS: Final = ("key", "tenant", "of", "entry", "document", "text", "heading")
"""Its data fields, all texts; the service refuses objects with others."""
SCHEMA: Final[Mapping[str, Any]] = {
    "type": "object",
    "properties": {name: {"type": "string"} for name in FIELDS},
}
"""JSON schema (draft 7) that the collection must be made with."""

MOST_KEPT: Final = 100_000
"""Data objects in a collection that is searched without an index."""
MOST_OBJECTS: Final = 100
"""Of a batch: the service takes 1,000; ours are few enough for a filter to name them all."""
MOST_BYTES: Final = 4_000_000
"""Of a request. The service documents no limit; gRPC's own default is 4 MiB."""
MOST_WORDS: Final = 16
"""Of a question that are searched for. The service documents no limit."""
_PAGE: Final = 1000
_MOST_TRIES: Final = 3

_CREATE, _UPDATE, _DELETE = "BatchCreateDataObjects", "BatchUpdateDataObjects", "BatchDeleteDataObjects"
_QUERY, _SEARCH, _BATCH = "QueryDataObjects", "SearchDataObjects", "BatchSearchDataObjects"
_METHODS: Final = {
    _CREATE: "batchCreate",
    _UPDATE: "batchUpdate",
    _DELETE: "batchDelete",
    _QUERY: "query",
    _SEARCH: "search",
    _BATCH: "batchSearch",
}
_SHOWN: Final = {"dataFields": ["entry", "document", "text", "heading"]}
_WORD: Final = re.compile(r"\w+")


class VectorSearch:
    """Entries in `collection` (`projects/P/locations/L/collections/C`)."""

    def __init__(self, service: Service, collection: str) -> None:
        self._service, self._collection = service, collection

    def upsert(self, entries: Sequence[Entry], deadline: Deadline) -> None:
        objects = {_key(entry.id): _object(entry) for entry in entries}
        for batch in packed(objects.items(), _object_bytes, MOST_OBJECTS, MOST_BYTES):
            self._put(dict(batch), deadline)

    def delete(self, ids: Sequence[str], deadline: Deadline) -> None:
        keys = list(dict.fromkeys(map(_key, ids)))
        for start in range(0, len(keys), MOST_OBJECTS):
            self._drop(keys[start : start + MOST_OBJECTS], deadline)

    def search(
        self,
        vector: Sequence[float],
        most: int,
        access: Access,
        deadline: Deadline,
        documents: Sequence[str] = (),
    ) -> list[Hit]:
        asked = {
            "searchField": VECTOR,
            "vector": {"values": _numbers(vector)},
            "filter": _filter(access, documents),
            "topK": most,
            "distanceMetric": "COSINE_DISTANCE",
            "outputFields": _SHOWN,
        }
        body = self._post(_SEARCH, {"vectorSearch": asked}, deadline)
        hits = self._hits(_SEARCH, body)
        return [hit._replace(score=1.0 - hit.score) for hit in hits][:most]

    def search_text(
        self,
        text: str,
        most: int,
        access: Access,
        deadline: Deadline,
        documents: Sequence[str] = (),
    ) -> list[Hit]:
        """One search a word, for several words in one search must all be there; their ranks are fused.

        The longer a word, the more it counts: the short ones are those that stand everywhere.
        """
        words = sorted(
            dict.fromkeys(_WORD.findall(whole_characters(text).lower())), key=lambda word: -len(word)
        )
        if not words:
            return []
        searches = [self._words(word, most, access, documents) for word in words[:MOST_WORDS]]
        weights = [float(len(word)) for word in words[:MOST_WORDS]]
        combine = {"ranker": {"rrf": {"weights": weights}}, "topK": most, "outputFields": _SHOWN}
        body = self._post(_BATCH, {"searches": searches, "combine": combine}, deadline)
        try:
            fused = [json_object(one) for one in body.get("results", ())]
        except TypeError:
            raise self._service.malformed(_BATCH, "there is no list of results") from None
        return [hit for one in fused[:1] for hit in self._hits(_BATCH, one)][:most]

    def _put(self, batch: Mapping[str, Mapping[str, Any]], deadline: Deadline) -> None:
        there: set[str] = set()
        for _ in range(_MOST_TRIES):
            old = [{"dataObject": {"name": self._name(key), **batch[key]}} for key in batch if key in there]
            new = [
                {"parent": self._collection, "dataObjectId": key, "dataObject": batch[key]}
                for key in batch
                if key not in there
            ]
            if self._done(_UPDATE, old, deadline) and self._done(_CREATE, new, deadline):
                return
            there = self._there(list(batch), deadline)
        raise self._contended(_CREATE)

    def _drop(self, keys: Sequence[str], deadline: Deadline) -> None:
        left: Sequence[str] = keys
        for _ in range(_MOST_TRIES):
            if self._done(_DELETE, [{"name": self._name(key)} for key in left], deadline):
                return
            left = sorted(self._there(keys, deadline))
        raise self._contended(_DELETE)

    def _done(self, operation: str, requests: Sequence[Mapping[str, Any]], deadline: Deadline) -> bool:
        """False if it was refused because of what is there, or is not."""
        if not requests:
            return True
        try:
            self._post(operation, {"requests": requests}, deadline)
        except Refused as error:
            if error.code not in (ALREADY_EXISTS, NOT_FOUND):
                raise
            return False
        return True

    def _there(self, keys: Sequence[str], deadline: Deadline) -> set[str]:
        """Which of them the collection has. Raises `Refused` if it is not there itself."""
        asked: dict[str, Any] = {
            "filter": {"key": {"$in": list(keys)}},
            "pageSize": _PAGE,
            "outputFields": {"dataFields": ["key"]},
        }
        found: set[str] = set()
        while True:
            body = self._post(_QUERY, asked, deadline)
            try:
                found.update(str(one["data"]["key"]) for one in body.get("dataObjects", ()))
            except (KeyError, TypeError) as error:
                raise self._service.malformed(_QUERY, f"not objects of ours: {error!r}") from None
            asked["pageToken"] = body.get("nextPageToken", "")
            if not asked["pageToken"]:
                return found

    def _words(self, word: str, most: int, access: Access, documents: Sequence[str]) -> dict[str, Any]:
        asked = {
            "searchText": word,
            "dataFieldNames": ["text", "heading"],
            "filter": _filter(access, documents),
            "topK": most,
            "outputFields": _SHOWN,
        }
        return {"textSearch": asked}

    def _hits(self, operation: str, body: Mapping[str, Any]) -> list[Hit]:
        try:
            return [_hit(one) for one in body.get("results", ())]
        except (KeyError, TypeError, ValueError) as error:
            raise self._service.malformed(operation, f"not entries of ours: {error!r}") from None

    def _name(self, key: str) -> str:
        return f"{self._collection}/dataObjects/{key}"

    def _post(self, operation: str, payload: Mapping[str, Any], deadline: Deadline) -> dict[str, Any]:
        path = f"/v1/{self._collection}/dataObjects:{_METHODS[operation]}"
        return self._service.post_json(operation, path, payload, deadline)

    def _contended(self, operation: str) -> Unavailable:
        return Unavailable(
            self._service.name, operation, 409, "Contended", "somebody else writes the same entries"
        )


def _key(entry_id: str) -> str:
    """At most 63 characters, a letter first (RFC 1035)."""
    return "e" + digest(entry_id)[:40]


def _object(entry: Entry) -> dict[str, Any]:
    values = (
        _key(entry.id),
        digest(entry.access.tenant),
        digest(entry.document),
        whole_characters(entry.id),
        whole_characters(entry.document),
        whole_characters(entry.text),
        whole_characters(entry.heading),
    )
    return {
        "data": dict(zip(FIELDS, values, strict=True)),
        "vectors": {VECTOR: {"dense": {"values": _numbers(entry.vector)}}},
    }


def _numbers(vector: Sequence[float]) -> list[float]:
    """Nine digits are all that there is in a float32, and half as many bytes as of a double."""
    return [float(f"{value:.9g}") for value in vector]


def _filter(access: Access, documents: Sequence[str]) -> dict[str, Any]:
    tenant = {"tenant": {"$eq": digest(access.tenant)}}
    if not documents:
        return tenant
    return {"$and": [tenant, {"of": {"$in": [digest(one) for one in documents]}}]}


def _hit(one: Mapping[str, Any]) -> Hit:
    """Its score is the distance as the service gives it."""
    data = one["dataObject"]["data"]
    texts = (data["entry"], data["document"], data["text"], data.get("heading", ""))
    if not all(isinstance(value, str) for value in texts):
        raise TypeError("the fields of a data object are not texts")
    entry, document, text, heading = texts
    return Hit(entry, document, text, heading, float(one.get("distance", 0.0)))


def _object_bytes(one: tuple[str, Mapping[str, Any]]) -> int:
    return len(json.dumps(one[1])) + 400  # what stands around it, names included
