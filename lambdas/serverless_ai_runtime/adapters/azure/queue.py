"""One Storage queue: as a `Publisher`, as the event pipeline's own queue, and as its dead letters.

The text of a message is base64 of JSON in UTF-8: what queue triggers of Azure Functions and Event Grid take
for granted, and no character is lost in the XML around it. The Python SDK reads it with
`message_decode_policy=TextBase64DecodePolicy()`. The service takes at most 64 KiB of base64.
"""

from __future__ import annotations

import json
import math
from binascii import a2b_base64, b2a_base64
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import quote

from serverless_ai_runtime.adapters.azure.service import http_date
from serverless_ai_runtime.adapters.service import Service
from serverless_ai_runtime.core.ports import Deadline
from serverless_ai_runtime.http import Response

if TYPE_CHECKING:
    from serverless_ai_runtime.core.event_pipeline.ports import Delivery

RESOURCE: Final = "https://storage.azure.com"
SEND_ROLE: Final = "Storage Queue Data Message Sender"
USE_ROLE: Final = "Storage Queue Data Contributor"
_MESSAGES: Final = "Microsoft.Storage/storageAccounts/queueServices/queues/messages"
SEND_ACTIONS: Final = (f"{_MESSAGES}/add/action",)
USE_ACTIONS: Final = (f"{_MESSAGES}/process/action", f"{_MESSAGES}/write")
"""Of what takes messages, puts delayed ones, and gives some back."""

API_VERSION: Final = "2021-12-02"
RETENTION_S: Final = 14 * 86_400
"""How long a message waits to be fetched: as long as in the queues of the other clouds, not the week of the
service's default."""
LONGEST_DELAY_S: Final = 7 * 86_400
MOST_BYTES: Final = 48 * 1024
"""Of a message before base64."""
MOST_MESSAGES: Final = 32
"""That one call fetches."""
_REASON_CHARS: Final = 2000


class Received(NamedTuple):
    """A message that is hidden from others for a while, for whoever holds its receipt."""

    id: str
    receipt: str
    deliveries: int
    """1 for the first."""
    text: str


class QueuePublisher:
    """Sends to the queue at `service.url`. A message whose reply got lost may be sent twice."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def publish(self, body: Mapping[str, Any], deadline: Deadline) -> None:
        _put(self._service, json.dumps(body).encode(), 0, deadline)


class StorageQueue:
    """The queue at `service.url` that the function works on."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def send(self, body: Mapping[str, Any], delay_s: float, deadline: Deadline) -> None:
        _put(self._service, json.dumps(body).encode(), _seconds(delay_s), deadline)

    def put(self, text: str, deadline: Deadline) -> None:
        """A message as it was taken, e.g. a dead letter."""
        _put(self._service, text.encode(), 0, deadline)

    def take(self, most: int, hidden_s: float, deadline: Deadline) -> list[Received]:
        """At most `most` messages (1 to 32), hidden from others for a while; none if none is there now."""
        query = f"numofmessages={min(most, MOST_MESSAGES)}&visibilitytimeout={max(1, _seconds(hidden_s))}"
        # Not again after a lost reply: what it held stays hidden, and would be missed for no reason.
        response = _call(
            self._service, "GetMessages", "GET", f"/messages?{query}", deadline, repeatable=False
        )
        return _listed(self._service, response)

    def delete(self, message: Received, deadline: Deadline) -> None:
        _call(self._service, "DeleteMessage", "DELETE", _one(message), deadline)

    def give_back(self, message: Received, after_s: float, deadline: Deadline) -> None:
        """Let it be fetched again, by anybody, in `after_s` seconds. Its receipt is no longer good."""
        path = f"{_one(message)}&visibilitytimeout={_seconds(after_s)}"
        _call(self._service, "UpdateMessage", "PUT", path, deadline)


class QueueDeadLetters:
    """The queue of dead letters at `service.url`: each is an envelope around the message's own text.

    `{"id", "code", "reason", "attempts", "payload"}`; of a message that would not fit in it, `packed`: base64
    of the text, compressed. Put into the pipeline's queue, an envelope is the message in it, processed again.
    """

    def __init__(self, service: Service) -> None:
        self._service = service

    def bury(self, delivery: Delivery, code: str, reason: str, deadline: Deadline) -> None:
        envelope: dict[str, Any] = {
            "id": delivery.handle,
            "code": code,
            "reason": reason[:_REASON_CHARS],
            "attempts": delivery.attempt,
        }
        content = _utf8({**envelope, "payload": delivery.body})
        if len(content) > MOST_BYTES:
            content = _utf8({**envelope, "packed": packed(delivery.body)})
        _put(self._service, content, 0, deadline)


def packed(text: str) -> str:
    """A text, compressed, as base64."""
    from zlib import compress  # rare

    return b2a_base64(compress(text.encode("utf-8", "replace"), 9), newline=False).decode()


def unpacked(text: str) -> str:
    """What `packed` was made of. Raises `ValueError` for anything else."""
    from zlib import decompress, error  # rare

    try:
        return decompress(a2b_base64(text)).decode()
    except error as broken:
        raise ValueError(str(broken)) from None


def decoded(text: str) -> str:
    """What the sender wrote: of base64 what is in it, of anything else the text itself."""
    try:
        return a2b_base64(text, strict_mode=True).decode()
    except ValueError:
        return text


def _utf8(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")


def _put(service: Service, content: bytes, delay_s: int, deadline: Deadline) -> None:
    text = b2a_base64(content, newline=False)
    xml = b"<QueueMessage><MessageText>" + text + b"</MessageText></QueueMessage>"
    path = f"/messages?messagettl={RETENTION_S}" + (f"&visibilitytimeout={delay_s}" if delay_s else "")
    _call(service, "PutMessage", "POST", path, deadline, body=xml)


def _call(
    service: Service,
    operation: str,
    method: str,
    path: str,
    deadline: Deadline,
    *,
    body: bytes = b"",
    repeatable: bool = True,
) -> Response:
    def headers() -> dict[str, str]:
        own = {"content-type": "application/xml"} if body else {}
        return {**own, "x-ms-version": API_VERSION, "x-ms-date": http_date(service.cloud.world.now())}

    return service.call(operation, method, path, deadline, headers=headers, body=body, repeatable=repeatable)


def _listed(service: Service, response: Response) -> list[Received]:
    from xml.etree import ElementTree  # only where messages are batched

    try:
        found = ElementTree.fromstring(response.body)  # noqa: S314 - of the service, over TLS
        return [
            Received(
                one.findtext("MessageId") or "",
                one.findtext("PopReceipt") or "",
                int(one.findtext("DequeueCount") or "1"),
                decoded(one.findtext("MessageText") or ""),
            )
            for one in found.iter("QueueMessage")
        ]
    except (ElementTree.ParseError, ValueError):
        raise service.malformed("GetMessages", "the body is not a list of messages") from None


def _one(message: Received) -> str:
    return f"/messages/{quote(message.id, safe='')}?popreceipt={quote(message.receipt, safe='')}"


def _seconds(wanted: float) -> int:
    """Whole seconds, and none too early."""
    return min(LONGEST_DELAY_S, max(0, math.ceil(wanted)))
