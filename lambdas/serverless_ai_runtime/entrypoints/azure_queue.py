"""Messages of a Storage queue -> cores, in plain values: `root/azure` speaks the host's SDK.

The host hands over one message at a time, deletes it when the function returns, and else delivers it again
after a fixed while. A message that has to come again at a moment of our choosing is therefore given back by
ourselves: its receipt is then another one, and the host, whose delete finds it changed, leaves it alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from serverless_ai_runtime import config
from serverless_ai_runtime.adapters.azure.arrivals import delivery
from serverless_ai_runtime.adapters.azure.events import turn
from serverless_ai_runtime.adapters.azure.factory import AzureAdapters
from serverless_ai_runtime.adapters.azure.queue import Received, StorageQueue
from serverless_ai_runtime.config import AzureEdgeConfig
from serverless_ai_runtime.core.event_pipeline.ports import Retry
from serverless_ai_runtime.core.ports import Deadline, ServiceError
from serverless_ai_runtime.edge import reply_deadline
from serverless_ai_runtime.entrypoints.batches import App
from serverless_ai_runtime.telemetry import Invocation
from serverless_ai_runtime.wiring import WORLD

LOOK_S: Final = 0.1
"""Between two looks into the queue while a batch fills."""
HIDDEN_S: Final = 30.0
"""How much longer than an invocation may take a message of its batch stays hidden."""


class Ids(NamedTuple):
    """What the host calls an invocation."""

    request: str
    trace: str
    """W3C traceparent."""


class ComesAgain(Exception):
    """The host is to deliver the message again by itself."""


class QueueWorker:
    """A core as a function app: a queue trigger, and if so configured a timer."""

    def __init__(self, app: App, edge: AzureEdgeConfig, queue: StorageQueue) -> None:
        self.edge = edge
        self._app, self._queue = app, queue

    def message(self, first: Received, ids: Ids) -> None:
        """One message, and as many more as a batch takes. Raises `ComesAgain` if the first one has to come
        again and could not be given back.
        """
        journal = self._app.telemetry.begin(request_id=ids.request, trace_id=ids.trace)
        more = self._more(journal)
        deadline = reply_deadline(self.edge.timeout_s)
        messages = [first, *more]
        deliveries = [delivery(one, self._app.settings.inputs) for one in messages]
        retries = self._app.core.process(deliveries, deadline, journal)
        again = {retry.handle: retry for retry in retries}
        for one, known in zip(more, deliveries[1:], strict=True):
            self._end(one, again.get(known.handle), deadline, journal)
        handled = self._given_back(first, again.get(deliveries[0].handle), deadline, journal)
        journal.end("batch", failed=len(retries) == len(messages))
        if not handled:
            raise ComesAgain(first.id)

    def schedule(self, ids: Ids) -> None:
        """The timer's turn: only puts a message into the queue, which delivers it until it is done."""
        journal = self._app.telemetry.begin(request_id=ids.request, trace_id=ids.trace)
        body = turn(ids.request, self.edge.schedule_message)
        try:
            self._queue.send(body, 0.0, reply_deadline(self.edge.timeout_s))
        except Exception as error:
            journal.note(error=type(error).__name__, cause=str(error))
            journal.end("schedule", failed=True)
            raise
        journal.end("schedule")

    def _more(self, journal: Invocation) -> Sequence[Received]:
        """Messages beside the first, until the batch is full or its time is up."""
        settings, found = self._app.settings, list[Received]()
        missing = settings.batch_size - 1
        waiting, hidden_s = Deadline(settings.batch_wait_s), self.edge.timeout_s + HIDDEN_S
        while missing > len(found):
            patience = Deadline(waiting.remaining() + self.edge.timeout_s / 2)
            try:
                taken = self._queue.take(missing - len(found), hidden_s + waiting.remaining(), patience)
            except ServiceError as error:
                journal.warn("the batch stays small: no more messages could be taken", cause=error)
                break
            found += taken
            if not taken:
                if not waiting.remaining():
                    break
                WORLD.sleep(min(LOOK_S, waiting.remaining()))
        return found

    def _end(self, one: Received, retry: Retry | None, deadline: Deadline, journal: Invocation) -> None:
        """Delete a message that we took ourselves, or give it back."""
        if not self._given_back(one, retry, deadline, journal) or retry is not None:
            return
        try:
            self._queue.delete(one, deadline)
        except ServiceError as error:
            journal.warn("a message that is done comes again", cause=error)

    def _given_back(
        self, one: Received, retry: Retry | None, deadline: Deadline, journal: Invocation
    ) -> bool:
        """Have a message come again when it makes sense; False if that could not be said to the queue."""
        if retry is None:
            return True
        try:
            self._queue.give_back(one, retry.after_s, deadline)
        except ServiceError as error:
            journal.warn("the message comes again when it is no longer hidden", cause=error)
            return False
        return True


def event_pipeline(env: Mapping[str, str] | None = None) -> QueueWorker:
    """The event pipeline as configured; raises `ConfigError` naming the variable that is wrong."""
    from serverless_ai_runtime.wiring_event_pipeline import event_pipeline as wired

    return _worker(wired("azure", env), env)


def rag_ingest(env: Mapping[str, str] | None = None) -> QueueWorker:
    """RAG's ingestion: as `event_pipeline`."""
    from serverless_ai_runtime.wiring_rag import rag_ingest as wired

    return _worker(wired("azure", env), env)


def _worker(app: App, env: Mapping[str, str] | None) -> QueueWorker:
    edge = config.from_env(AzureEdgeConfig, env)
    return QueueWorker(app, edge, AzureAdapters(WORLD, env).later(app.settings))
