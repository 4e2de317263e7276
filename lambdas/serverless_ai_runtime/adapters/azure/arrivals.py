"""Messages of the event pipeline's queue on Azure -> deliveries: what each sender's message looks like."""

from __future__ import annotations

from binascii import Error, a2b_base64
from collections.abc import Mapping
from typing import Any, Final, NamedTuple, cast

from serverless_ai_runtime.adapters.azure.queue import Received, unpacked
from serverless_ai_runtime.adapters.messages import message, parsed
from serverless_ai_runtime.core.event_pipeline.ports import MESSAGE, OBJECT, Delivery, Gone, Item, JobNews
from serverless_ai_runtime.core.objects import ObjectRef
from serverless_ai_runtime.edge import UnknownEventError, event_message

BLOB_CREATED: Final = "Microsoft.Storage.BlobCreated"
BLOB_DELETED: Final = "Microsoft.Storage.BlobDeleted"
TELEMETRY: Final = "Microsoft.Devices.DeviceTelemetry"
ATTRIBUTES: Final = "attributes"
"""In the data of an event: by what a topic that several pipelines share tells whose it is."""
_CONTAINERS, _BLOBS = "/blobServices/default/containers/", "/blobs/"
_ENVELOPE: Final = frozenset(("id", "code", "reason", "attempts"))


class _Event(NamedTuple):
    """An event of either schema of Event Grid."""

    id: str
    type: str
    subject: str
    data: Any


def delivery(received: Received, uploads: str) -> Delivery:
    """One message of the queue. `uploads` is the container that messages may refer to.

    A dead letter that was put back is the message in it, under the handle that it had at first.
    """
    handle, body = received.id, received.text
    letter = _letter(body)
    if letter is not None:
        handle, body = letter
    try:
        news = _news(body, handle, uploads)
    except UnknownEventError as error:
        news = error
    return Delivery(handle, received.deliveries, body, news, redriven=letter is not None)


def _letter(text: str) -> tuple[str, str] | None:
    """Id and text of the message in an envelope of `QueueDeadLetters`."""
    value = parsed(text)
    if value is None or not value.keys() > _ENVELOPE or len(value) != len(_ENVELOPE) + 1:
        return None
    if "payload" in value:
        return str(value["id"]), str(value["payload"])
    try:
        return str(value["id"]), unpacked(str(value["packed"]))
    except (KeyError, ValueError):
        return None


def _news(body: str, message_id: str, uploads: str) -> Item | Gone | JobNews:
    """What a message says. Text that is no JSON object is an item as it stands."""
    value = parsed(body)
    if value is None:
        return Item(MESSAGE, message_id, "queue", text=body)
    event = _event(value)
    if event is not None:
        return _item(event)
    if set(value) == {"job", "handle"}:
        return JobNews(str(value["job"]), str(value["handle"]))
    if value.get("source") == "schedule" and "message" in value:
        return Item(MESSAGE, str(value.get("id") or message_id), "schedule", text=str(value["message"]))
    return message(value, message_id, "queue", uploads)


def _event(value: Mapping[str, Any]) -> _Event | None:
    if value.get("specversion") == "1.0" and "data" in value:
        own = f"{value.get('source')}|{value.get('id')}"
        return _Event(own, str(value.get("type")), str(value.get("subject", "")), value["data"])
    if "eventType" in value and "data" in value:
        own = str(value.get("id"))
        return _Event(own, str(value["eventType"]), str(value.get("subject", "")), value["data"])
    return None


def _item(event: _Event) -> Item | Gone:
    try:
        if event.type == BLOB_CREATED:
            return _uploaded(event)
        if event.type == BLOB_DELETED:
            return Gone(_ref(event))
        if event.type == TELEMETRY:
            return Item(MESSAGE, event.id, "device", text=_telemetry(event.data))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UnknownEventError(f"an event {event.type} of Event Grid without {error}") from None
    if isinstance(_fields(event.data).get(ATTRIBUTES), dict):
        rest = {key: value for key, value in _fields(event.data).items() if key != ATTRIBUTES}
        return Item(MESSAGE, event.id, "topic", text=event_message(rest))
    return Item(MESSAGE, event.id, "bus", text=event_message(event.data))


def _fields(data: object) -> dict[str, Any]:
    return cast("dict[str, Any]", data) if isinstance(data, dict) else {}


def _uploaded(event: _Event) -> Item:
    """A sequencer is made to be compared as text."""
    ref = _ref(event)
    return Item(
        OBJECT,
        f"{ref.container}/{ref.key}",
        "upload",
        str(event.data["eTag"]).strip('"'),
        str(event.data["sequencer"]),
        ref,
        int(event.data.get("contentLength", 0)),
    )


def _ref(event: _Event) -> ObjectRef:
    place, found, key = event.subject.partition(_BLOBS)
    if not found or not place.startswith(_CONTAINERS):
        raise ValueError(f"a subject like {_CONTAINERS}C{_BLOBS}KEY; it is {event.subject!r}")
    return ObjectRef(place.removeprefix(_CONTAINERS), key)


def _telemetry(data: Mapping[str, Any]) -> str:
    """What a device sent. The hub writes as base64 whatever the device does not call JSON in UTF-8."""
    body = data["body"]
    if isinstance(body, str):
        try:
            return a2b_base64(body, strict_mode=True).decode("utf-8", "replace")
        except Error:
            return body
    return event_message(body)
