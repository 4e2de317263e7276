"""The event pipeline on Azure: what is let in, and what the function and its host are told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from serverless_ai_patterns.azure.events import (
    EVENTS,
    Condition,
    EventFilter,
    attributes_filter,
    event_filter,
)
from serverless_ai_patterns.azure.schedule import ncrontab
from serverless_ai_patterns.event_pipeline import EventPipelineSettings, Uploads
from serverless_ai_patterns.event_pipeline.handler import Places, handler_config
from serverless_ai_patterns.event_pipeline.settings import MEBIBYTE
from serverless_ai_patterns.models import Model
from serverless_ai_runtime.adapters.azure.arrivals import ATTRIBUTES, BLOB_CREATED, TELEMETRY
from serverless_ai_runtime.config import AzureEdgeConfig, azure_settings, to_env

UPLOADS: Final = "uploads"
RESULTS: Final = "results"
"""Containers."""
KEPT_DAYS: Final = 14
"""How long a blob that was deleted or written over can be had back."""
SERVICES: Final = ("ocr", "image_labels", "transcribe", "moderate", "entities")
SPARE_DELIVERIES: Final = 8
"""Deliveries beyond the handler's attempts: three in which the function died, as many that came while its
lease was still held, one to bury the message, and one more."""
_HOST: Final = "AzureFunctionsJobHost__"
"""Prefix of app settings that take the place of what host.json says."""


def refuse_foreign(settings: EventPipelineSettings) -> None:
    """Raise ValueError for a source that Azure does not have."""
    sources = settings.sources
    for name, value in (("firestore", sources.firestore), ("audit_log", sources.audit_log)):
        if value:
            raise ValueError(
                f"Sources.{name} must be left out on Azure: it is a source of Google Cloud; got {value!r}"
            )


def environment(
    settings: EventPipelineSettings,
    places: Places,
    model: Model | None,
    *,
    client_id: str,
    deployment: str,
) -> dict[str, str]:
    """The app's settings as far as they are ours. `deployment` is the model's name in its account."""
    served = replace(model, id=deployment) if model else None
    schedule = settings.sources.schedule
    edge = AzureEdgeConfig(
        timeout_s=settings.function.timeout_s,
        queue_service=places.queue.rpartition("/")[0],
        events_queue=EVENTS,
        schedule=ncrontab(schedule) if schedule else "",
        schedule_message=settings.sources.schedule_message if schedule else "",
    )
    longest_s = settings.function.timeout_s + settings.batching.wait_s
    return {
        **to_env(handler_config(settings, places, served)),
        **azure_settings(edge, client_id),
        **queue_host(longest_s, settings.function.max_attempts),
    }


def queue_host(longest_s: int, max_attempts: int) -> dict[str, str]:
    """What the host of a function that works on a queue is told: how long an invocation may take, and after
    how many deliveries it gives a message up itself: later than the handler, which says why.
    """
    return {
        f"{_HOST}functionTimeout": _span(longest_s),
        f"{_HOST}extensions__queues__maxDequeueCount": str(max_attempts + SPARE_DELIVERIES),
    }


def instances(settings: EventPipelineSettings) -> int:
    """Most instances. Each works on one batch at a time: together they have `max_concurrency` items in hand.

    More of them would share out what waits, and none would fill its batch.
    """
    return -(-settings.function.max_concurrency // settings.batching.size)


def uploads_filter(uploads: Uploads) -> EventFilter:
    """Blobs that are new or have new content. With several suffixes these are compared without their case."""
    conditions: list[Condition] = []
    if len(uploads.suffixes) > 1:
        conditions.append(Condition("subject", "StringEndsWith", uploads.suffixes))
    if uploads.max_mb is not None:
        most = uploads.max_mb * MEBIBYTE
        conditions.append(Condition("data.contentLength", "NumberLessThanOrEquals", (most,)))
    return EventFilter(
        (BLOB_CREATED,),
        tuple(conditions),
        begins_with=blobs_of(UPLOADS, uploads.prefix),
        ends_with=uploads.suffixes[0] if len(uploads.suffixes) == 1 else "",
    )


def blobs_of(container: str, prefix: str = "") -> str:
    """How the subjects of events of its blobs begin."""
    return f"/blobServices/default/containers/{container}/blobs/{prefix}"


def topic_filter(attributes: Mapping[str, Any]) -> EventFilter:
    """Events whose data has `attributes` that match. Raises ValueError for more than Event Grid takes."""
    return attributes_filter(attributes, f"data.{ATTRIBUTES}", "Sources.topic")


def bus_filter(pattern: Mapping[str, Any]) -> EventFilter:
    """An EventBridge pattern for CloudEvents. Raises ValueError for what Event Grid cannot express."""
    return event_filter(pattern, "Sources.bus_filter")


def devices_filter() -> EventFilter:
    """What devices send to an IoT hub."""
    return EventFilter((TELEMETRY,))


def _span(seconds: int) -> str:
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
