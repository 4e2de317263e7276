"""One index of OpenSearch Serverless as a `KeywordStore`: vectors by faiss, words by BM25.

Every search is filtered by the tenant in the store. Tags are left to whoever asks. Tenants, documents and ids
are indexed as digests, which are of one length whatever they are of; the texts themselves stand beside.

A collection of the generation NEXTGEN takes our ids, so that an entry that is written again replaces itself.
A classic one gives ids of its own: there an entry is written first and its older copies are deleted after,
and a copy that a search does not show yet (for 60 s) stays until the entry is written or deleted once more.
What a search finds twice is one hit.

What was written is found after 10 s (NEXTGEN) or 60 s (classic): Working with vector search collections, read
2026-11-27. The index is made by the first write; a search before it finds nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from serverless_ai_runtime.adapters.aws.opensearch_index import (
    MOST_OPERATIONS,
    NO_INDEX,
    Index,
    Operation,
    Place,
)
from serverless_ai_runtime.adapters.aws.service import Service
from serverless_ai_runtime.core.ports import Deadline, Refused, ServiceError
from serverless_ai_runtime.core.rag.ports import Access, Entry, Hit
from serverless_ai_runtime.core.records import digest, whole_characters

ACTIONS: Final = ("aoss:APIAccessAll",)
"""On the collection, of every caller; what it may do there, the collection's data access policies say."""
READ_PERMISSIONS: Final = ("aoss:ReadDocument",)
WRITE_PERMISSIONS: Final = ("aoss:CreateIndex", "aoss:WriteDocument")
CLASSIC_WRITE_PERMISSIONS: Final = (*WRITE_PERMISSIONS, *READ_PERMISSIONS)
"""Of data access policies (Supported operations and plugins in OpenSearch Serverless, read 2026-11-27)."""

SPACE: Final = "innerproduct"
"""Of vectors of length one it is the cosine, and each generation has it."""
MOST_HITS: Final = 10_000
"""The setting index.max_result_window and the greatest k (OpenSearch 3 documentation, read 2026-11-27)."""
MOST_TERMS: Final = 480
"""Words of a question: in two fields, they and the filter are less than the 1,024 clauses that a query may
have (index.query.bool.max_clause_count in the OpenSearch 3 documentation, read 2026-11-27)."""
_LONGEST_TERM: Final = 255
"""Characters; the standard analyzer cuts longer words."""

_FIELDS: Final = ("entry", "document", "text", "heading")
_SEARCH, _SEARCH_TEXT, _FIND = "SearchVectors", "SearchText", "FindCopies"


