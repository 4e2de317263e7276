"""Pub/Sub's REST API (v1): publish, pull, acknowledge (a fake that keeps messages in memory)."""

from __future__ import annotations

import base64
import itertools
import re
import threading
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from serverless_ai_local.gcp import types
from serverless_ai_local.gcp.errors import RpcError, invalid, missing, not_offered
from serverless_ai_local.gcp.iam.authority import Authority, Principal
from serverless_ai_local.gcp.registry import Deployed, Registry
from serverless_ai_local.gcp.services.attribute_filter import compile_filter
from serverless_ai_local.gcp.services.delivery import Deliveries
from serverless_ai_local.gcp.services.messages import Message, Queue
from serverless_ai_local.plain import is_list, is_mapping

SERVICE: Final = "pubsub.googleapis.com"
PATH: Final = re.compile(
    r"/v1/(?P<name>projects/[^/]+/(?P<kind>topics|subscriptions)/[^/:]+)(?::(?P<method>\w+))?"
)
PUBLISH: Final = "pubsub.topics.publish"
CONSUME: Final = "pubsub.subscriptions.consume"
MAX_MESSAGES: Final = 1000
MAX_BYTES: Final = 10_000_000


class PubSub:
    """Topics and subscriptions that are deployed now; a deleted subscription takes its messages along."""

    def __init__(self, registry: Registry, authority: Authority, deliveries: Deliveries) -> None:
        self._registry, self._authority, self._deliveries = registry, authority, deliveries
        self._queues: dict[str, Queue] = {}
        self._lock = threading.Lock()
        self._ids = itertools.count(1)
        self._duplicates = 0
        deliveries.dead = self._move
        registry.listen(self._forget)

    def __call__(self, who: Principal, method: str, found: re.Match[str], body: Mapping[str, Any]) -> Any:
        """The answer to a request whose path matched `PATH`; raises `RpcError`."""
        operations = {
            ("topics", "publish"): self._publish,
            ("subscriptions", "pull"): self._pull,
            ("subscriptions", "acknowledge"): self._acknowledge,
            ("subscriptions", "modifyAckDeadline"): self._modify,
        }
        operation = operations.get((found["kind"], str(found["method"])))
        if operation is None or method != "POST":
            names = ", ".join(name for _, name in operations)
            raise not_offered(f"{method} {found[0]} of Pub/Sub; there are {names}")
        return operation(who, found["name"], body)

    def duplicate(self, times: int) -> None:
        """Deliver the next published message this many times more, as at-least-once allows."""
        with self._lock:
            self._duplicates = times

    def purge(self, name: str) -> None:
        """Forget what waits in subscriptions of this short name, and what is still to be pushed."""
        for subscription in self._registry.all(types.SUBSCRIPTION):
            if subscription.id.rsplit("/", 1)[-1] == name:
                self._deliveries.forget(subscription.uid)
                with self._lock:
                    self._queues.pop(subscription.uid, None)

    def publish(self, topic: str, data: str, attributes: Mapping[str, str]) -> str:
        """One message into every subscription of the topic whose filter lets it through; its id."""
        message = Message(
            id=f"{time.time_ns() // 1000}{next(self._ids):04d}",
            data=data,
            attributes=dict(attributes),
            published=datetime.now(UTC),
        )
        with self._lock:
            copies, self._duplicates = 1 + self._duplicates, 0
        for subscription in self._registry.all(types.SUBSCRIPTION):
            if _topic(subscription) == topic and compile_filter(subscription.inputs.get("filter", ""))(
                attributes
            ):
                for _ in range(copies):
                    self._put(subscription, message)
        return message.id

    def _put(self, subscription: Deployed, message: Message) -> None:
        if subscription.inputs.get("pushConfig", {}).get("pushEndpoint"):
            self._deliveries.push(subscription.uid, message)
        else:
            self._queue(subscription).put(message)

    def _queue(self, subscription: Deployed) -> Queue:
        with self._lock:
            return self._queues.setdefault(subscription.uid, Queue())

    def _forget(self) -> None:
        kept = {one.uid for one in self._registry.all(types.SUBSCRIPTION)}
        with self._lock:
            self._queues = {uid: queue for uid, queue in self._queues.items() if uid in kept}

    def _move(self, subscription: Deployed, message: Message, attempts: int) -> bool:
        """To the dead letters; whether they are there and Pub/Sub's own account may."""
        policy = subscription.inputs["deadLetterPolicy"]
        if self._registry.find(types.TOPIC, policy["deadLetterTopic"]) is None:
            return False
        agent = self._deliveries.agent
        allowed = [
            self._authority.allows(agent, PUBLISH, policy["deadLetterTopic"], service=SERVICE),
            self._authority.allows(agent, CONSUME, subscription.id, service=SERVICE),
        ]
        if not all(allowed):
            return False
        source = {
            "CloudPubSubDeadLetterSourceDeliveryCount": str(attempts),
            "CloudPubSubDeadLetterSourceSubscription": subscription.id.rsplit("/", 1)[-1],
            "CloudPubSubDeadLetterSourceSubscriptionProject": subscription.project,
            "CloudPubSubDeadLetterSourceTopicPublishTime": message.published.isoformat(),
        }
        self.publish(policy["deadLetterTopic"], message.data, {**message.attributes, **source})
        return True

    # -- operations -----------------------------------------------------------------------------------
    def _publish(self, who: Principal, topic: str, body: Mapping[str, Any]) -> dict[str, Any]:
        self._authority.require(who, PUBLISH, topic, service=SERVICE)
        self._find(types.TOPIC, topic)
        messages = body.get("messages")
        if not is_list(messages) or not 1 <= len(messages) <= MAX_MESSAGES:
            raise invalid(f"a publish request has 1 to {MAX_MESSAGES} messages")
        checked = [_message(one) for one in messages]
        return {"messageIds": [self.publish(topic, data, attributes) for data, attributes in checked]}

    def _pull(self, who: Principal, name: str, body: Mapping[str, Any]) -> dict[str, Any]:
        self._authority.require(who, CONSUME, name, service=SERVICE)
        subscription = self._find(types.SUBSCRIPTION, name)
        if subscription.inputs.get("pushConfig", {}).get("pushEndpoint"):
            raise RpcError("FAILED_PRECONDITION", "This method is not supported for this subscription type.")
        most = body.get("maxMessages", 0)
        if not isinstance(most, int) or most < 1:
            raise invalid("max_messages must be positive")
        policy: Mapping[str, Any] | None = subscription.inputs.get("deadLetterPolicy")
        queue = self._queue(subscription)
        received = list[dict[str, Any]]()
        for held in queue.take(most, float(subscription.inputs.get("ackDeadlineSeconds", 10))):
            attempts = held.attempt
            if policy is not None and attempts > policy.get("maxDeliveryAttempts", 5):
                if self._move(subscription, held.message, attempts - 1):
                    queue.acknowledge(held.ack_id)
                    continue
                self._deliveries.stuck(subscription)
            one: dict[str, Any] = {"ackId": held.ack_id, "message": held.message.wire()}
            received.append(one if policy is None else {**one, "deliveryAttempt": attempts})
        return {"receivedMessages": received} if received else {}

    def _acknowledge(self, who: Principal, name: str, body: Mapping[str, Any]) -> dict[str, Any]:
        self._authority.require(who, CONSUME, name, service=SERVICE)
        queue = self._queue(self._find(types.SUBSCRIPTION, name))
        for ack_id in _ack_ids(body):
            queue.acknowledge(ack_id)
        return {}

    def _modify(self, who: Principal, name: str, body: Mapping[str, Any]) -> dict[str, Any]:
        self._authority.require(who, CONSUME, name, service=SERVICE)
        queue = self._queue(self._find(types.SUBSCRIPTION, name))
        seconds = body.get("ackDeadlineSeconds", 0)
        if not isinstance(seconds, int) or not 0 <= seconds <= 600:
            raise invalid("ack_deadline_seconds must be from 0 to 600")
        for ack_id in _ack_ids(body):
            queue.extend(ack_id, float(seconds))
        return {}

    def _find(self, token: str, name: str) -> Deployed:
        found = self._registry.find(token, name)
        if found is None:
            kind = "topic" if token == types.TOPIC else "subscription"
            raise missing(f"Resource not found (resource={name.rsplit('/', 1)[-1]}, {kind}).")
        return found


