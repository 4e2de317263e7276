"""One SQS queue: as a `Publisher`, as the event pipeline's own queue, and as its dead letters."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from serverless_ai_runtime.adapters.aws.service import Service
from serverless_ai_runtime.core.ports import Deadline

if TYPE_CHECKING:
    from serverless_ai_runtime.core.event_pipeline.ports import Delivery

SEND_ACTIONS: Final = ("sqs:SendMessage",)
RETRY_ACTIONS: Final = ("sqs:ChangeMessageVisibility",)
LONGEST_DELAY_S: Final = 900
CODE, REASON, ATTEMPTS = "Code", "Reason", "Attempts"
"""Attributes of a dead letter; whoever puts it back leaves them, which tells it from other deliveries."""

_TARGET: Final = "AmazonSQS"
_REASON_CHARS: Final = 2000


class SqsPublisher:
    """Sends to the standard queue at `url`. A message whose reply got lost may be sent twice."""

    def __init__(self, service: Service, url: str) -> None:
        self._service, self._url = service, url

    def publish(self, body: Mapping[str, Any], deadline: Deadline) -> None:
        # ASCII-only JSON: SQS refuses characters that XML does not know, and escapes are always allowed.
        request = {"QueueUrl": self._url, "MessageBody": json.dumps(body)}
        self._service.post_json("SendMessage", _TARGET, request, deadline)


class SqsQueue:
    """The queue at `url` whose messages the function is given: sends delayed ones, gives messages back."""

    def __init__(self, service: Service, url: str) -> None:
        self._service, self._url = service, url

    def send(self, body: Mapping[str, Any], delay_s: float, deadline: Deadline) -> None:
        delay = min(LONGEST_DELAY_S, max(0, round(delay_s)))
        request = {"QueueUrl": self._url, "MessageBody": json.dumps(body), "DelaySeconds": delay}
        self._service.post_json("SendMessage", _TARGET, request, deadline)

    def give_back(self, handle: str, after_s: float, deadline: Deadline) -> None:
        """Make a message that was received visible again in `after_s` seconds."""
        timeout = max(0, round(after_s))
        request = {"QueueUrl": self._url, "ReceiptHandle": handle, "VisibilityTimeout": timeout}
        self._service.post_json("ChangeMessageVisibility", _TARGET, request, deadline)


class SqsDeadLetters:
    """The dead-letter queue at `url`. A letter has the message's own body, so that it can be moved back."""

    def __init__(self, service: Service, url: str) -> None:
        self._service, self._url = service, url

    def bury(self, delivery: Delivery, code: str, reason: str, deadline: Deadline) -> None:
        attributes = {CODE: code, REASON: reason, ATTEMPTS: str(delivery.attempt)}
        request = {
            "QueueUrl": self._url,
            "MessageBody": delivery.body,
            "MessageAttributes": {
                name: {"DataType": "String", "StringValue": _sendable(text)}
                for name, text in attributes.items()
            },
        }
        self._service.post_json("SendMessage", _TARGET, request, deadline)


def _sendable(text: str) -> str:
    """SQS refuses empty attributes, and characters that XML does not know."""
    shown = "".join(char if char.isprintable() else " " for char in text[:_REASON_CHARS])
    return shown.encode("utf-8", "replace").decode() or "-"