class OpenSearch:
    """Entries in one index. `service.endpoint` is the collection's, `service.signing_name` is `aoss`."""

    def __init__(self, service: Service, place: Place) -> None:
        self._service, self._place = service, place
        self._index = Index(service, place.name)
        self._made = False

    def upsert(self, entries: Sequence[Entry], deadline: Deadline) -> None:
        latest = {entry.id: entry for entry in entries}
        for entry in latest.values():
            self._check("Bulk", entry.vector)
        if not latest:
            return
        if not self._made:
            # Not only when it is found missing: a bulk request would make it, with other types of fields.
            self._index.create(self._mapping(), deadline)
            self._made = True
        try:
            self._write(latest, deadline)
        except ServiceError as error:
            self._made = error.code != NO_INDEX
            raise

    def delete(self, ids: Sequence[str], deadline: Deadline) -> None:
        keys = list(dict.fromkeys(map(digest, ids)))
        if not self._place.classic:
            self._index.bulk([_deletion(key) for key in keys], deadline)
            return
        for start in range(0, len(keys), MOST_OPERATIONS):
            copies = self._copies(keys[start : start + MOST_OPERATIONS], deadline)
            self._index.bulk([_deletion(one) for one in copies], deadline)

    def search(
        self,
        vector: Sequence[float],
        most: int,
        access: Access,
        deadline: Deadline,
        documents: Sequence[str] = (),
    ) -> list[Hit]:
        self._check(_SEARCH, vector)
        count = self._count(most)
        near = {
            "vector": _unit(vector),
            "k": count,
            "filter": {"bool": {"filter": _filter(access, documents)}},
        }
        hits = self._hits(_SEARCH, {"knn": {"vector": near}}, count, deadline)
        return [hit._replace(score=_cosine(hit.score)) for hit in hits[:most]]

    def search_text(
        self,
        text: str,
        most: int,
        access: Access,
        deadline: Deadline,
        documents: Sequence[str] = (),
    ) -> list[Hit]:
        words = _words(whole_characters(text))
        if not words:
            return []
        match = {"multi_match": {"query": words, "fields": ["text", "heading"], "operator": "or"}}
        query = {"bool": {"must": [match], "filter": _filter(access, documents)}}
        return self._hits(_SEARCH_TEXT, query, self._count(most), deadline)[:most]

    def _count(self, most: int) -> int:
        """How many hits to ask for: in a classic collection some may be copies of others."""
        return max(1, min(2 * most if self._place.classic else most, MOST_HITS))

    def _write(self, entries: Mapping[str, Entry], deadline: Deadline) -> None:
        documents = [_document(entry) for entry in entries.values()]
        if not self._place.classic:
            written = [Operation({"index": {"_id": one["key"]}}, one) for one in documents]
            self._index.bulk(written, deadline)
            return
        for start in range(0, len(documents), MOST_OPERATIONS):
            batch = documents[start : start + MOST_OPERATIONS]
            older = self._copies([one["key"] for one in batch], deadline)
            self._index.bulk([Operation({"index": {}}, one) for one in batch], deadline)
            self._index.bulk([_deletion(one) for one in older], deadline)

    def _copies(self, keys: Sequence[str], deadline: Deadline) -> list[str]:
        """Ids that a classic collection gave to entries, as far as it shows them already."""
        query = {"query": {"terms": {"key": keys}}, "size": MOST_HITS, "_source": False}
        copies = [hit.get("_id") for hit in self._index.search(_FIND, query, deadline)]
        texts = [one for one in copies if isinstance(one, str)]
        if len(texts) != len(copies):
            raise self._service.malformed(_FIND, "a hit has no id")
        return texts

    def _hits(self, operation: str, query: Mapping[str, Any], count: int, deadline: Deadline) -> list[Hit]:
        body = {"query": query, "size": count, "_source": list(_FIELDS)}
        found: dict[str, Hit] = {}
        for one in self._index.search(operation, body, deadline):
            try:
                source, score = one["_source"], float(one["_score"])
                entry, document, text, heading = (source[name] for name in _FIELDS)
                if not all(isinstance(value, str) for value in (entry, document, text, heading)):
                    raise TypeError(f"the fields of {entry!r} are not texts")
            except (KeyError, TypeError, ValueError) as error:
                raise self._service.malformed(operation, f"not an entry of ours: {error!r}") from None
            found.setdefault(entry, Hit(entry, document, text, heading, score))
        return list(found.values())

    def _mapping(self) -> dict[str, Any]:
        vector: dict[str, Any] = {"type": "knn_vector", "dimension": self._place.dimension}
        if self._place.classic:  # its default engine does not filter while it searches
            vector["method"] = {"name": "hnsw", "engine": "faiss", "space_type": SPACE}
        else:  # which refuses to be told the engine
            vector["space_type"] = SPACE
        kept = {"type": "keyword", "index": False, "doc_values": False}
        fields = {
            "tenant": {"type": "keyword"},
            "of": {"type": "keyword"},
            "key": {"type": "keyword"},
            "entry": kept,
            "document": kept,
            "text": {"type": "text"},
            "heading": {"type": "text"},
            "vector": vector,
        }
        return {"settings": {"index.knn": True}, "mappings": {"dynamic": "strict", "properties": fields}}

    def _check(self, operation: str, vector: Sequence[float]) -> None:
        if len(vector) != self._place.dimension:
            text = f"the vector has {len(vector)} numbers, the index's have {self._place.dimension}"
            raise Refused(self._service.name, operation, 0, "WrongDimension", text)


def _document(entry: Entry) -> dict[str, Any]:
    return {
        "tenant": digest(entry.access.tenant),
        "of": digest(entry.document),
        "key": digest(entry.id),
        "entry": whole_characters(entry.id),
        "document": whole_characters(entry.document),
        "text": whole_characters(entry.text),
        "heading": whole_characters(entry.heading),
        "vector": _unit(entry.vector),
    }


def _deletion(key: str) -> Operation:
    return Operation({"delete": {"_id": key}})


def _filter(access: Access, documents: Sequence[str]) -> list[dict[str, Any]]:
    tenant = {"term": {"tenant": digest(access.tenant)}}
    return [tenant, {"terms": {"of": [digest(one) for one in documents]}}] if documents else [tenant]


def _unit(vector: Sequence[float]) -> list[float]:
    """Of length one. Nine digits are all that there is in a float32, and half as many bytes."""
    length = math.hypot(*vector) or 1.0
    return [float(f"{value / length:.9g}") for value in vector]


def _cosine(score: float) -> float:
    """From a score, which is positive: p + 1 for a product p of at least 0, and 1 / (1 - p) below."""
    return score - 1.0 if score >= 1.0 else 1.0 - 1.0 / max(score, 1e-9)


def _words(text: str) -> str:
    """Each word of a question once, and at most as many as a query may have.

    What is not plain ASCII letters and digits may be as many terms as it has characters.
    """
    kept: list[str] = []
    room = MOST_TERMS
    for word in dict.fromkeys(text.split()):
        room -= 1 + len(word) // _LONGEST_TERM if word.isascii() and word.isalnum() else len(word)
        if room < 0:
            break
        kept.append(word)
    return " ".join(kept)
