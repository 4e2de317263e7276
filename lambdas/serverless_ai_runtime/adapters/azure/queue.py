"""One Storage queue as a `Publisher`."""

from __future__ import annotations

import json
from binascii import b2a_base64
from collections.abc import Mapping
from typing import Any, Final

from serverless_ai_runtime.adapters.azure.service import http_date
from serverless_ai_runtime.adapters.service import Service
from serverless_ai_runtime.core.ports import Deadline

RESOURCE: Final = "https://storage.azure.com"
SEND_ROLE: Final = "Storage Queue Data Message Sender"
SEND_ACTIONS: Final = ("Microsoft.Storage/storageAccounts/queueServices/queues/messages/add/action",)

API_VERSION: Final = "2021-12-02"
RETENTION_S: Final = 14 * 86_400
"""How long a message waits to be fetched: as long as in the queues of the other clouds, not the week of the
service's default."""


class QueuePublisher:
    """Sends to the queue at `service.url`. A message whose reply got lost may be sent twice.

    The text of a message is base64 of JSON in UTF-8: what queue triggers of Azure Functions and Event Grid
    take for granted, and no character is lost in the XML around it. The Python SDK reads it with
    `message_decode_policy=TextBase64DecodePolicy()`. The service takes at most 64 KiB of base64.
    """

    def __init__(self, service: Service) -> None:
        self._service = service

    def publish(self, body: Mapping[str, Any], deadline: Deadline) -> None:
        text = b2a_base64(json.dumps(body).encode(), newline=False)
        xml = b"<QueueMessage><MessageText>" + text + b"</MessageText></QueueMessage>"
        path = f"/messages?messagettl={RETENTION_S}"
        self._service.call("PutMessage", "POST", path, deadline, headers=self._headers, body=xml)

    def _headers(self) -> dict[str, str]:
        return {
            "content-type": "application/xml",
            "x-ms-version": API_VERSION,
            "x-ms-date": http_date(self._service.cloud.world.now()),
        }
