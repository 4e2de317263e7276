"""Vector stores by name. The default of each cloud idles at zero; the others say what they cost idle."""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from serverless_ai_patterns.validation import in_range, require, typed


@dataclass(frozen=True, kw_only=True, slots=True)
class S3Vectors:
    """AWS. Storage and calls only; idles at zero."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Aurora:
    """AWS. Aurora PostgreSQL Serverless v2 with pgvector, over the Data API; pauses when nobody asks."""

    max_acu: int = 2
    """Most capacity units (2 GiB of memory each), 1 to 256."""
    pause_after_s: int = 300
    """Without a query, 300 to 86,400; the first question after a pause waits some 15 s."""

    def __post_init__(self) -> None:
        typed(self)
        in_range(self, "max_acu", 1, 256)
        in_range(self, "pause_after_s", 300, 86_400)


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenSearch:
    """AWS. OpenSearch Serverless: vector and full-text search."""

    classic: bool = False
    """A classic collection, which never scales to zero, instead of one in a group of generation NEXTGEN."""
    max_ocu: int = 2
    """Most capacity units, for indexing and for search each; with `classic` the account's limit counts."""

    def __post_init__(self) -> None:
        typed(self)
        in_range(self, "max_ocu", 1, 1696)


@dataclass(frozen=True, kw_only=True, slots=True)
class Cosmos:
    """Azure. Cosmos DB for NoSQL, serverless: vector and full-text search; idles at zero but storage."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AiSearch:
    """Azure. AI Search: vector and full-text search at a fixed price."""

    sku: str = "basic"
    """`basic`, `standard`, or `serverless`, which is a preview."""
    replicas: int = 1
    """1 to 3; not with `serverless`."""

    def __post_init__(self) -> None:
        typed(self)
        allowed = ("basic", "standard", "serverless")
        require(self, "sku", f"one of {', '.join(allowed)}", when=self.sku in allowed)
        in_range(self, "replicas", 1, 3)


@dataclass(frozen=True, kw_only=True, slots=True)
class Firestore:
    """Google Cloud. Vector search of Firestore; idles at zero."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AlloyDb:
    """Google Cloud. AlloyDB for PostgreSQL with pgvector, on a private network; never pauses by itself."""

    cpus: int = 2
    """Of the primary instance: 1, 2, 4, 8, 16, 32, 64, 96 or 128."""

    def __post_init__(self) -> None:
        typed(self)
        allowed = (1, 2, 4, 8, 16, 32, 64, 96, 128)
        require(self, "cpus", f"one of {', '.join(map(str, allowed))}", when=self.cpus in allowed)


@dataclass(frozen=True, kw_only=True, slots=True)
class VertexVectorSearch:
    """Google Cloud. A collection of Vector Search 2.0."""

    classic: bool = False
    """An index and endpoint of Vector Search 1.0, whose machines run all the time, instead."""

    def __post_init__(self) -> None:
        typed(self)


VectorStore = S3Vectors | Aurora | OpenSearch | Cosmos | AiSearch | Firestore | AlloyDb | VertexVectorSearch
STORES: Final[dict[str, tuple[type[VectorStore], ...]]] = {
    "aws": (S3Vectors, Aurora, OpenSearch),
    "azure": (Cosmos, AiSearch),
    "gcp": (Firestore, AlloyDb, VertexVectorSearch),
}
"""By cloud; the default first."""


def has_keywords(store: VectorStore) -> bool:
    """Whether the store has full-text search here."""
    if isinstance(store, VertexVectorSearch):
        return not store.classic
    return not isinstance(store, S3Vectors | Firestore)


def key_of(store: VectorStore) -> str:
    """The store's name in settings files and in the handlers' configuration, e.g. `s3_vectors`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", type(store).__name__).lower()


def index_name(model: str, dimension: int) -> str:
    """Of the index that holds the vectors of this model: a name that every store takes (`i` and 12 digits).

    Another model is another index, so that the old one serves until the new one is complete.
    """
    return "i" + sha256(f"{model} {dimension}".encode()).hexdigest()[:12]
