"""Reads a queue for a function: batches, partial failures, and messages that come back undone."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from moto.awslambda.models import EventSourceMapping
from moto.sqs.exceptions import QueueDoesNotExist, ReceiptHandleIsInvalid
from moto.sqs.models import sqs_backends

from serverless_ai_local.aws import arns, queues
from serverless_ai_local.aws.api import ApiError, Functions, Invocation
from serverless_ai_local.aws.event_patterns import compile_pattern
from serverless_ai_local.functions import deployed as deployments
from serverless_ai_local.plain import is_list, is_mapping

ACTIONS: Final = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
DEFAULT_CONCURRENCY: Final = 5
"""Lambda starts with five pollers a queue."""
WAIT_S: Final = 1.0
PAUSE_S: Final = 1.0
"""After a failure that is not a message's: throttled, no permission, no queue."""
REPORT: Final = "ReportBatchItemFailures"
_log = logging.getLogger(__name__)

Permit = Callable[[str, str, str, str], None]
"""(role ARN, session name, action, resource): raises `ApiError` if the role may not."""


class QueuePoller:
    """One event source mapping. Its settings are read from moto's record for each batch."""

    def __init__(self, mapping: EventSourceMapping, functions: Functions, permit: Permit) -> None:
        self._mapping, self._functions, self._permit = mapping, functions, permit
        self._queue = arns.parse(mapping.event_source_arn)
        self._stopped = threading.Event()
        self._said = ""
        scaling: dict[str, Any] = mapping.scaling_config or {}
        self.concurrency = int(scaling.get("MaximumConcurrency", DEFAULT_CONCURRENCY))
        self._slots = threading.Semaphore(self.concurrency)
        self._workers = ThreadPoolExecutor(self.concurrency, thread_name_prefix="queue-poller")
        threading.Thread(target=self._run, daemon=True, name=f"poll {self._queue.resource}").start()

    def stop(self) -> None:
        """Read nothing more; batches that run are finished."""
        self._stopped.set()
        self._workers.shutdown(wait=False)

    def _run(self) -> None:
        while not self._stopped.is_set():
            if not self._slots.acquire(timeout=PAUSE_S):
                continue
            try:
                messages = self._batch()
            except (ApiError, KeyError, QueueDoesNotExist) as error:
                self._say(f"{self._queue.text} is not read for {self._mapping.function_arn}: {error}")
                messages = []
                self._stopped.wait(PAUSE_S)
            if messages and not self._stopped.is_set():
                self._workers.submit(self._process, messages)
            else:
                self._slots.release()

    def _batch(self) -> list[Any]:
        """Messages for one invocation: waits for the first, then as long as the batching window says."""
        self._require("sqs:ReceiveMessage", "sqs:GetQueueAttributes")
        size = int(self._mapping.batch_size)
        messages = self._receive(min(size, 10), WAIT_S)
        window = float(self._mapping.max_batch_window or 0)
        until = time.monotonic() + window
        while messages and len(messages) < size:
            left = until - time.monotonic()
            if left <= 0 or self._stopped.is_set():
                break
            messages += self._receive(min(size - len(messages), 10), min(left, WAIT_S))
        return messages

    def _receive(self, count: int, wait_s: float) -> list[Any]:
        queue = queues.find(self._queue.text)
        visible_after = int(queue.visibility_timeout)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownArgumentType]
        return list(queues.receive(queue, count, wait_s, visible_after, ["All"]))

    def _process(self, messages: Sequence[Any]) -> None:
        try:
            records = [_record(message, self._queue) for message in messages]
            wanted = [record for record in records if self._passes(record)]
            done = {record["messageId"] for record in records} - {record["messageId"] for record in wanted}
            if wanted:
                done |= self._invoke(wanted)
            self._delete([record["receiptHandle"] for record in records if record["messageId"] in done])
        except (ApiError, KeyError, QueueDoesNotExist) as error:
            self._say(f"a batch of {self._queue.text} comes back: {error}")
        except Exception:
            _log.exception("a batch of %s broke the local cloud; its messages come back", self._queue.text)
        finally:
            self._slots.release()

    def _invoke(self, records: Sequence[Mapping[str, Any]]) -> set[str]:
        """Ids of the messages that are done."""
        payload = json.dumps({"Records": records}, ensure_ascii=False).encode()
        answer = self._functions.invoke(self._mapping.function_arn, payload)
        if answer.status == 429:
            self._stopped.wait(PAUSE_S)
        if answer.error is not None:
            return set()
        everything = {str(record["messageId"]) for record in records}
        if REPORT not in (self._mapping.function_response_types or ()):
            return everything
        return everything - failed_items(answer, everything)

    def _passes(self, record: Mapping[str, Any]) -> bool:
        """Whether the filter lets the message through; one that it does not is deleted, as in the cloud."""
        criteria: dict[str, Any] = self._mapping.filter_criteria or {}
        filters: list[dict[str, str]] = criteria.get("Filters") or []
        seen = {**record, "body": _parsed(record["body"])}
        return not filters or any(compile_pattern(one["Pattern"])(seen) for one in filters)

    def _delete(self, handles: Sequence[str]) -> None:
        if not handles:
            return
        self._require("sqs:DeleteMessage")
        backend = sqs_backends[self._queue.account][self._queue.region]
        for handle in handles:
            try:
                backend.delete_message(self._queue.resource, handle)
            except ReceiptHandleIsInvalid:
                continue  # it was visible again before it was done, and somebody else finished it

    def _require(self, *actions: str) -> None:
        deployed = deployments.read(self._mapping.function_arn)
        for action in actions:
            self._permit(deployed.role, deployed.name, action, self._queue.text)

    def _say(self, text: str) -> None:
        if text != self._said:
            self._said = text
            _log.warning("%s", text)


def failed_items(answer: Invocation, everything: set[str]) -> set[str]:
    """Messages that the function says have failed; all of them if what it says cannot be understood."""
    parsed = _parsed(answer.payload)
    if parsed is None or parsed == {}:
        return set()
    failures = parsed.get("batchItemFailures", []) if is_mapping(parsed) else None
    if failures is None:
        return set()
    if not is_list(failures):
        return everything
    ids = {one.get("itemIdentifier") if is_mapping(one) else None for one in failures}
    return {str(one) for one in ids} if ids <= everything else everything


def _record(message: Any, queue: arns.Arn) -> dict[str, Any]:
    attributes = {
        "ApproximateReceiveCount": str(message.approximate_receive_count),
        "SentTimestamp": str(message.sent_timestamp),
        "SenderId": str(message.sender_id),
        "ApproximateFirstReceiveTimestamp": str(message.approximate_first_receive_timestamp),
    }
    if message.group_id:
        attributes["MessageGroupId"] = message.group_id
    if message.deduplication_id:
        attributes["MessageDeduplicationId"] = message.deduplication_id
    return {
        "messageId": message.id,
        "receiptHandle": message.receipt_handle,
        "body": message.body,
        "attributes": attributes,
        "messageAttributes": {name: _attribute(one) for name, one in message.message_attributes.items()},
        "md5OfBody": message.body_md5,
        "eventSource": "aws:sqs",
        "eventSourceARN": queue.text,
        "awsRegion": queue.region,
    }


def _attribute(value: Mapping[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = {"stringListValues": [], "binaryListValues": [], "dataType": value["DataType"]}
    kind, key = ("StringValue", "stringValue") if "StringValue" in value else ("BinaryValue", "binaryValue")
    content = value.get(kind)
    return {**shown, key: content.decode() if isinstance(content, bytes) else content}


def _parsed(text: str | bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
