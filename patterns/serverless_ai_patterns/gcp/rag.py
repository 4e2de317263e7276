"""RAG on Google Cloud: what is let in, what the functions are told, how large they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from serverless_ai_patterns.function_llm import Jwt
from serverless_ai_patterns.gcp import events, vector_search
from serverless_ai_patterns.gcp.function_llm import CONCURRENCY, MAX_INSTANCES, MAX_RETENTION_DAYS, THREADS
from serverless_ai_patterns.gcp.gateway import check_audiences
from serverless_ai_patterns.models import Model
from serverless_ai_patterns.rag.handler import IngestPlaces, ingest_config, query_config
from serverless_ai_patterns.rag.settings import Embedding, RagSettings
from serverless_ai_patterns.rag.stores import AlloyDb, VertexVectorSearch, index_name, key_of
from serverless_ai_runtime.adapters.gcp.arrivals import DELETED, FINALIZED
from serverless_ai_runtime.config import GcpEdgeConfig, to_env
from serverless_ai_runtime.config_event_pipeline import GcpPipelineEdge
from serverless_ai_runtime.config_rag import IndexConfig

CLOUD: Final = "gcp"
INGEST_CONCURRENCY: Final = 1
"""Documents that one instance works on at the same time: they are held in memory."""
SPARE_DELIVERIES: Final = 4
"""Deliveries beyond the handler's attempts: three in which the function died, and one to bury the message."""
LONGEST_REPLY_S: Final = 600
"""Most seconds of a push subscription's acknowledgement deadline."""
MAX_DIMENSION: Final = 2048
"""Of a vector that Firestore searches by. Source: https://cloud.google.com/firestore/docs/vector-search,
2026-11."""

_APIS: Final[tuple[str, ...]] = (
    "aiplatform.googleapis.com",
    "artifactregistry.googleapis.com",
    "cloudbuild.googleapis.com",
    "cloudfunctions.googleapis.com",
    "cloudtrace.googleapis.com",
    "eventarc.googleapis.com",
    "firestore.googleapis.com",
    "iam.googleapis.com",
    "logging.googleapis.com",
    "monitoring.googleapis.com",
    "pubsub.googleapis.com",
    "run.googleapis.com",
    "storage.googleapis.com",
)
_GATEWAY_APIS: Final[tuple[str, ...]] = (
    "apigateway.googleapis.com",
    "servicecontrol.googleapis.com",
    "servicemanagement.googleapis.com",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class GcpIndex:
    """An index, before it is known where its vectors will be."""

    name: str
    model: Model
    """That makes the vectors."""
    dimension: int

    def config(self, settings: RagSettings, place: str, project: str) -> IndexConfig:
        """What the handlers are told."""
        return IndexConfig(
            self.name,
            self.model.id,
            self.dimension,
            key_of(settings.store_on(CLOUD)),
            place,
            _endpoint(project, self.model),
        )


def index(embedding: Embedding, model: Model) -> GcpIndex:
    """Raises ValueError for a model whose vectors have no known dimension."""
    dimension = embedding.dimension or model.dimension
    if not dimension:
        raise ValueError(f"Embedding.dimension must be given for {model.id}: it is not in the registry")
    return GcpIndex(name=index_name(model.id, dimension), model=model, dimension=dimension)


_ALLOYDB_APIS: Final[tuple[str, ...]] = (
    "alloydb.googleapis.com",
    "compute.googleapis.com",
    "servicenetworking.googleapis.com",
)


def check(settings: RagSettings) -> None:
    """Raise ValueError for a setting that Google Cloud cannot have."""
    settings.store_on(CLOUD)
    days = settings.endpoint.function.log_retention_days
    if days > MAX_RETENTION_DAYS:
        raise ValueError(
            f"function.log_retention_days must be at most {MAX_RETENTION_DAYS} on Google Cloud, got {days}"
        )
    if isinstance(settings.endpoint.auth, Jwt):
        check_audiences(settings.endpoint.auth)


def apis(settings: RagSettings) -> list[str]:
    """The APIs that must be enabled in the project, sorted."""
    needed: set[str] = set(_APIS)
    if isinstance(settings.endpoint.auth, Jwt):
        needed.update(_GATEWAY_APIS)
    store = settings.store_on(CLOUD)
    if isinstance(store, AlloyDb):
        needed.update(_ALLOYDB_APIS)
    if isinstance(store, VertexVectorSearch):
        needed.update(vector_search.CLASSIC_APIS if store.classic else vector_search.APIS)
    return sorted(needed)


def criteria(bucket: str) -> dict[str, dict[str, str]]:
    """What Eventarc delivers, by source: new content of objects of this bucket, and deletions."""
    return {
        "upload": {"type": FINALIZED, "bucket": bucket},
        "deleted": {"type": DELETED, "bucket": bucket},
    }


def max_deliveries(settings: RagSettings) -> int:
    """After so many Pub/Sub itself gives a message up: later than the handler, which says why."""
    return settings.ingestion.function.max_attempts + SPARE_DELIVERIES


def ack_deadline_s(settings: RagSettings) -> int:
    """Until then a delivery must be answered, or it has failed."""
    return min(LONGEST_REPLY_S, settings.ingestion.function.timeout_s + events.REPLY_S)


def instances(settings: RagSettings) -> int:
    """Most instances of the endpoint: as set, or as many as one rate limit can keep busy."""
    function, throttle = settings.endpoint.function, settings.endpoint.throttle
    if function.max_concurrency is not None:
        return function.max_concurrency
    in_flight = throttle.burst + throttle.requests_per_second * function.timeout_s
    return min(MAX_INSTANCES, -(-in_flight // CONCURRENCY))


def ingest_environment(
    settings: RagSettings,
    places: IngestPlaces,
    indexes: Sequence[IndexConfig],
    *,
    project: str,
    deliverer: str,
) -> dict[str, str]:
    """Variables of ingestion: `deliverer` is an account's unique id."""
    edge = GcpPipelineEdge(
        deliverer=deliverer,
        project=project,
        upload_prefix="",
        upload_suffixes="[]",
        upload_max_bytes=0,
        waiting="",
    )
    return {
        **to_env(ingest_config(settings, places, indexes)),
        **to_env(edge),
        THREADS: str(INGEST_CONCURRENCY),
    }


def query_environment(
    settings: RagSettings,
    model: Model,
    indexes: Sequence[IndexConfig],
    *,
    project: str,
    store: str,
    gateway: str,
) -> dict[str, str]:
    """Variables of the endpoint: `gateway` is an account's unique id, "" without one."""
    config = query_config(
        settings, indexes, model=model.id, store=store, model_endpoint=_endpoint(project, model)
    )
    throttle = settings.endpoint.throttle
    edge = GcpEdgeConfig(
        gateway=gateway,
        deliverer="",
        requests_per_second=throttle.requests_per_second,
        burst=throttle.burst,
        timeout_s=settings.endpoint.function.timeout_s,
        dead_letters="",
        max_deliveries=events.DELIVERIES,
    )
    return {**to_env(config), **to_env(edge), THREADS: str(CONCURRENCY)}


def _endpoint(project: str, model: Model) -> str:
    return f"projects/{project}/locations/{model.regions[0]}"
