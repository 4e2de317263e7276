"""The RAG deployments that the scenario looks at: one pattern, every store, the same on every target."""

from __future__ import annotations

from serverless_ai_patterns.function_llm import Jwt, Throttle
from serverless_ai_patterns.function_settings import WorkerSettings
from serverless_ai_patterns.rag import Answers, Endpoint, Ingestion, RagSettings
from serverless_ai_patterns.rag.stores import (
    AiSearch,
    AlloyDb,
    Aurora,
    Cosmos,
    Firestore,
    OpenSearch,
    S3Vectors,
    VectorStore,
    VertexVectorSearch,
    has_keywords,
    key_of,
)

OFFERED: dict[str, tuple[type[VectorStore], ...]] = {
    "aws": (S3Vectors, Aurora, OpenSearch),
    "azure": (Cosmos, AiSearch),
    "gcp": (Firestore, AlloyDb, VertexVectorSearch),
}
INGESTION = Ingestion(
    chunk_chars=400,
    overlap_chars=0,
    function=WorkerSettings(timeout_s=20, memory_mb=512, max_concurrency=4, log_retention_days=7),
)
THROTTLE = Throttle(requests_per_second=200, burst=400)


def rag_variants(cloud: str, issuer: str, chosen: str = "") -> dict[str, RagSettings]:
    """Name -> settings: `main` as it comes, but with small chunks, and one for each store of `cloud`.

    That one is named as the store; its callers have tokens of `issuer` with a tenant and groups. `chosen`:
    only these, apart by commas.
    """
    variants = {"main": RagSettings(ingestion=INGESTION, endpoint=Endpoint(throttle=THROTTLE))}
    for kind in OFFERED[cloud]:
        store = kind()
        search = "hybrid" if has_keywords(store) else "vector"
        variants[key_of(store)] = RagSettings(
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
