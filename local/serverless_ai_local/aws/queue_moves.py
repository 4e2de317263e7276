"""Moving dead letters back: SQS's message move tasks, which moto does not have."""

from __future__ import annotations

import base64
import json
import threading
import time
import uuid
from dataclasses import dataclass, field
from typing import Any, Final

from moto.sqs.exceptions import QueueDoesNotExist, SQSException
from moto.sqs.models import Message, Queue, sqs_backends
from werkzeug.wrappers import Response

from serverless_ai_local.aws import queues
from serverless_ai_local.aws.api import ApiError, Call, Operations
from serverless_ai_local.aws.calls import parameters, reply

AT_ONCE: Final = 10
MOST_PER_SECOND: Final = 500
MOST_RESULTS: Final = 10
RUNNING, COMPLETED, CANCELLED, FAILED = "RUNNING", "COMPLETED", "CANCELLED", "FAILED"


@dataclass(kw_only=True)
class _Task:
    source: Queue
    destination: Queue | None
    """None: every message goes back to where it came from."""
    per_second: int | None
    to_move: int
    handle: str = ""
    status: str = RUNNING
    moved: int = 0
    reason: str = ""
    started: int = field(default_factory=lambda: int(time.time() * 1000))
    cancelled: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        said = {"taskId": str(uuid.uuid4()), "sourceArn": self.source.queue_arn}
        self.handle = base64.b64encode(json.dumps(said).encode()).decode()

    def shown(self) -> dict[str, Any]:
        """As ListMessageMoveTasks tells it: only a task that runs has a handle to cancel it by."""
        told: dict[str, Any] = {
            "TaskHandle": self.handle if self.status == RUNNING else None,
            "Status": self.status,
            "SourceArn": self.source.queue_arn,
            "DestinationArn": self.destination.queue_arn if self.destination else None,
            "MaxNumberOfMessagesPerSecond": self.per_second,
            "ApproximateNumberOfMessagesMoved": self.moved,
            "ApproximateNumberOfMessagesToMove": self.to_move,
            "FailureReason": self.reason or None,
            "StartedTimestamp": self.started,
        }
        return {name: value for name, value in told.items() if value is not None}

    def run(self) -> None:
        """Move what can be received. A message is new where it arrives: another id, received never."""
        try:
            while not self.cancelled.is_set():
                batch = self._taken()
                if not batch:
                    self.status = COMPLETED
                    return
                for message in batch:
                    self._deliver(message)
                    if self.per_second:
                        self.cancelled.wait(1 / self.per_second)
            self.status = CANCELLED
        except (SQSException, QueueDoesNotExist) as error:
            self.status, self.reason = FAILED, str(error.code)

    def _taken(self) -> list[Message]:
        with queues.lock(self.source):
            found = queues.visible(self.source)[: 1 if self.per_second else AT_ONCE]
            for message in found:
                self._target(message)
            for message in found:
                queues.stored(self.source).remove(message)
                self.source.pending_messages.discard(message)
            return found

    def _target(self, message: Message) -> Queue:
        if self.destination is not None:
            return self.destination
        came_from = queues.home(message)
        if came_from in ("", self.source.queue_arn):
            raise SQSException("CouldNotDetermineMessageSource", "The message was sent to this queue itself.")
        return queues.find(came_from)

    def _deliver(self, message: Message) -> None:
        target = self._target(message)
        sqs_backends[target.account_id][target.region].send_message(
            target.name,
            message.body,
            message_attributes=message.message_attributes,
            group_id=message.group_id,
            deduplication_id=str(uuid.uuid4()) if target.fifo_queue else None,
            system_attributes=message.system_attributes,
        )
        self.moved += 1


class QueueMoves:
    """Operations of `sqs` for tasks that move messages."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tasks: list[_Task] = []

    def operations(self) -> Operations:
        """See `api.Operations`."""
        return {
            ("sqs", "StartMessageMoveTask"): self._start,
            ("sqs", "ListMessageMoveTasks"): self._list,
            ("sqs", "CancelMessageMoveTask"): self._cancel,
        }

    def stop(self) -> None:
        """End what runs."""
        for task in list(self._tasks):
            task.cancelled.set()

    def _start(self, call: Call) -> Response:
        given = parameters(call)
        source = _queue(given["SourceArn"], "SourceArn")
        destination = (
            _queue(given["DestinationArn"], "DestinationArn") if given.get("DestinationArn") else None
        )
        _require_dead_letters(source)
        if destination is not None and destination.fifo_queue != source.fifo_queue:
            raise _unsupported("The source and the destination must be of the same type.")
        rate: Any = given.get("MaxNumberOfMessagesPerSecond")
        if rate is not None and not 1 <= int(rate) <= MOST_PER_SECOND:
            raise ApiError(
                "InvalidParameterValue",
                f"Value {rate} for parameter MaxNumberOfMessagesPerSecond is invalid. Reason: must be from 1"
                f" to {MOST_PER_SECOND}.",
            )
        task = _Task(
            source=source,
            destination=destination,
            per_second=None if rate is None else int(rate),
            to_move=len(queues.visible(source)),
        )
        with self._lock:
            if any(one.source is source and one.status == RUNNING for one in self._tasks):
                raise _unsupported(
                    "There is already a task running. Only one active task is allowed for a source queue arn "
                    "at a given time."
                )
            self._tasks.append(task)
        threading.Thread(target=task.run, daemon=True, name=f"move {source.name}").start()
        return reply({"TaskHandle": task.handle})

    def _list(self, call: Call) -> Response:
        given = parameters(call)
        source, most = _queue(given["SourceArn"], "SourceArn"), int(given.get("MaxResults") or 1)
        if not 1 <= most <= MOST_RESULTS:
            raise ApiError(
                "InvalidParameterValue",
                f"Value {most} for parameter MaxResults is invalid. Reason: must be 1 to {MOST_RESULTS}.",
            )
        found = [task for task in reversed(self._tasks) if task.source is source]
        return reply({"Results": [task.shown() for task in found[:most]]})

    def _cancel(self, call: Call) -> Response:
        handle = parameters(call)["TaskHandle"]
        for task in self._tasks:
            if task.handle == handle:
                if task.status != RUNNING:
                    raise _unsupported("Only active tasks can be cancelled.")
                task.cancelled.set()
                return reply({"ApproximateNumberOfMessagesMoved": task.moved})
        raise ApiError("ResourceNotFoundException", "Task does not exist.", 404)


def _queue(arn: str, parameter: str) -> Queue:
    try:
        return queues.find(arn)
    except (ValueError, QueueDoesNotExist):
        message = f"The resource that you specified for the {parameter} parameter doesn't exist."
        raise ApiError("ResourceNotFoundException", message, 404) from None


def _require_dead_letters(queue: Queue) -> None:
    sources = [one for backend in sqs_backends[queue.account_id].values() for one in backend.queues.values()]
    if not any(one.dead_letter_queue is queue for one in sources):
        raise ApiError("InvalidParameterValue", "Source queue must be configured as a Dead Letter Queue.")


def _unsupported(message: str) -> ApiError:
    return ApiError("AWS.SimpleQueueService.UnsupportedOperation", message)
