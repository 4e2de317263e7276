"""One index of S3 Vectors as a `VectorStore`.

Every search is filtered by the tenant. Digests of it and of the document are the only metadata that can be
filtered by: that kind is scarce. Tags are left to whoever asks. Scores are cosine similarities, so the
index's distance must be `DISTANCE`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from serverless_ai_runtime.adapters.aws.service import Service
from serverless_ai_runtime.core.packing import packed
from serverless_ai_runtime.core.ports import Deadline, Refused
from serverless_ai_runtime.core.rag.ports import Access, Entry, Hit
from serverless_ai_runtime.core.records import digest, whole_characters

READ_ACTIONS: Final = ("s3vectors:QueryVectors", "s3vectors:GetVectors")
"""A query that filters or returns metadata needs both (API reference of QueryVectors, read 2026-11-27)."""
WRITE_ACTIONS: Final = ("s3vectors:PutVectors", "s3vectors:DeleteVectors")

DISTANCE: Final = "cosine"
NOT_FILTERABLE: Final = ("document", "heading", "text")
"""Metadata keys that the index must be made with: what can be filtered by may have 2 KB in all."""

MOST_VECTORS: Final = 500
"""Of one PutVectors or DeleteVectors."""
MOST_HITS: Final = 100
MOST_METADATA_BYTES: Final = 40_000
MOST_BYTES: Final = 20_000_000
"""Of a request, rounded down; all four: Limitations and restrictions of S3 Vectors, read 2026-11-27."""
_NUMBER_BYTES: Final = 26
"""Most that a number, its comma and space take as JSON."""
_ESCAPED: Final = 6
"""Most bytes that one byte of metadata takes as JSON."""

_PUT, _DELETE, _QUERY = "PutVectors", "DeleteVectors", "QueryVectors"


class S3Vectors:
    """Entries in the index with this ARN."""

    def __init__(self, service: Service, index_arn: str) -> None:
        self._service, self._index = service, index_arn

    def upsert(self, entries: Sequence[Entry], deadline: Deadline) -> None:
        latest = {entry.id: entry for entry in entries}
        vectors = [self._vector(entry) for entry in latest.values()]
        for batch in packed(vectors, _most_bytes, MOST_VECTORS, MOST_BYTES):
            self._post(_PUT, {"vectors": batch}, deadline)

    def delete(self, ids: Sequence[str], deadline: Deadline) -> None:
        keys = list(dict.fromkeys(ids))
        for start in range(0, len(keys), MOST_VECTORS):
            self._post(_DELETE, {"keys": keys[start : start + MOST_VECTORS]}, deadline)

    def search(
        self,
        vector: Sequence[float],
        most: int,
        access: Access,
        deadline: Deadline,
        documents: Sequence[str] = (),
    ) -> list[Hit]:
        asked = {
            "topK": min(most, MOST_HITS),
            "queryVector": {"float32": list(vector)},
            "filter": _filter(access, documents),
            "returnMetadata": True,
            "returnDistance": True,
        }
        body = self._post(_QUERY, asked, deadline)
        try:
            return [_hit(one) for one in body["vectors"]]
        except (KeyError, TypeError, ValueError) as error:
            raise self._service.malformed(_QUERY, f"not entries of ours: {error!r}") from None

    def _post(self, operation: str, payload: Mapping[str, Any], deadline: Deadline) -> dict[str, Any]:
        return self._service.post_rest(
            operation, f"/{operation}", {"indexArn": self._index, **payload}, deadline
        )

    def _vector(self, entry: Entry) -> dict[str, Any]:
        metadata = {
            "tenant": digest(entry.access.tenant),
            "of": digest(entry.document),
            "document": whole_characters(entry.document),
            "text": whole_characters(entry.text),
            **({"heading": whole_characters(entry.heading)} if entry.heading else {}),
        }
        size = sum(len(name) + len(value.encode()) for name, value in metadata.items())
        if size > MOST_METADATA_BYTES:
            text = f"a chunk of {entry.document} has {size} bytes; at most {MOST_METADATA_BYTES} are allowed"
            raise Refused(self._service.name, _PUT, 0, "TooLarge", text)
        return {"key": entry.id, "data": {"float32": list(entry.vector)}, "metadata": metadata}


def _filter(access: Access, documents: Sequence[str]) -> dict[str, Any]:
    tenant = {"tenant": {"$eq": digest(access.tenant)}}
    if not documents:
        return tenant
    return {"$and": [tenant, {"of": {"$in": [digest(one) for one in documents]}}]}


def _most_bytes(vector: Mapping[str, Any]) -> int:
    text = sum(len(value.encode()) for value in (vector["key"], *vector["metadata"].values()))
    return len(vector["data"]["float32"]) * _NUMBER_BYTES + text * _ESCAPED + 200


def _hit(one: Mapping[str, Any]) -> Hit:
    metadata = one["metadata"]
    texts = (one["key"], metadata["document"], metadata["text"], metadata.get("heading", ""))
    if not all(isinstance(value, str) for value in texts):
        raise TypeError(f"the metadata of {one['key']!r} are not texts")
    key, document, text, heading = texts
    return Hit(key, document, text, heading, 1.0 - float(one["distance"]))
