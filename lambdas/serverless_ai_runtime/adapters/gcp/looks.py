"""Looks at jobs that are not due yet. A topic cannot delay a message: it says itself when it counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from serverless_ai_runtime.adapters.gcp.events import Delivery
from serverless_ai_runtime.adapters.gcp.pubsub import PubSubPublisher
from serverless_ai_runtime.core.ports import Deadline, World

NOT_BEFORE: Final = "not_before"
"""Attribute: seconds since 1970."""
LONGEST_S: Final = 3600
RENEWED: Final = 3
"""So often a look may come too early before a new message takes its place: each counts as an attempt."""


class Looks:
    """Puts looks on the pipeline's own topic."""

    def __init__(self, publisher: PubSubPublisher, world: World) -> None:
        self._publisher, self._world = publisher, world

    def send(self, body: Mapping[str, Any], delay_s: float, deadline: Deadline) -> None:
        """The message counts after `delay_s` seconds."""
        due = round(self._world.now() + min(delay_s, LONGEST_S))
        self._publisher.publish(body, deadline, {NOT_BEFORE: str(due)})


def due_in(pushed: Delivery, now: float) -> float:
    """Seconds until a message counts; 0 = it does. Nobody can put one off for longer than an hour."""
    text = pushed.attributes.get(NOT_BEFORE, "")
    due = int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0
    wait = due - now
    return wait if 0 < wait <= LONGEST_S else 0.0
