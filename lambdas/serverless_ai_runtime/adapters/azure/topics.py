"""An Event Grid topic as a `Publisher` of completion events."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from serverless_ai_runtime.adapters.service import Service
from serverless_ai_runtime.core.ports import Deadline

RESOURCE: Final = "https://eventgrid.azure.net"
SEND_ROLE: Final = "EventGrid Data Sender"
SEND_ACTIONS: Final = ("Microsoft.EventGrid/events/send/action",)

TYPE: Final = "ServerlessAi.ItemDone"
_PATH: Final = "?api-version=2018-01-01"


class TopicPublisher:
    """Sends each body as the data of a CloudEvent to the topic whose endpoint is `service.url`.

    `source`: the URL of the account that the containers in a body are in, as two accounts may have containers
    of the same names. The event has the body's own `id`, by which a receiver knows one whose reply got lost
    and that came twice.
    """

    def __init__(self, service: Service, source: str) -> None:
        self._service, self._source = service, source

    def publish(self, body: Mapping[str, Any], deadline: Deadline) -> None:
        event = {
            "specversion": "1.0",
            "id": str(body["id"]),
            "source": self._source,
            "type": TYPE,
            "datacontenttype": "application/json",
            "data": body,
        }
        content = json.dumps([event]).encode()
        self._service.call("SendEvents", "POST", _PATH, deadline, headers=_headers, body=content)


def _headers() -> dict[str, str]:
    return {"content-type": "application/cloudevents-batch+json; charset=utf-8"}
