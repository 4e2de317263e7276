"""What a program exports of a pattern: where to call it, and the names to find its resources by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import pulumi

from serverless_ai_pulumi._exports import Exports, collect

FUNCTION_LLM: Final[Exports] = {
    "endpoint": ("endpoint", None),
    "function_name": ("function", "name"),
    "role_name": ("role", "name"),
    "log_group_name": ("log_group", "name"),
    "table_name": ("table", "name"),
    "dead_letter_queue_url": ("dead_letters", "url"),
    "destination_queue_url": ("destination", "url"),
    "schedule_name": ("schedule", "name"),
    "dashboard_name": ("dashboard", "dashboard_name"),
}


EVENT_PIPELINE: Final[Exports] = {
    "uploads": ("uploads", "bucket"),
    "results": ("results", "bucket"),
    "queue": ("queue", "url"),
    "dead_letters": ("dead_letters", "url"),
    "topic": ("topic", "arn"),
    "function_name": ("function", "name"),
    "role_name": ("role", "name"),
    "log_group_name": ("log_group", "name"),
    "table_name": ("table", "name"),
    "schedule_name": ("schedule", "name"),
    "dashboard_name": ("dashboard", "dashboard_name"),
}
RAG: Final[Exports] = {
    "endpoint": ("endpoint", None),
    "documents": ("documents", "bucket"),
    "queue": ("queue", "url"),
    "dead_letters": ("dead_letters", "url"),
    "function_name": ("function", "name"),
    "ingest_function_name": ("ingest_function", "name"),
    "role_name": ("role", "name"),
    "ingest_role_name": ("ingest_role", "name"),
    "log_group_name": ("log_group", "name"),
    "table_name": ("table", "name"),
    "dashboard_name": ("dashboard", "dashboard_name"),
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
