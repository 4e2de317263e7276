"""What reaches the event pipeline on Google Cloud: other senders' events -> messages of its own topic, and
those messages -> deliveries.

Whatever the source, an item ends as one self-contained message of the work topic, so that a dead letter,
which is such a message, can be put back by publishing it there again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

from serverless_ai_runtime.adapters.gcp import events
from serverless_ai_runtime.adapters.gcp.documents import written
from serverless_ai_runtime.adapters.gcp.protobuf import WireError
from serverless_ai_runtime.adapters.messages import message, parsed
from serverless_ai_runtime.core.event_pipeline.ports import MESSAGE, OBJECT, Delivery, Gone, Item, JobNews
from serverless_ai_runtime.core.objects import ObjectRef
from serverless_ai_runtime.edge import UnknownEventError, event_message

FINALIZED: Final = "google.cloud.storage.object.v1.finalized"
DELETED: Final = "google.cloud.storage.object.v1.deleted"
"""Also of a generation that was written over."""
WRITTEN: Final = "google.cloud.firestore.document.v1.written"
AUDIT_LOG: Final = "google.cloud.audit.log.v1.written"
INGRESS: Final = "/ingress/"
"""Path that events of other senders are delivered to, before the name of their source."""
UPLOAD, GONE, ITEM = "upload", "gone", "item"
"""The only key of a message of our own."""
ORDER_DIGITS: Final = 40
REASON: Final = "reason"
"""Attribute of a dead letter: a message that has it was put back."""
MESSAGE_SOURCES: Final = ("topic", "bus", "schedule")
"""Whose events come as messages of Pub/Sub."""


def delivery(pushed: events.Delivery, uploads: str) -> Delivery:
    """One message of the work topic. `uploads` is the bucket that messages may refer to."""
    try:
        news = _news(pushed, uploads)
    except UnknownEventError as error:
        news = error
    return Delivery(
        pushed.id, max(1, pushed.attempt), pushed.data, news, redriven=REASON in pushed.attributes
    )


def from_message(source: str, pushed: events.Delivery) -> dict[str, Any]:
    """A message of another topic as one of our own. Raises `UnknownEventError`."""
    value = parsed(pushed.data)
    text = pushed.data if value is None else event_message(value)
    return {ITEM: {"source": source, "id": pushed.id, "text": text}}


def from_upload(body: bytes) -> dict[str, Any]:
    """A finalized object as a message of our own. Raises `UnknownEventError`."""
    value = parsed(body.decode("utf-8", "replace")) or {}
    try:
        return {
            UPLOAD: {
                "bucket": str(value["bucket"]),
                "name": str(value["name"]),
                "generation": str(value["generation"]),
                "size": int(value.get("size", 0)),
            }
        }
    except (KeyError, ValueError, TypeError) as error:
        raise UnknownEventError(f"an event {FINALIZED} without {error}") from None


def from_deletion(body: bytes) -> dict[str, Any]:
    """A deleted object as a message of our own. Raises `UnknownEventError`."""
    value = parsed(body.decode("utf-8", "replace")) or {}
    try:
        return {GONE: {"bucket": str(value["bucket"]), "name": str(value["name"])}}
    except KeyError as error:
        raise UnknownEventError(f"an event {DELETED} without {error}") from None


def from_document(body: bytes) -> dict[str, Any] | None:
    """A written document as a message of our own; None for one that was deleted. Raises `UnknownEventError`.

    Each version of it is an item of its own.
    """
    try:
        document = written(body)
    except WireError as error:
        raise UnknownEventError(f"an event {WRITTEN} with {error}") from None
    if document is None:
        return None
    id_ = f"{document.name.partition('/documents/')[2]}@{document.updated}"
    return {ITEM: {"source": "firestore", "id": id_, "text": event_message(document.fields)}}


def from_audit_log(event_id: str, body: bytes) -> dict[str, Any]:
    """What a record of Cloud Audit Logs says, as a message of our own. Raises `UnknownEventError`."""
    value = parsed(body.decode("utf-8", "replace"))
    if value is None or not isinstance(value.get("protoPayload"), dict):
        raise UnknownEventError(f"an event {AUDIT_LOG} without protoPayload")
    return {ITEM: {"source": "audit", "id": event_id, "text": event_message(value["protoPayload"])}}


def _news(pushed: events.Delivery, uploads: str) -> Item | Gone | JobNews:
    value = parsed(pushed.data)
    if value is None:
        return Item(MESSAGE, pushed.id, "queue", text=pushed.data)
    if set(value) == {UPLOAD}:
        return _uploaded(value[UPLOAD])
    if set(value) == {GONE}:
        return _gone(value[GONE])
    if set(value) == {ITEM}:
        return _item(value[ITEM])
    if set(value) == {"job", "handle"}:
        return JobNews(str(value["job"]), str(value["handle"]))
    return message(value, pushed.id, "queue", uploads)


def _item(value: Any) -> Item:
    if not isinstance(value, dict):
        raise UnknownEventError(f'"{ITEM}" must be an object')
    fields = cast("Mapping[str, Any]", value)
    try:
        return Item(MESSAGE, str(fields["id"]), str(fields["source"]), text=str(fields["text"]))
    except KeyError as error:
        raise UnknownEventError(f'"{ITEM}" without {error}') from None


def _gone(value: Any) -> Gone:
    try:
        return Gone(ObjectRef(str(value["bucket"]), str(value["name"])))
    except (KeyError, TypeError) as error:
        raise UnknownEventError(f'"{GONE}" without {error}') from None


def _uploaded(value: Any) -> Item:
    try:
        ref, generation = ObjectRef(str(value["bucket"]), str(value["name"])), str(value["generation"])
        return Item(
            OBJECT,
            f"{ref.container}/{ref.key}",
            "upload",
            generation,
            generation.zfill(ORDER_DIGITS),
            ref,
            int(value["size"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise UnknownEventError(f'"{UPLOAD}" without {error}') from None
