"""RAG's two functions as configured: what keeps the indexes like the bucket, and what answers from them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from serverless_ai_runtime import config
from serverless_ai_runtime.config import ConfigError, ModelSettings, WorkPlaces
from serverless_ai_runtime.config_rag import IndexConfig, RagIngestConfig, RagQueryConfig, indexes_of
from serverless_ai_runtime.core.objects import ListableStore
from serverless_ai_runtime.core.ports import BatchStore, ChatModel, KeyValueStore, ScannableStore
from serverless_ai_runtime.core.rag.index import Index
from serverless_ai_runtime.core.rag.manifests import Manifests, Roster
from serverless_ai_runtime.core.rag.ports import Embedder, VectorStore
from serverless_ai_runtime.core.rag.serving import Serving
from serverless_ai_runtime.telemetry import Telemetry
from serverless_ai_runtime.wiring import WORLD, Env, budget_of, sessions_of, telemetry_of

if TYPE_CHECKING:  # each function has one of them
    from serverless_ai_runtime.core.event_pipeline.ports import DeadLetters, Later
    from serverless_ai_runtime.core.rag.endpoint import Endpoint
    from serverless_ai_runtime.core.rag.worker import IngestWorker

MOST_INDEXES = 2


class RagAdapters(Protocol):
    """What a cloud must offer."""

    def chat_model(self, settings: ModelSettings) -> ChatModel: ...

    def embedder(self, index: IndexConfig, *, questions: bool) -> Embedder: ...

    def vectors(self, index: IndexConfig) -> VectorStore: ...

    def store(self, name: str) -> ScannableStore: ...

    def objects(self, settings: WorkPlaces) -> ListableStore: ...

    def dead_letters(self, settings: WorkPlaces) -> DeadLetters: ...

    def later(self, settings: WorkPlaces) -> Later: ...


class IngestApp(NamedTuple):
    """A core, how it is told what to do, and how it is watched; lives as long as the process."""

    core: IngestWorker
    settings: RagIngestConfig
    telemetry: Telemetry


class QueryApp(NamedTuple):
    core: Endpoint
    settings: RagQueryConfig
    telemetry: Telemetry


def rag_ingest(cloud: str, env: Env = None) -> IngestApp:
    """What takes documents in; raises `ConfigError` naming the variable that is wrong."""
    from serverless_ai_runtime.core.rag.bucket import Bucket, Rules
    from serverless_ai_runtime.core.rag.chunks import Sizes
    from serverless_ai_runtime.core.rag.ingest import Ingestion
    from serverless_ai_runtime.core.rag.resync import Resync, Walk
    from serverless_ai_runtime.core.rag.worker import Around, IngestWorker

    settings = config.from_env(RagIngestConfig, env)
    for field in ("timeout_s", "max_attempts", "max_bytes", "batch_size", "chunk_chars"):
        if getattr(settings, field) <= 0:
            raise ConfigError(f"{config.variable(field)} must be more than 0, got {getattr(settings, field)}")
    adapters, configs = _adapters(cloud, env), _indexes(settings.indexes)
    store, objects = adapters.store(settings.store), adapters.objects(settings)
    documents = Bucket(objects, settings.inputs, Rules(settings.tenants, settings.max_bytes))
    sizes = Sizes(settings.chunk_chars, settings.overlap_chars)
    ingestions = [
        Ingestion(_index(one, adapters, store, questions=False), documents, sizes) for one in configs
    ]
    walk = Walk(
        objects,
        settings.inputs,
        Roster(store, configs[0].name),
        adapters.later(settings),
        _serving(configs, store),
    )
    around = Around(
        settings.inputs,
        Resync(ingestions, walk),
        adapters.dead_letters(settings),
        settings.max_attempts,
        WORLD,
    )
    return IngestApp(
        IngestWorker(ingestions, around), settings, telemetry_of(cloud, settings.log_content, env)
    )


def rag_query(cloud: str, env: Env = None) -> QueryApp:
    """What answers; raises `ConfigError` naming the variable that is wrong."""
    from serverless_ai_runtime.core.rag.answering import Answering, Limits
    from serverless_ai_runtime.core.rag.callers import Claims
    from serverless_ai_runtime.core.rag.endpoint import Around, Endpoint, Reader
    from serverless_ai_runtime.core.rag.retrieval import Retrieval

    settings = config.from_env(RagQueryConfig, env)
    if not settings.model:
        raise ConfigError(f"{config.variable('model')} is empty; it must be the id of a model")
    adapters, configs = _adapters(cloud, env), _indexes(settings.indexes)
    store, model = adapters.store(settings.store), adapters.chat_model(settings)
    cache = store if settings.cached_s else None
    limits = Limits(settings.max_output_tokens, settings.cached_s, settings.context_cache)
    readers: dict[str, Reader] = {}
    for one in configs:
        index = _index(one, adapters, store, questions=True)
        try:
            retrieval = Retrieval(index, mode=settings.search, cache=cache, cached_s=settings.cached_s)
        except ValueError as error:
            raise ConfigError(f"{config.variable('search')}: {error}") from None
        answering = Answering(model.name, retrieval, index, limits=limits, cache=cache)
        readers[one.name] = Reader(retrieval, answering)
    around = Around(
        model,
        Claims(settings.tenant_claim, settings.tags_claim),
        _serving(configs, store),
        settings.top_k,
        sessions_of(settings, store),
        budget_of(settings, store),
    )
    return QueryApp(Endpoint(readers, around), settings, telemetry_of(cloud, settings.log_content, env))


def _index(one: IndexConfig, adapters: RagAdapters, store: BatchStore, *, questions: bool) -> Index:
    embedder = adapters.embedder(one, questions=questions)
    return Index(embedder, adapters.vectors(one), Manifests(store, one.name, WORLD), WORLD)


def _serving(configs: Sequence[IndexConfig], store: KeyValueStore) -> Serving:
    return Serving(store, *(one.name for one in configs))


def _indexes(text: str) -> list[IndexConfig]:
    found = indexes_of(text)
    if not 1 <= len(found) <= MOST_INDEXES:
        raise ConfigError(f"{config.variable('indexes')} must list 1 or 2 indexes, got {len(found)}")
    return found


def _adapters(cloud: str, env: Env) -> RagAdapters:
    if cloud == "aws":
        from serverless_ai_runtime.adapters.aws.rag import AwsRag

        return AwsRag(WORLD, env)
    if cloud == "azure":
        from serverless_ai_runtime.adapters.azure.rag import AzureRag

        return AzureRag(WORLD, env)
    if cloud == "gcp":
        from serverless_ai_runtime.adapters.gcp.rag import GcpRag

        return GcpRag(WORLD, env)
    raise ValueError(f"cloud must be aws, azure or gcp, got {cloud!r}")
