"""How events reach a function on AWS and when they are given up: one set of numbers for CDK and Pulumi."""

from __future__ import annotations

import json
from typing import Final

ASYNC_RETRIES: Final = 2
"""Lambda's attempts after the first (2 is its maximum); then the on-failure destination gets the event."""
EVENT_AGE_S: Final = 3600
"""An event older than this is dead: a daily summary is worth nothing a day later."""
DELIVERY_RETRIES: Final = 8
"""Attempts of EventBridge and Scheduler to hand an event to Lambda within its age."""
QUEUE_RETENTION_S: Final = 14 * 24 * 3600
"""SQS's maximum: time for people to look at dead letters and to fetch results."""
RECEIVES_BEFORE_DEAD: Final = 5
"""Times a result may be received and not deleted before it becomes a dead letter."""


def schedule_input(message: str) -> str:
    """The event of a scheduled call; Scheduler fills in its execution's id, the same over retries."""
    return json.dumps(
        {"source": "schedule", "id": "<aws.scheduler.execution-id>", "message": message}, ensure_ascii=False
    )
