"""Deliveries of Pub/Sub and Eventarc -> cores, in plain values: `root/gcp` speaks to the host.

Events of every source come in at `/ingress/SOURCE` and are published on the pipeline's own topic. Its
messages come to `/events` and are processed there. Where several are to go into one model call, a message
that is pushed only rings: the batch is pulled from a second subscription, which keeps what is not finished.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, cast

from serverless_ai_runtime import config
from serverless_ai_runtime.adapters.gcp.arrivals import (
    DELETED,
    FINALIZED,
    INGRESS,
    MESSAGE_SOURCES,
    delivery,
    from_audit_log,
    from_deletion,
    from_document,
    from_message,
    from_upload,
)
from serverless_ai_runtime.adapters.gcp.callers import account
from serverless_ai_runtime.adapters.gcp.events import Delivery as Pushed
from serverless_ai_runtime.adapters.gcp.events import parse
from serverless_ai_runtime.adapters.gcp.factory import GcpAdapters
from serverless_ai_runtime.adapters.gcp.looks import NOT_BEFORE, RENEWED, Looks, due_in
from serverless_ai_runtime.adapters.gcp.pubsub import PubSubPublisher
from serverless_ai_runtime.adapters.gcp.requests import TRACE, ForbiddenError, Request, Response, trace
from serverless_ai_runtime.adapters.gcp.topics import Waiting, WaitingMessages
from serverless_ai_runtime.config_event_pipeline import GcpPipelineEdge
from serverless_ai_runtime.core.event_pipeline.ports import Retry
from serverless_ai_runtime.core.ports import Deadline
from serverless_ai_runtime.core.replies import Rejection
from serverless_ai_runtime.edge import UnknownEventError, reply_deadline
from serverless_ai_runtime.entrypoints.batches import App
from serverless_ai_runtime.telemetry import Invocation
from serverless_ai_runtime.wiring import WORLD

EVENTS: Final = "/events"
LOOK_S: Final = 0.1
"""Between two looks while a batch fills."""
HELD_S: Final = 30.0
"""How much longer than an invocation may take a pulled message is held."""
RINGS: Final = 3
"""So often a ring that finds nothing comes again: its message may not be there to be pulled yet."""
DONE, AGAIN, BUSY, EARLY = 200, 503, 429, 425


class PushWorker:
    """A core as an HTTP function that only Pub/Sub and Eventarc may call."""

    def __init__(
        self,
        app: App,
        edge: GcpPipelineEdge,
        work: PubSubPublisher,
        waiting: WaitingMessages | None,
    ) -> None:
        self._app, self._edge, self._work, self._waiting = app, edge, work, waiting
        self._suffixes = tuple(cast("list[str]", json.loads(edge.upload_suffixes or "[]")))

    def handle(self, request: Request) -> Response:
        """Answer a delivery: 2xx is done with, everything else comes again."""
        deadline = reply_deadline(self._app.settings.timeout_s)
        request_id = self._app.telemetry.world.token()
        journal = self._app.telemetry.begin(
            request_id=request_id, **{TRACE: trace(request.headers, self._edge.project)}
        )
        try:
            status = self._route(request)(request, deadline, journal)
        except Rejection as error:
            journal.note(error=error.code)
            status = error.status
        except UnknownEventError as error:
            # It comes again until Pub/Sub puts it among the dead letters.
            journal.note(error=type(error).__name__, cause=str(error))
            status = 400
        except Exception as error:
            journal.note(error=type(error).__name__, cause=str(error))
            status = AGAIN
        journal.note(status=status)
        journal.end(
            "batch" if request.path == EVENTS else "ingress", failed=status >= 400 and status != EARLY
        )
        return Response("{}", status, {"content-type": "application/json", "x-request-id": request_id})

    def _route(self, request: Request) -> Callable[[Request, Deadline, Invocation], int]:
        if account(request.headers).subject != self._edge.deliverer:
            raise ForbiddenError
        if request.path == EVENTS:
            return self._ring if self._waiting else self._push
        if request.path.startswith(INGRESS):
            return self._ingress
        raise UnknownEventError(f"there is nothing at {request.path}")

    # -- from other senders -----------------------------------------------------------------------
    def _ingress(self, request: Request, deadline: Deadline, journal: Invocation) -> int:
        source = request.path.removeprefix(INGRESS)
        journal.note(source=source)
        message = self._message(source, request)
        if message is not None:
            self._work.publish(message, deadline)
        return DONE

    def _message(self, source: str, request: Request) -> dict[str, Any] | None:
        """As it goes on the topic; None for an upload that the filter leaves out, and for a deletion."""
        if source in MESSAGE_SOURCES:
            return from_message(source, parse(request.body))
        if source == "upload":
            kind = request.headers.get("ce-type", FINALIZED)
            if kind != FINALIZED:
                raise UnknownEventError(f"an upload must be an event {FINALIZED}, got {kind!r}")
            message = from_upload(request.body)
            return message if self._wanted(message["upload"]) else None
        if source == "deleted":
            if request.headers.get("ce-type") != DELETED:
                raise UnknownEventError(f"a deletion must be an event {DELETED}")
            return from_deletion(request.body)
        if source == "firestore":
            return from_document(request.body)
        if source == "audit":
            return from_audit_log(request.headers.get("ce-id", ""), request.body)
        raise UnknownEventError(f"{source!r} is no source of this pipeline")

    def _wanted(self, upload: Mapping[str, Any]) -> bool:
        name, most = str(upload["name"]), self._edge.upload_max_bytes
        return (
            upload["bucket"] == self._app.settings.inputs
            and name.startswith(self._edge.upload_prefix)
            and (not self._suffixes or name.endswith(self._suffixes))
            and (not most or int(upload["size"]) <= most)
        )

    # -- the pipeline's own messages --------------------------------------------------------------
    def _push(self, request: Request, deadline: Deadline, journal: Invocation) -> int:
        """One message; Pub/Sub's own pause decides when it comes again."""
        pushed = parse(request.body)
        if NOT_BEFORE in pushed.attributes and not self._due(pushed, deadline):
            return DONE if pushed.attempt >= RENEWED else EARLY
        one = delivery(pushed, self._app.settings.inputs)
        return BUSY if self._app.core.process([one], deadline, journal) else DONE

    def _due(self, pushed: Pushed, deadline: Deadline) -> bool:
        """Whether a look counts now. One that has come too early too often is put on the topic anew."""
        wait = due_in(pushed, WORLD.now())
        if wait and pushed.attempt >= RENEWED:
            Looks(self._work, WORLD).send(json.loads(pushed.data), wait, deadline)
        return not wait

    def _ring(self, request: Request, deadline: Deadline, journal: Invocation) -> int:
        """As many messages as a batch takes. 503 rings again: for what comes again there is no other ring."""
        assert self._waiting is not None
        messages = self._batch(self._waiting, deadline)
        if not messages:
            return DONE if parse(request.body).attempt >= RINGS else AGAIN
        deliveries = [delivery(one.pushed, self._app.settings.inputs) for one in messages]
        retries = self._app.core.process(deliveries, deadline, journal)
        again = {retry.handle: retry for retry in retries}
        self._waiting.done([one for one in messages if one.pushed.id not in again], deadline)
        self._give_back(self._waiting, messages, retries, deadline)
        return AGAIN if retries else DONE

    def _batch(self, waiting: WaitingMessages, deadline: Deadline) -> list[Waiting]:
        """Messages until the batch is full or its time is up; [] at once if there is none."""
        settings, found = self._app.settings, list[Waiting]()
        patience = Deadline(settings.batch_wait_s)
        while len(found) < settings.batch_size:
            taken = waiting.take(settings.batch_size - len(found), deadline)
            waiting.hold(taken, settings.timeout_s + HELD_S + settings.batch_wait_s, deadline)
            found += taken
            if not found or (not taken and not patience.remaining()):
                break
            if not taken:
                WORLD.sleep(min(LOOK_S, patience.remaining()))
        return found

    @staticmethod
    def _give_back(
        waiting: WaitingMessages, messages: Sequence[Waiting], retries: Sequence[Retry], deadline: Deadline
    ) -> None:
        by_id = {one.pushed.id: one for one in messages}
        for retry in retries:
            waiting.hold([by_id[retry.handle]], retry.after_s, deadline)


def event_pipeline(env: Mapping[str, str] | None = None) -> PushWorker:
    """The event pipeline as configured; raises `ConfigError` naming the variable that is wrong."""
    from serverless_ai_runtime.wiring_event_pipeline import event_pipeline as wired

    return _worker(wired("gcp", env), env)


def rag_ingest(env: Mapping[str, str] | None = None) -> PushWorker:
    """RAG's ingestion as configured; raises `ConfigError` naming the variable that is wrong."""
    from serverless_ai_runtime.wiring_rag import rag_ingest as wired

    return _worker(wired("gcp", env), env)


def _worker(app: App, env: Mapping[str, str] | None) -> PushWorker:
    edge = config.from_env(GcpPipelineEdge, env)
    adapters = GcpAdapters(WORLD, env)
    waiting = adapters.waiting(edge.waiting) if edge.waiting else None
    return PushWorker(app, edge, adapters.work(app.settings), waiting)
