"""Batches of an SQS queue -> cores -> the messages that have to come again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final, Protocol

from serverless_ai_runtime import config
from serverless_ai_runtime.adapters.aws.arrivals import delivery
from serverless_ai_runtime.adapters.aws.factory import AwsAdapters
from serverless_ai_runtime.adapters.aws.sqs import SqsQueue
from serverless_ai_runtime.core.event_pipeline.ports import Retry
from serverless_ai_runtime.core.ports import Deadline, Journal, ServiceError
from serverless_ai_runtime.edge import UnknownEventError, reply_deadline
from serverless_ai_runtime.entrypoints.batches import App
from serverless_ai_runtime.wiring import WORLD


class Context(Protocol):
    """What is used of Lambda's context object."""

    aws_request_id: str

    def get_remaining_time_in_millis(self) -> int: ...


def event_pipeline(event: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Event pipeline: a batch of an SQS queue whose event source mapping reports failures by item."""
    app, queue = _event_pipeline()
    return handle(app, queue, event, context)


def rag_ingest(event: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """RAG's ingestion: as `event_pipeline`."""
    app, queue = _rag_ingest()
    return handle(app, queue, event, context)


def handle(app: App, queue: SqsQueue, event: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Process one batch; what has to come again is in the answer."""
    records: Sequence[Mapping[str, Any]] = event.get("Records") or ()
    if not records or any(record.get("eventSource") != "aws:sqs" for record in records):
        raise UnknownEventError("an event must be a batch of an SQS queue")
    deadline = reply_deadline(context.get_remaining_time_in_millis() / 1000)
    journal = app.telemetry.begin(request_id=context.aws_request_id, trace_id=config.trace_id())
    retries = app.core.process(
        [delivery(record, app.settings.inputs) for record in records], deadline, journal
    )
    receipts = {str(record["messageId"]): str(record["receiptHandle"]) for record in records}
    _give_back(queue, retries, receipts, deadline, journal)
    journal.end("batch", failed=len(retries) == len(records))
    return {"batchItemFailures": [{"itemIdentifier": retry.handle} for retry in retries]}


def _give_back(
    queue: SqsQueue,
    retries: Sequence[Retry],
    receipts: Mapping[str, str],
    deadline: Deadline,
    journal: Journal,
) -> None:
    """Have messages come again when it makes sense, and not after the queue's whole visibility timeout."""
    for retry in retries:
        try:
            queue.give_back(receipts[retry.handle], retry.after_s, deadline)
        except ServiceError as error:
            journal.warn("the message comes again after the queue's visibility timeout", cause=error)


@cache
def _event_pipeline() -> tuple[App, SqsQueue]:
    from serverless_ai_runtime.wiring_event_pipeline import event_pipeline

    return _with_queue(event_pipeline("aws"))


@cache
def _rag_ingest() -> tuple[App, SqsQueue]:
    from serverless_ai_runtime.wiring_rag import rag_ingest

    return _with_queue(rag_ingest("aws"))


def _with_queue(app: App) -> tuple[App, SqsQueue]:
    return app, AwsAdapters(WORLD).later(app.settings)


# Wired while Lambda starts the function, as in `aws_lambda`.
_WIRED: Final = {f"{__name__}.event_pipeline": _event_pipeline, f"{__name__}.rag_ingest": _rag_ingest}
if config.handler_name() in _WIRED:
    _WIRED[config.handler_name()]()
