"""What a program exports of a pattern: where to call it, and the names to find its resources by."""

from __future__ import annotations

from typing import Final

import pulumi

from serverless_ai_pulumi._exports import Exports, collect

# The names are those of every cloud; what is a queue's URL elsewhere is here the subscription to read from.
EXPORTS: Final[Exports] = {
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


def outputs(pattern: pulumi.ComponentResource) -> dict[str, pulumi.Output[str]]:
    """The exports of every part that `pattern` has made or was given."""
    return collect(pattern, EXPORTS)
