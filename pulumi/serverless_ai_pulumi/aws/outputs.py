"""What a program exports of a pattern: where to call it, and the names to find its resources by."""

from __future__ import annotations

from typing import Final

import pulumi

from serverless_ai_pulumi._exports import Exports, collect

EXPORTS: Final[Exports] = {
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


def outputs(pattern: pulumi.ComponentResource) -> dict[str, pulumi.Output[str]]:
    """The exports of every part that `pattern` has made or was given."""
    return collect(pattern, EXPORTS)
