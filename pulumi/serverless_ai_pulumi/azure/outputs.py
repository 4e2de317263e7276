"""What a program exports of a pattern: where to call it, and the names to find its resources by."""

from __future__ import annotations

from typing import Final

import pulumi

from serverless_ai_pulumi._exports import Exports, collect

EXPORTS: Final[Exports] = {
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


def outputs(pattern: pulumi.ComponentResource) -> dict[str, pulumi.Output[str]]:
    """The exports of every part that `pattern` has made or was given."""
    return collect(pattern, EXPORTS)
