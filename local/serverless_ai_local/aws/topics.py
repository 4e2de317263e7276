"""SNS topics: a message reaches the queues whose filter it passes, as far as their policies let it."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Mapping
from typing import Any, Final

from moto.sns.models import Subscription
from werkzeug.wrappers import Response

from serverless_ai_local.aws import arns
from serverless_ai_local.aws.api import Call, Handler, Operations
from serverless_ai_local.aws.attempts import Attempts, Failure
from serverless_ai_local.aws.delivery import Attributes, Deliveries, Undeliverable
from serverless_ai_local.aws.resource_policies import Service

PRINCIPAL: Final = "sns.amazonaws.com"
_log = logging.getLogger(__name__)


class Topics:
    """Takes the place of moto's delivery, which asks no policy and has no dead letters."""

    def __init__(self, deliveries: Deliveries, attempts: Attempts, forward: Handler) -> None:
        self._deliveries, self._attempts, self._forward = deliveries, attempts, forward
        _running.append(self)
        Subscription.publish = _publish  # pyright: ignore[reportAttributeAccessIssue]

    def operations(self) -> Operations:
        """See `api.Operations`."""
        return {("sns", "Publish"): self._call, ("sns", "PublishBatch"): self._call}

    def _call(self, call: Call) -> Response:
        """moto takes the message, and finds in this thread who delivers it."""
        _caller.topics = self
        try:
            return self._forward(call)
        finally:
            del _caller.topics

    def stop(self) -> None:
        """Deliver nothing more."""
        _running.remove(self)

    def deliver(
        self, subscription: Subscription, message: str, message_id: str, said: Mapping[str, Any]
    ) -> None:
        """Hand a message that has passed the filter to the subscription's queue, in the background."""
        if said.get("message_structure") == "json":
            message = subscription._parse_message_structure(message, "sqs")  # pyright: ignore[reportPrivateUsage]
        attributes: Mapping[str, Any] = said.get("message_attributes") or {}
        raw = _true(subscription.attributes.get("RawMessageDelivery"))
        body = message if raw else _envelope(subscription, message, message_id, said)
        typed = _plain(attributes) if raw else {}
        service = Service(principal=PRINCIPAL, source_arn=subscription.topic_arn)

        def send(_: int) -> None:
            queue, group = arns.parse(subscription.endpoint), said.get("group_id") or ""
            self._deliveries.queue(queue, body, service, attributes=typed, group=group)

        self._attempts.later(send, {}, lambda failure: self._dead(subscription, body, typed, failure))

    def _dead(self, subscription: Subscription, body: str, attributes: Attributes, failure: Failure) -> None:
        policy: Mapping[str, str] = json.loads(subscription.attributes.get("RedrivePolicy") or "{}")
        target = policy.get("deadLetterTargetArn")
        service = Service(principal=PRINCIPAL, source_arn=subscription.topic_arn)
        try:
            if not target:
                raise Undeliverable("", "the subscription has no dead-letter queue")
            self._deliveries.queue(arns.parse(target), body, service, attributes=attributes)
        except Undeliverable as error:
            _log.warning(
                "lost: a message of %s for %s: %s; and %s",
                subscription.topic_arn,
                subscription.endpoint,
                failure.message,
                error,
            )


_running: Final[list[Topics]] = []
"""moto is one for all clouds of a process, of which tests start several: the one that was called delivers, or
the last one that runs."""
_caller: Final = threading.local()
_publish_by_moto: Final = Subscription.publish


def _publish(subscription: Subscription, message: str, message_id: str, **said: Any) -> None:
    if subscription.protocol != "sqs":
        _publish_by_moto(subscription, message, message_id, **said)
    elif _passes(subscription, message, said.get("message_attributes")):
        called: Topics | None = getattr(_caller, "topics", None)
        for topics in [called] if called else _running[-1:]:
            topics.deliver(subscription, message, message_id, said)


def _true(value: object) -> bool:
    """moto keeps what it was given: a boolean, or the text that boto3 and CloudFormation send."""
    return str(value).lower() == "true"


def _passes(subscription: Subscription, message: str, attributes: dict[str, Any] | None) -> bool:
    matcher = subscription._filter_policy_matcher  # pyright: ignore[reportPrivateUsage]
    return matcher is None or matcher.matches(attributes, message)


def _envelope(subscription: Subscription, message: str, message_id: str, said: Mapping[str, Any]) -> str:
    content = subscription.get_post_data(
        message, message_id, said.get("subject"), message_attributes=said.get("message_attributes")
    )
    region = subscription.topic_arn.split(":")[3]
    content["UnsubscribeURL"] = (
        f"https://sns.{region}.amazonaws.com/?Action=Unsubscribe&SubscriptionArn={subscription.arn}"
    )
    return json.dumps(content, indent=2, ensure_ascii=False, separators=(",", " : "))


def _plain(attributes: Mapping[str, Any]) -> dict[str, str | int]:
    """Attributes of a message as `Deliveries` takes them: text and whole numbers."""
    plain: dict[str, str | int] = {}
    for name, one in attributes.items():
        value = one["Value"]
        plain[name] = (
            int(value) if one["Type"] == "Number" and str(value).lstrip("-").isdigit() else str(value)
        )
    return plain
