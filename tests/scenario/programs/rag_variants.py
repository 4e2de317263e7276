"""The RAG deployments that the scenario looks at: one pattern, every store, the same on every target."""

from __future__ import annotations

from serverless_ai_patterns.function_llm import Jwt, Throttle
from serverless_ai_patterns.function_settings import WorkerSettings
from serverless_ai_patterns.rag import Answers, Endpoint, Ingestion, RagSettings
from serverless_ai_patterns.rag.stores import (
    STORES,
    AiSearch,
    OpenSearch,
    VectorStore,
    VertexVectorSearch,
    has_keywords,
    key_of,
)

BY_CHOICE: dict[str, dict[str, VectorStore]] = {
    "aws": {"open_search_classic": OpenSearch(classic=True)},
    "azure": {"ai_search_serverless": AiSearch(sku="serverless")},
    "gcp": {"vertex_vector_search_classic": VertexVectorSearch(classic=True)},
}
"""Other generations and tiers of the stores."""
INGESTION = Ingestion(
    chunk_chars=400,
    overlap_chars=0,
    function=WorkerSettings(timeout_s=20, memory_mb=512, max_concurrency=4, log_retention_days=7),
)
THROTTLE = Throttle(requests_per_second=200, burst=400)


def stores_of(cloud: str) -> dict[str, VectorStore]:
    """Name of the variant -> store, the default's first."""
    return {key_of(kind()): kind() for kind in STORES[cloud]} | BY_CHOICE[cloud]


def rag_variants(cloud: str, issuer: str, chosen: str = "") -> dict[str, RagSettings]:
    """Name -> settings: `main` as it comes, but with small chunks and a context cache wherever it has to be
    asked for, and one for each store of `cloud`.

    That one is named as the store; its callers have tokens of `issuer` with a tenant and groups. `chosen`:
    only these, apart by commas.
    """
    answers = Answers(context_cache=cloud == "aws")
    variants = {
        "main": RagSettings(ingestion=INGESTION, answers=answers, endpoint=Endpoint(throttle=THROTTLE))
    }
    for name, store in stores_of(cloud).items():
        search = "hybrid" if has_keywords(store) else "vector"
        variants[name] = RagSettings(
            store=store,
            ingestion=INGESTION,
            answers=Answers(search=search),
            endpoint=Endpoint(
                auth=Jwt(issuer=issuer, audience=("rag",)),
                tenant_claim="tenant",
                tags_claim="groups",
                throttle=THROTTLE,
            ),
        )
    wanted = chosen.split(",") if chosen else list(variants)
    return {name: variants[name] for name in wanted}
