"""Dead letters of an SQS queue as an operator sees them."""

from __future__ import annotations

from typing import Any


def letters(sqs: Any, url: str) -> list[dict[str, Any]]:
    """All of the queue, which keeps them."""
    found: list[dict[str, Any]] = []
    handles: list[str] = []
    while messages := sqs.receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=60, MessageAttributeNames=["All"]
    ).get("Messages"):
        for message in messages:
            said = {
                name: value["StringValue"] for name, value in message.get("MessageAttributes", {}).items()
            }
            found.append(
                {"code": said.get("Code", ""), "reason": said.get("Reason", ""), "payload": message["Body"]}
            )
            handles.append(message["ReceiptHandle"])
    for handle in handles:
        sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=0)
    return found
