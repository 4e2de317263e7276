"""Messages of the event pipeline's queue on AWS -> deliveries: what each sender's message looks like."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from serverless_ai_runtime.adapters.aws.sqs import REASON
from serverless_ai_runtime.adapters.messages import message, parsed
from serverless_ai_runtime.core.event_pipeline.ports import MESSAGE, OBJECT, Delivery, Gone, Item, JobNews
from serverless_ai_runtime.core.objects import ObjectRef
from serverless_ai_runtime.edge import UnknownEventError, event_message

ORDER_DIGITS: Final = 40
"""A sequencer is a hexadecimal number of any length: padded, the later one compares greater as text."""
_TOKEN_CHARS: Final = 32


def delivery(record: Mapping[str, Any], uploads: str) -> Delivery:
    """One record of an SQS event. `uploads` is the bucket that messages may refer to."""
    body = str(record["body"])
    try:
        news = _news(body, str(record["messageId"]), uploads)
    except UnknownEventError as error:
        news = error
    return Delivery(
        handle=str(record["messageId"]),
        attempt=int(record.get("attributes", {}).get("ApproximateReceiveCount", "1")),
        body=body,
        news=news,
        redriven=REASON in record.get("messageAttributes", {}),
    )


def _news(body: str, message_id: str, uploads: str) -> Item | Gone | JobNews:
    """What a message says. Text that is no JSON object is an item as it stands."""
    value = parsed(body)
    if value is None:
        return Item(MESSAGE, message_id, "queue", text=body)
    if "detail-type" in value and "detail" in value:
        return _event(value)
    if value.get("Type") == "Notification" and "TopicArn" in value:
        return _notification(value)
    if set(value) == {"job", "handle"}:
        return JobNews(str(value["job"]), str(value["handle"]))
    if value.get("source") == "schedule" and "message" in value:
        return Item(MESSAGE, str(value.get("id") or message_id), "schedule", text=str(value["message"]))
    return message(value, message_id, "queue", uploads)


def _event(event: Mapping[str, Any]) -> Item | Gone | JobNews:
    """An event of EventBridge."""
    kind, detail = (event.get("source"), event["detail-type"]), event["detail"]
    try:
        if kind == ("aws.s3", "Object Created"):
            return _uploaded(detail)
        if kind == ("aws.s3", "Object Deleted"):
            return Gone(ObjectRef(str(detail["bucket"]["name"]), str(detail["object"]["key"])))
        if kind == ("aws.transcribe", "Transcribe Job State Change"):
            name = str(detail["TranscriptionJobName"])
            failed = detail["TranscriptionJobStatus"] == "FAILED"
            reason = str(detail.get("FailureReason") or "Transcribe gave no reason") if failed else ""
            return JobNews(name[-_TOKEN_CHARS:], name, reason)
        return Item(MESSAGE, str(event["id"]), "bus", text=event_message(detail))
    except (KeyError, TypeError, AttributeError) as error:
        raise UnknownEventError(f"an event {kind} of EventBridge without {error}") from None


def _uploaded(detail: Mapping[str, Any]) -> Item:
    found = detail["object"]
    ref = ObjectRef(str(detail["bucket"]["name"]), str(found["key"]))
    return Item(
        OBJECT,
        f"{ref.container}/{ref.key}",
        "upload",
        str(found["etag"]),
        str(found["sequencer"]).zfill(ORDER_DIGITS),
        ref,
        int(found.get("size", 0)),
    )


def _notification(envelope: Mapping[str, Any]) -> Item | Gone | JobNews:
    """A message of a topic; Textract tells the end of a job this way."""
    text, topic_id = str(envelope.get("Message", "")), str(envelope.get("MessageId", ""))
    value = parsed(text)
    if value is None:
        return Item(MESSAGE, topic_id, "topic", text=text)
    if {"JobId", "Status", "API", "JobTag"} <= set(value):
        failed = value["Status"] not in ("SUCCEEDED", "PARTIAL_SUCCESS")
        reason = f"Textract ended the job with {value['Status']}" if failed else ""
        return JobNews(str(value["JobTag"]), str(value["JobId"]), reason)
    return message(value, topic_id, "topic", "")
