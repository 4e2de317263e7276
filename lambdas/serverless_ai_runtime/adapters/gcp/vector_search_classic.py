"""One deployed index of Vertex AI Vector Search 1.0 as a `VectorStore`, with its texts in Firestore.

An index holds vectors, and up to 2 KB of metadata a vector (`embedding_metadata`, a preview: "Vector Search
embeddings with metadata", read 2026-11-27), which is less than a chunk may have: texts are in a collection of
Firestore, which a search asks for what it has found. They are written before and deleted after their vectors,
so that what is found has its text; a hit without one is being deleted, and is left out.

Every search is restricted to the tenant inside the index, and the text's tenant is compared once more. Tags
are left to whoever asks. The index takes new vectors within seconds, not at once (STREAM_UPDATE).

Vectors are stored at length one and compared by squared Euclidean distance d, so that 1 - d/2 is the cosine
similarity: what the service returns for its other measures is documented with one sign and seen with another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import sqrt
from typing import Any, Final, NamedTuple

from serverless_ai_runtime.adapters.gcp.identity import SCOPE
from serverless_ai_runtime.adapters.gcp.texts import Kept, Texts
from serverless_ai_runtime.adapters.places import place_texts
from serverless_ai_runtime.adapters.service import Cloud, Service
from serverless_ai_runtime.core.ports import Deadline
from serverless_ai_runtime.core.rag.ports import Access, Entry, Hit
from serverless_ai_runtime.core.records import digest

READ_PERMISSIONS: Final = ("aiplatform.indexEndpoints.queryVectors",)
"""Of findNeighbors: as others grant it; the method's own page was not found (2026-11-27)."""
WRITE_PERMISSIONS: Final = ("aiplatform.indexes.update",)
"""Of upsertDatapoints and removeDatapoints: as above. The texts need those of `texts` besides."""

DISTANCE: Final = "SQUARED_L2_DISTANCE"
UPDATES: Final = "STREAM_UPDATE"
"""distance_measure_type and index_update_method that the index must be made with."""

MOST_POINTS: Final = 100
"""Of one call: ours, the service's limit (1,000) is from memory."""
_TENANT, _DOCUMENT = "tenant", "document"
_UPSERT, _REMOVE, _FIND = "UpsertDatapoints", "RemoveDatapoints", "FindNeighbors"


class ClassicPlace(NamedTuple):
    """Where the index of a `VectorSearchClassic` is."""

    vectors: str
    """The index: projects/P/locations/L/indexes/I."""
    endpoint: str
    """projects/P/locations/L/indexEndpoints/E."""
    domain: str
    """Of the endpoint, where it is asked; changes are sent to Vertex AI itself."""
    deployed: str
    """Id of the deployed index."""
    texts: str
    """projects/P/databases/D/documents/C."""


def read_place(text: str) -> ClassicPlace:
    """Out of the JSON object that infrastructure writes. Raises `ValueError` saying what is wrong."""
    return ClassicPlace(*place_texts(text, ClassicPlace._fields, "Vector Search"))


def classic_services(cloud: Cloud, place: ClassicPlace, override: str = "") -> tuple[Service, Service]:
    """What takes changes and what is asked; both at the URL `override` if there is one."""
    location = place.vectors.split("/")[3]
    changes = override or f"https://{location}-aiplatform.googleapis.com"
    asked = override or f"https://{place.domain}"
    return Service(cloud, "Vertex", changes, SCOPE), Service(cloud, "VectorSearch", asked, SCOPE)


class VectorSearchClassic:
    """Entries in the index at `place`; `changes` and `asked` as `classic_services` makes them."""

    def __init__(self, changes: Service, asked: Service, kept: Texts, place: ClassicPlace) -> None:
        self._changes, self._asked, self._texts, self._place = changes, asked, kept, place

    def upsert(self, entries: Sequence[Entry], deadline: Deadline) -> None:
        latest = {digest(entry.id): entry for entry in entries}
        for batch in _batches(list(latest)):
            self._texts.put({key: latest[key] for key in batch}, deadline)
            points = [_point(key, latest[key]) for key in batch]
            self._change(_UPSERT, "upsertDatapoints", {"datapoints": points}, deadline)

    def delete(self, ids: Sequence[str], deadline: Deadline) -> None:
        for batch in _batches(list(dict.fromkeys(map(digest, ids)))):
            self._change(_REMOVE, "removeDatapoints", {"datapointIds": batch}, deadline)
            self._texts.drop(batch, deadline)

    def search(
        self,
        vector: Sequence[float],
        most: int,
        access: Access,
        deadline: Deadline,
        documents: Sequence[str] = (),
    ) -> list[Hit]:
        tenant = digest(access.tenant)
        found = self._neighbors(
            vector, most, _restricts(tenant, [digest(one) for one in documents]), deadline
        )
        kept = self._texts.get([key for key, _ in found], deadline) if found else {}
        hits = [
            _hit(kept[key], distance) for key, distance in found if key in kept and kept[key].tenant == tenant
        ]
        return sorted(hits, key=lambda hit: -hit.score)[:most]

    def _neighbors(
        self, vector: Sequence[float], most: int, restricts: Sequence[Mapping[str, Any]], deadline: Deadline
    ) -> list[tuple[str, float]]:
        """Keys and distances."""
        point = {"featureVector": _unit(vector), "restricts": restricts}
        asked = {
            "deployedIndexId": self._place.deployed,
            "queries": [{"datapoint": point, "neighborCount": most}],
        }
        path = f"/v1/{self._place.endpoint}:findNeighbors"
        body = self._asked.post_json(_FIND, path, asked, deadline)
        try:
            lists = body.get("nearestNeighbors", ())
            neighbors = lists[0].get("neighbors", ()) if lists else ()
            return [
                (_text(one["datapoint"]["datapointId"]), float(one.get("distance", 0))) for one in neighbors
            ]
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            raise self._asked.malformed(_FIND, f"not neighbours: {error!r}") from None

    def _change(self, operation: str, method: str, payload: Mapping[str, Any], deadline: Deadline) -> None:
        self._changes.post_json(operation, f"/v1/{self._place.vectors}:{method}", payload, deadline)


def _point(key: str, entry: Entry) -> dict[str, Any]:
    return {
        "datapointId": key,
        "featureVector": _unit(entry.vector),
        "restricts": _restricts(digest(entry.access.tenant), [digest(entry.document)]),
    }


def _restricts(tenant: str, documents: Sequence[str]) -> list[dict[str, Any]]:
    """Of a point: what it is. Of a query: all namespaces must fit, of the tokens of one any."""
    wanted = [{"namespace": _TENANT, "allowList": [tenant]}]
    return [*wanted, {"namespace": _DOCUMENT, "allowList": list(documents)}] if documents else wanted


def _unit(vector: Sequence[float]) -> list[float]:
    """At length one; a vector of zeros stays as it is. Nine digits are all that there is in a float32."""
    length = sqrt(sum(value * value for value in vector)) or 1.0
    return [float(f"{value / length:.9g}") for value in vector]


def _batches(keys: Sequence[str]) -> list[Sequence[str]]:
    return [keys[start : start + MOST_POINTS] for start in range(0, len(keys), MOST_POINTS)]


def _hit(kept: Kept, distance: float) -> Hit:
    return Hit(kept.entry, kept.document, kept.text, kept.heading, 1.0 - distance / 2)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("an id that is no text")
    return value
