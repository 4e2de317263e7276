"""One SQS queue as a `Publisher`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from serverless_ai_runtime.adapters.aws.service import Service
from serverless_ai_runtime.core.ports import Deadline

SEND_ACTIONS: Final = ("sqs:SendMessage",)


class SqsPublisher:
    """Sends to the standard queue at `url`. A message whose reply got lost may be sent twice."""

    def __init__(self, service: Service, url: str) -> None:
        self._service, self._url = service, url

    def publish(self, body: Mapping[str, Any], deadline: Deadline) -> None:
        # ASCII-only JSON: SQS refuses characters that XML does not know, and escapes are always allowed.
        request = {"QueueUrl": self._url, "MessageBody": json.dumps(body)}
        self._service.post_json("SendMessage", "AmazonSQS", request, deadline)
