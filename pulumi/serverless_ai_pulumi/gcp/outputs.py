"""What a program exports of a pattern: where to call it, and the names to find its resources by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import pulumi

from serverless_ai_pulumi._exports import Exports, collect

# The names are those of every cloud; what is a queue's URL elsewhere is here the subscription to read from.
FUNCTION_LLM: Final[Exports] = {
    "endpoint": ("endpoint", None),
    "function_name": ("function", "name"),
    "identity_name": ("identity", "email"),
    "log_group_name": ("log_group", "bucket_id"),
    "table_name": ("store", None),
    "events_topic": ("events", "id"),
    "dead_letter_queue_url": ("dead_letters", "id"),
    "destination_queue_url": ("results", "id"),
    "schedule_name": ("schedule", "name"),
    "dashboard_name": ("dashboard", "id"),
}
EVENT_PIPELINE: Final[Exports] = {
    "uploads": ("uploads", "name"),
    "results": ("results", "name"),
    "queue": ("queue", "id"),
    "work": ("work", "id"),
    "dead_letters": ("dead_letters", "id"),
    "announcements": ("announcements", "id"),
    "topic": ("topic", "id"),
    "bus": ("bus", "id"),
    "function_name": ("function", "name"),
    "identity_name": ("identity", "email"),
    "log_group_name": ("log_group", "bucket_id"),
    "table_name": ("store", None),
    "schedule_name": ("schedule", "name"),
    "dashboard_name": ("dashboard", "id"),
}
RAG: Final[Exports] = {
    "endpoint": ("endpoint", None),
    "documents": ("documents", "name"),
    "queue": ("queue", "id"),
    "work": ("work", "id"),
    "dead_letters": ("dead_letters", "id"),
    "function_name": ("function", "name"),
    "ingest_function_name": ("ingest_function", "name"),
    "identity_name": ("identity", "email"),
    "ingest_identity_name": ("ingest_identity", "email"),
    "log_group_name": ("log_group", "bucket_id"),
    "table_name": ("store", None),
    "dashboard_name": ("dashboard", "id"),
}
EXPORTS: Final[Mapping[str, Exports]] = {
    "FunctionLlm": FUNCTION_LLM,
    "EventPipeline": EVENT_PIPELINE,
    "Rag": RAG,
}
"""Class of the component -> its exports."""


def outputs(pattern: pulumi.ComponentResource) -> dict[str, pulumi.Output[str]]:
    """The exports of every part that `pattern` has made or was given."""
    return collect(pattern, EXPORTS[type(pattern).__name__])
