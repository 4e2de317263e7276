"""One Pub/Sub topic as a `Publisher`."""

from __future__ import annotations

import json
from binascii import b2a_base64
from collections.abc import Mapping, Sequence
from typing import Any, Final

from serverless_ai_runtime.adapters.service import Service
from serverless_ai_runtime.core.ports import Deadline

PERMISSIONS: Final = ("pubsub.topics.publish",)
"""Of the topic."""


def message(text: str, attributes: Mapping[str, str] | None = None) -> dict[str, Any]:
    """A message as the topic takes it."""
    data = b2a_base64(text.encode("utf-8", "replace"), newline=False).decode()
    return {"data": data, **({"attributes": dict(attributes)} if attributes else {})}


class PubSubPublisher:
    """Publishes to `topic` (`projects/P/topics/T`). A message whose reply got lost may be published twice."""

    def __init__(self, service: Service, topic: str) -> None:
        self._service, self._topic = service, topic

    def publish(
        self, body: Mapping[str, Any], deadline: Deadline, attributes: Mapping[str, str] | None = None
    ) -> None:
        self.publish_all([message(json.dumps(body), attributes)], deadline)

    def publish_all(self, messages: Sequence[Mapping[str, Any]], deadline: Deadline) -> None:
        """Several at once, each made by `message`."""
        wanted = {"messages": list(messages)}
        self._service.post_json("Publish", f"/v1/{self._topic}:publish", wanted, deadline)
