"""What a program exports of a pattern: where to call it, and the names to find its resources by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import pulumi

from serverless_ai_pulumi._exports import Exports, collect

FUNCTION_LLM: Final[Exports] = {
    "endpoint": ("endpoint", None),
    "resource_group_name": ("resource_group", "name"),
    "function_name": ("function", "name"),
    "identity_name": ("identity", "name"),
    "log_group_name": ("workspace", "name"),
    "table_name": ("container", "name"),
    "dead_letter_queue_url": ("dead_letter_queue_url", None),
    "destination_queue_url": ("destination_queue_url", None),
    "events_topic": ("topic", "endpoint"),
    "schedule_name": ("schedule_name", None),
    "dashboard_name": ("dashboard", "display_name"),
}
EVENT_PIPELINE: Final[Exports] = {
    "uploads": ("uploads_url", None),
    "results": ("results_url", None),
    "queue": ("queue_url", None),
    "dead_letters": ("dead_letters_url", None),
    "announcements": ("announcements", "endpoint"),
    "topic": ("topic", "endpoint"),
    "bus": ("bus", "endpoint"),
    "hub_name": ("hub", "name"),
    "resource_group_name": ("resource_group", "name"),
    "function_name": ("function", "name"),
    "identity_name": ("identity", "name"),
    "log_group_name": ("workspace", "name"),
    "table_name": ("container", "name"),
    "schedule_name": ("schedule_name", None),
    "dashboard_name": ("dashboard", "display_name"),
}
RAG: Final[Exports] = {
    "endpoint": ("endpoint", None),
    "documents": ("documents_url", None),
    "queue": ("queue_url", None),
    "dead_letters": ("dead_letters_url", None),
    "resource_group_name": ("resource_group", "name"),
    "function_name": ("function", "name"),
    "ingest_function_name": ("ingest_function", "name"),
    "identity_name": ("identity", "name"),
    "ingest_identity_name": ("ingest_identity", "name"),
    "log_group_name": ("workspace", "name"),
    "table_name": ("container", "name"),
    "dashboard_name": ("dashboard", "display_name"),
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
