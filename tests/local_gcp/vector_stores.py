"""Both kinds of Vector Search on the local cloud, with our own adapters in front of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from google_calls import cloud
from google_local import HERE, Local

from serverless_ai_local.gcp import types
from serverless_ai_local.gcp.project import REGION
from serverless_ai_runtime.adapters.gcp import texts, vector_search, vector_search_classic
from serverless_ai_runtime.adapters.gcp.identity import SCOPE
from serverless_ai_runtime.adapters.gcp.texts import Texts
from serverless_ai_runtime.adapters.gcp.vector_search import VectorSearch
from serverless_ai_runtime.adapters.gcp.vector_search_classic import (
    ClassicPlace,
    VectorSearchClassic,
    classic_services,
)
from serverless_ai_runtime.adapters.service import Service
from serverless_ai_runtime.core.ports import Deadline
from serverless_ai_runtime.core.rag.ports import Access, Entry
from serverless_ai_runtime.wiring import WORLD

COLLECTION = f"{HERE}/locations/{REGION}/collections/chunks"
TEXTS = f"{HERE}/databases/texts/documents/chunks"
HOSTILE = 'it\'s a "#1" 100% ☂ \x00 \\ \n {"$or": 1} 😀'

Store = VectorSearch | VectorSearchClassic


@dataclass(frozen=True)
class Made:
    """A store and how others may come to it."""

    local: Local
    classic: ClassicPlace | None = None

    def store(self, token: str = "owner") -> Store:
        url, here = self.local.url, cloud(WORLD, token)
        if self.classic is None:
            return VectorSearch(Service(here, "VectorSearch", url, SCOPE), COLLECTION)
        kept = Texts(Service(here, "Firestore", url, SCOPE), self.classic.texts)
        return VectorSearchClassic(*classic_services(here, self.classic, url), kept, self.classic)

    def account(self, name: str, *, writes: bool) -> Store:
        """The store for an account that may do what a reader or a writer may."""
        module = vector_search_classic if self.classic else vector_search
        more = texts if self.classic else None
        names = "WRITE_PERMISSIONS" if writes else "READ_PERMISSIONS"
        permissions = [*getattr(module, names), *(getattr(more, names) if more else ())]
        return self.store(self.local.access_token(self.local.account(name, *permissions)))


def make_collection(local: Local, **inputs: Any) -> Any:
    dense = {"fieldName": vector_search.VECTOR, "denseVector": {"dimensions": 3}}
    given = {
        "collectionId": "chunks",
        "location": REGION,
        "dataSchema": json.dumps(vector_search.SCHEMA),
        "vectorSchemas": [dense],
    }
    return local.make(types.COLLECTION, **{**given, **inputs})


INDEX: dict[str, Any] = {
    "displayName": "chunks",
    "indexUpdateMethod": "STREAM_UPDATE",
    "metadata": {
        "config": {
            "dimensions": 3,
            "distanceMeasureType": "SQUARED_L2_DISTANCE",
            "shardSize": "SHARD_SIZE_SMALL",
            "approximateNeighborsCount": 10,
            "algorithmConfig": {"treeAhConfig": {}},
        }
    },
}
MACHINE = {"machineSpec": {"machineType": "e2-standard-2"}, "minReplicaCount": 1}


def make_index(local: Local) -> tuple[ClassicPlace, tuple[Any, Any, Any]]:
    """Where it is; the index, the endpoint and the deployed index."""
    index = local.make(types.VERTEX_INDEX, **INDEX)
    endpoint = local.make(types.INDEX_ENDPOINT, displayName="chunks", publicEndpointEnabled=True)
    deployed = local.make(
        types.DEPLOYED_INDEX,
        deployedIndexId="chunks",
        index=index["id"],
        indexEndpoint=endpoint["id"],
        dedicatedResources=MACHINE,
    )
    domain = endpoint["outputs"]["publicEndpointDomainName"]
    return ClassicPlace(index["id"], endpoint["id"], domain, "chunks", TEXTS), (index, endpoint, deployed)


def entry(
    number: int,
    vector: Sequence[float] = (1, 0, 0),
    *,
    tenant: str = "a",
    document: str = "bucket/a.txt",
    text: str = "words",
) -> Entry:
    return Entry(f"id-{number}", document, Access(tenant), text, "Heading", vector)


def ids(store: Store, vector: Sequence[float] = (1, 0, 0), tenant: str = "a", **more: Any) -> list[str]:
    most = more.pop("most", 10)
    return [hit.id for hit in store.search(vector, most, Access(tenant), Deadline(10), **more)]
