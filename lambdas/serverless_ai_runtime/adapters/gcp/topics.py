"""Topics of the event pipeline: its dead letters, and messages that are pulled in batches."""

from __future__ import annotations

from binascii import a2b_base64
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from serverless_ai_runtime.adapters.gcp.arrivals import REASON
from serverless_ai_runtime.adapters.gcp.events import Delivery as Pushed
from serverless_ai_runtime.adapters.gcp.pubsub import PubSubPublisher, message
from serverless_ai_runtime.adapters.service import Service
from serverless_ai_runtime.core.event_pipeline.ports import Delivery
from serverless_ai_runtime.core.ports import Deadline

CONSUME_PERMISSIONS: Final = ("pubsub.subscriptions.consume",)
"""Of a subscription that is pulled from."""
ATTRIBUTE_BYTES: Final = 1024
"""Of an attribute's value. Source: https://cloud.google.com/pubsub/quotas, read 2026-11."""
MAX_DELAY_S: Final = 600


class TopicDeadLetters:
    """Publishes a message as it came, with why it died as attributes: put back, it is tried again."""

    def __init__(self, service: Service, topic: str) -> None:
        self._publisher = PubSubPublisher(service, topic)

    def bury(self, delivery: Delivery, code: str, reason: str, deadline: Deadline) -> None:
        attributes = {
            "id": _cut(delivery.handle),
            "code": _cut(code),
            REASON: _cut(reason) or "no reason",
            "attempts": str(delivery.attempt),
        }
        self._publisher.publish_all([message(delivery.body, attributes)], deadline)


class Waiting(NamedTuple):
    """A message that was pulled."""

    pushed: Pushed
    """As if it had been pushed."""
    ack_id: str


class WaitingMessages:
    """One subscription that is pulled from."""

    def __init__(self, service: Service, subscription: str) -> None:
        self._service, self._path = service, f"/v1/{subscription}:"

    def take(self, most: int, deadline: Deadline) -> list[Waiting]:
        """At most `most` messages that are there now; each must be finished or given back."""
        answer = self._call("pull", {"maxMessages": most, "returnImmediately": True}, deadline)
        return [_waiting(one) for one in answer.get("receivedMessages") or ()]

    def hold(self, messages: Sequence[Waiting], seconds: float, deadline: Deadline) -> None:
        """Nobody else gets them for so long; 0 gives them back."""
        self._modify(messages, seconds, deadline)

    def done(self, messages: Sequence[Waiting], deadline: Deadline) -> None:
        if messages:
            self._call("acknowledge", {"ackIds": [one.ack_id for one in messages]}, deadline)

    def _modify(self, messages: Sequence[Waiting], seconds: float, deadline: Deadline) -> None:
        if messages:
            after = min(MAX_DELAY_S, max(0, round(seconds)))
            body = {"ackIds": [one.ack_id for one in messages], "ackDeadlineSeconds": after}
            self._call("modifyAckDeadline", body, deadline)

    def _call(self, operation: str, body: Mapping[str, Any], deadline: Deadline) -> dict[str, Any]:
        return self._service.post_json(operation, self._path + operation, body, deadline)


def _waiting(received: Mapping[str, Any]) -> Waiting:
    held: Mapping[str, Any] = received["message"]
    data = a2b_base64(held.get("data", "")).decode("utf-8", "replace")
    attributes: Mapping[str, str] = held.get("attributes") or {}
    name = attributes.get("id") or str(held["messageId"])
    pushed = Pushed(name, data, attributes, int(received.get("deliveryAttempt", 0)))
    return Waiting(pushed, str(received["ackId"]))


def _cut(text: str) -> str:
    return text.encode("utf-8", "replace")[:ATTRIBUTE_BYTES].decode("utf-8", "ignore")
