"""Dead letters in a subscription of Pub/Sub: each is published on the pipeline's topic, then acknowledged."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from serverless_ai_patterns.dead_letters import PATIENCE_S, DeadLetter, login
from serverless_ai_runtime import config
from serverless_ai_runtime.adapters.gcp.arrivals import REASON
from serverless_ai_runtime.adapters.gcp.errors import decode
from serverless_ai_runtime.adapters.gcp.identity import SCOPE
from serverless_ai_runtime.adapters.gcp.pubsub import PubSubPublisher, message
from serverless_ai_runtime.adapters.gcp.topics import Waiting, WaitingMessages
from serverless_ai_runtime.adapters.service import Cloud, Service
from serverless_ai_runtime.core.ports import Deadline
from serverless_ai_runtime.http import HttpClient
from serverless_ai_runtime.wiring import WORLD

SUBSCRIPTION: Final = re.compile(r"projects/[^/]+/subscriptions/[^/]+")
TOPIC: Final = re.compile(r"projects/[^/]+/topics/[^/]+")
CODE: Final = "code"
_MOST: Final = 100
"""That one pull asks for."""


class PubSubDeadLetterQueue:
    """`dead_letters` is a subscription and `queue` a topic, as the stack's outputs give them."""

    def __init__(self, dead_letters: str, queue: str) -> None:
        """Raises ValueError for other names, `NotLoggedIn`."""
        if not SUBSCRIPTION.fullmatch(dead_letters):
            raise ValueError(
                f"dead letters must be named as projects/P/subscriptions/S; got {dead_letters!r}"
            )
        if queue and not TOPIC.fullmatch(queue):
            raise ValueError(f"the queue must be named as projects/P/topics/T; got {queue!r}")
        cloud = Cloud(HttpClient(WORLD), WORLD, login.google(), decode)
        service = Service(cloud, "PubSub", config.gcp().pubsub, SCOPE)
        self._dead, self._queue = WaitingMessages(service, dead_letters), PubSubPublisher(service, queue)

    def look(self, most: int) -> list[DeadLetter]:
        found = self._dead.take(min(most, _MOST), Deadline(PATIENCE_S))
        self._dead.hold(found, 0, Deadline(PATIENCE_S))
        return [
            DeadLetter(
                one.pushed.attributes.get(CODE, ""), one.pushed.attributes.get(REASON, ""), one.pushed.data
            )
            for one in found
        ]

    def redrive(self, moved: Callable[[int], None]) -> int:
        count = 0
        while True:
            messages = self._dead.take(_MOST, Deadline(PATIENCE_S))
            if not messages:
                return count
            self._queue.publish_all([_again(one) for one in messages], Deadline(PATIENCE_S))
            self._dead.done(messages, Deadline(PATIENCE_S))
            count += len(messages)
            moved(count)


def _again(waiting: Waiting) -> dict[str, Any]:
    """As it is, with what says that it was put back."""
    return message(waiting.pushed.data, {REASON: "given up by Pub/Sub", **waiting.pushed.attributes})
