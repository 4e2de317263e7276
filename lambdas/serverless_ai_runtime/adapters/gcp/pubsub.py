"""One Pub/Sub topic as a `Publisher`."""

from __future__ import annotations

import json
from binascii import b2a_base64
from collections.abc import Mapping
from typing import Any, Final

from serverless_ai_runtime.adapters.service import Service
from serverless_ai_runtime.core.ports import Deadline

PERMISSIONS: Final = ("pubsub.topics.publish",)
"""Of the topic."""


class PubSubPublisher:
    """Publishes to `topic` (`projects/P/topics/T`). A message whose reply got lost may be published twice."""

    def __init__(self, service: Service, topic: str) -> None:
        self._service, self._topic = service, topic

    def publish(
        self, body: Mapping[str, Any], deadline: Deadline, attributes: Mapping[str, str] | None = None
    ) -> None:
        data = b2a_base64(json.dumps(body).encode(), newline=False).decode()
        message = {"data": data, **({"attributes": dict(attributes)} if attributes else {})}
        messages = {"messages": [message]}
        self._service.post_json("Publish", f"/v1/{self._topic}:publish", messages, deadline)
