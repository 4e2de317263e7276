"""RAG on Azure: its indexes, what is let in, and what the two functions and their hosts are told."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from serverless_ai_patterns.azure.event_pipeline import blobs_of, queue_host
from serverless_ai_patterns.azure.events import EVENTS, EventFilter
from serverless_ai_patterns.azure.function_llm import CONCURRENCY, THREADS, http_instances
from serverless_ai_patterns.models_azure import AzureModel
from serverless_ai_patterns.rag.handler import BATCH, IngestPlaces, ingest_config, query_config
from serverless_ai_patterns.rag.settings import Embedding, RagSettings
from serverless_ai_patterns.rag.stores import index_name, key_of
from serverless_ai_runtime.adapters.azure.arrivals import BLOB_CREATED, BLOB_DELETED
from serverless_ai_runtime.config import AzureEdgeConfig, azure_settings, to_env
from serverless_ai_runtime.config_rag import IndexConfig

CLOUD: Final = "azure"
DOCUMENTS: Final = "documents"
"""The container."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AzureIndex:
    """An index, before it is known where its vectors will be."""

    name: str
    model: AzureModel
    """That makes the vectors."""
    dimension: int

    @property
    def deployment(self) -> str:
        """Of its model in the account: one model has one, whatever the dimension."""
        return re.sub(r"[^A-Za-z0-9.-]", "-", self.model.id)

    def config(self, settings: RagSettings, place: str, model_endpoint: str) -> IndexConfig:
        """What the handlers are told; texts may be a tool's tokens."""
        store = key_of(settings.store_on(CLOUD))
        return IndexConfig(self.name, self.deployment, self.dimension, store, place, model_endpoint)


def index(embedding: Embedding, model: AzureModel) -> AzureIndex:
    """Raises ValueError for a model whose vectors have no known dimension."""
    dimension = embedding.dimension or model.dimension
    if not dimension:
        raise ValueError(f"Embedding.dimension must be given for {model.id}: it is not in the registry")
    return AzureIndex(name=index_name(model.id, dimension), model=model, dimension=dimension)


def documents_filter() -> EventFilter:
    """Blobs that are new, have new content, or are deleted."""
    return EventFilter((BLOB_CREATED, BLOB_DELETED), begins_with=blobs_of(DOCUMENTS))


def ingest_environment(
    settings: RagSettings, places: IngestPlaces, indexes: Sequence[IndexConfig], *, client_id: str
) -> dict[str, str]:
    """The settings of the app that takes documents in, as far as they are ours."""
    function = settings.ingestion.function
    edge = AzureEdgeConfig(
        timeout_s=function.timeout_s,
        queue_service=places.queue.rpartition("/")[0],
        events_queue=EVENTS,
        schedule="",
        schedule_message="",
    )
    return {
        **to_env(ingest_config(settings, places, indexes)),
        **azure_settings(edge, client_id),
        **queue_host(function.timeout_s, function.max_attempts),
    }


def query_environment(
    settings: RagSettings,
    indexes: Sequence[IndexConfig],
    *,
    client_id: str,
    deployment: str,
    model_endpoint: str,
    store: str,
) -> dict[str, str]:
    """The settings of the app that answers, as far as they are ours. `deployment` is the model's name in its
    account.
    """
    endpoint = settings.endpoint
    edge = AzureEdgeConfig(
        timeout_s=endpoint.function.timeout_s,
        queue_service="",
        events_queue="",
        schedule="",
        schedule_message="",
        requests_per_second=endpoint.throttle.requests_per_second,
        burst=endpoint.throttle.burst,
    )
    pattern = query_config(settings, indexes, model=deployment, store=store, model_endpoint=model_endpoint)
    return {**to_env(pattern), **azure_settings(edge, client_id), THREADS: str(CONCURRENCY)}


def ingest_instances(settings: RagSettings) -> int:
    """Most instances: each works on one batch at a time."""
    return -(-settings.ingestion.function.max_concurrency // BATCH)


def query_instances(settings: RagSettings) -> int:
    """Most instances of what answers."""
    return http_instances(settings.endpoint.function, settings.endpoint.throttle)