def _topic(subscription: Deployed) -> str:
    topic = str(subscription.inputs["topic"])
    return topic if topic.startswith("projects/") else f"projects/{subscription.project}/topics/{topic}"


def _message(given: Any) -> tuple[str, dict[str, str]]:
    """Data (base64) and attributes; raises `RpcError`."""
    if not is_mapping(given):
        raise invalid("a message must be an object")
    for name in given:
        if name not in ("data", "attributes", "orderingKey") or (name == "orderingKey" and given[name]):
            raise not_offered(f"messages with {name}; there are data, attributes")
    data: Any = given.get("data", "")
    attributes: Any = given.get("attributes") or {}
    try:
        content = base64.b64decode(data, validate=True)
    except (ValueError, TypeError):
        raise invalid("message.data must be in base64") from None
    texts = is_mapping(attributes) and all(
        isinstance(text, str) for pair in attributes.items() for text in pair
    )
    if not texts:
        raise invalid("message.attributes must be texts")
    if not content and not attributes:
        raise invalid("Message at index 0 is empty: it must have data or attributes.")
    if len(content) > MAX_BYTES:
        raise invalid(f"Request payload size exceeds the limit: {MAX_BYTES} bytes.")
    return data, attributes


def _ack_ids(body: Mapping[str, Any]) -> Sequence[str]:
    given = body.get("ackIds")
    if not is_list(given) or not given:
        raise invalid("No ack ids specified.")
    return [str(one) for one in given]
