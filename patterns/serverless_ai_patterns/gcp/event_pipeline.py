"""The event pipeline on Google Cloud: what is let in, what the function is told, how large it is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, cast

from serverless_ai_patterns.event_pipeline import EventPipelineSettings
from serverless_ai_patterns.event_pipeline.handler import Places, handler_config
from serverless_ai_patterns.event_pipeline.settings import MEBIBYTE
from serverless_ai_patterns.gcp import ai, events
from serverless_ai_patterns.gcp.function_llm import MAX_RETENTION_DAYS, THREADS
from serverless_ai_patterns.models import Model
from serverless_ai_patterns.unix_cron import unix_cron
from serverless_ai_runtime.adapters.gcp.arrivals import AUDIT_LOG, FINALIZED, INGRESS, WRITTEN
from serverless_ai_runtime.config import to_env
from serverless_ai_runtime.config_event_pipeline import GcpPipelineEdge

UPLOADS: Final = "uploads"
SPARE_DELIVERIES: Final = 8
"""Deliveries beyond the handler's attempts: three in which the function died, as many that came while its
lease was still held, one to bury the message, and one more."""
LONGEST_REPLY_S: Final = 600
"""Most seconds of a push subscription's acknowledgement deadline."""
CONCURRENCY: Final = 1
"""Items that one instance works on at the same time: documents are held in memory."""

_APIS: Final[tuple[str, ...]] = (
    "artifactregistry.googleapis.com",
    "cloudbuild.googleapis.com",
    "cloudfunctions.googleapis.com",
    "cloudtrace.googleapis.com",
    "firestore.googleapis.com",
    "iam.googleapis.com",
    "logging.googleapis.com",
    "monitoring.googleapis.com",
    "pubsub.googleapis.com",
    "run.googleapis.com",
    "storage.googleapis.com",
)


def check(settings: EventPipelineSettings) -> None:
    """Raise ValueError for a setting that Google Cloud cannot have."""
    sources = settings.sources
    if sources.devices:
        raise ValueError("Sources.devices must be left out on Google Cloud: it is a source of Azure")
    if sources.schedule is not None:
        unix_cron(sources.schedule, cloud="Google Cloud")
    if sources.bus_filter is not None:
        events.subscription_filter(sources.bus_filter)
    if sources.topic:
        attributes_filter(sources.topic)
    days = settings.function.log_retention_days
    if days > MAX_RETENTION_DAYS:
        raise ValueError(
            f"function.log_retention_days must be at most {MAX_RETENTION_DAYS} on Google Cloud, got {days}"
        )


def apis(settings: EventPipelineSettings) -> list[str]:
    """The APIs that must be enabled in the project, sorted."""
    needed: set[str] = set(_APIS)
    if settings.uses_model:
        needed.add("aiplatform.googleapis.com")
    needed.update(ai.APIS.get(settings.processor_name, ()))
    if settings.sources.uploads or settings.sources.audit_log or settings.sources.firestore:
        needed.add("eventarc.googleapis.com")
    if settings.sources.schedule:
        needed.add("cloudscheduler.googleapis.com")
    return sorted(needed)


def attributes_filter(attributes: Mapping[str, Any]) -> str:
    """A topic's filter in Pub/Sub's words; raises ValueError if it is too long."""
    terms: list[str] = []
    for name, values in attributes.items():
        tests = [f"attributes.{name} = {json.dumps(value)}" for value in cast("list[str]", values)]
        terms.append(tests[0] if len(tests) == 1 else f"({' OR '.join(tests)})")
    text = " AND ".join(terms)
    if len(text.encode()) > events.FILTER_BYTES:
        raise ValueError(
            f"Sources.topic is too long: Pub/Sub takes {events.FILTER_BYTES} bytes, this is {text}"
        )
    return text


def upload_criteria(bucket: str) -> dict[str, str]:
    """What Eventarc delivers: new content of objects of this bucket."""
    return {"type": FINALIZED, "bucket": bucket}


def document_criteria(collection: str, database: str) -> dict[str, str]:
    """What Eventarc delivers: documents of `collection`, written, replaced or deleted."""
    return {"type": WRITTEN, "database": database, "document": f"{collection}/{{document}}"}


def audit_criteria(service: str, method: str) -> dict[str, str]:
    """What Eventarc delivers: calls that Cloud Audit Logs records."""
    return {"type": AUDIT_LOG, "serviceName": service, "methodName": method}


def ingress(source: str) -> str:
    """Where events of a source are delivered to."""
    return INGRESS + source


def instances(settings: EventPipelineSettings) -> int:
    """Most instances; with batching each works on a batch, and more of them would fill none."""
    return -(-settings.function.max_concurrency // settings.batching.size)


def max_deliveries(settings: EventPipelineSettings) -> int:
    """After so many Pub/Sub itself gives a message up: later than the handler, which says why."""
    return settings.function.max_attempts + SPARE_DELIVERIES


def ack_deadline_s(settings: EventPipelineSettings) -> int:
    """Until then a delivery must be answered, or it has failed."""
    wanted = settings.function.timeout_s + settings.batching.wait_s + events.REPLY_S
    return min(LONGEST_REPLY_S, wanted)


def environment(
    settings: EventPipelineSettings,
    places: Places,
    model: Model | None,
    *,
    project: str,
    deliverer: str,
    waiting: str = "",
) -> dict[str, str]:
    """The function's variables: `deliverer` is an account's unique id, `waiting` a subscription."""
    uploads = settings.sources.uploads
    edge = GcpPipelineEdge(
        deliverer=deliverer,
        project=project,
        upload_prefix=uploads.prefix if uploads else "",
        upload_suffixes=json.dumps(list(uploads.suffixes)) if uploads else "[]",
        upload_max_bytes=(uploads.max_mb or 0) * MEBIBYTE if uploads else 0,
        waiting=waiting,
    )
    return {
        **to_env(handler_config(settings, places, model)),
        **to_env(edge),
        THREADS: str(CONCURRENCY),
    }
