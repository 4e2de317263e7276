"""Vertex AI Vector Search as a store of RAG: its APIs, what its users may do, the machine of a classic index.

Vector Search 2.0 without an index compares a question with every chunk, which it does for collections of at
most 100,000 data objects, and is offered in nine regions ("Agent Retrieval", overview and query pages, read
2026-11-27: asia-east1, asia-northeast1, asia-southeast1, europe-north1, europe-west2, europe-west4,
us-central1, us-east4, us-west1). A classic index has neither limit, and a machine that runs all the time.
"""

from __future__ import annotations

import json
from typing import Final, NamedTuple

from serverless_ai_runtime.adapters.gcp import texts, vector_search, vector_search_classic

APIS: Final = ("vectorsearch.googleapis.com",)
CLASSIC_APIS: Final = ("aiplatform.googleapis.com", "firestore.googleapis.com")

SCHEMA: Final = json.dumps(vector_search.SCHEMA)
"""Of the data in a collection."""

MACHINE: Final = "e2-standard-2"
SHARD: Final = "SHARD_SIZE_SMALL"
"""2 GiB: some 650,000 vectors of 768 numbers; the only size that the smallest machine serves."""
REPLICAS: Final = 1
"""Google's availability promise begins with two."""
NEIGHBORS: Final = 150
"""That are looked at more closely: approximate_neighbors_count, as in Google's own examples."""


class Rights(NamedTuple):
    """What an identity may do: permissions on the project, and on the documents of the texts' database.

    Neither service has grants on one collection or index, and IAM conditions by their names are not
    documented (2026-11-27): the permissions hold for every one of the project.
    """

    vectors: tuple[str, ...]
    texts: tuple[str, ...] = ()


READ: Final = Rights(vector_search.READ_PERMISSIONS)
WRITE: Final = Rights(vector_search.WRITE_PERMISSIONS)
CLASSIC_READ: Final = Rights(vector_search_classic.READ_PERMISSIONS, texts.READ_PERMISSIONS)
CLASSIC_WRITE: Final = Rights(vector_search_classic.WRITE_PERMISSIONS, texts.WRITE_PERMISSIONS)
