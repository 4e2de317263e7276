"""What Azure Functions hands over -> cores -> what goes back, in plain values: `root/azure` speaks its SDK.

Events and schedules arrive in one Storage queue, and with it at least once. The host moves a message that
failed too often into the poison queue without the reason why. The handler is therefore quicker: it puts the
message there itself, with its reason, when the last delivery fails; only if it cannot, the host does.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

from serverless_ai_runtime import config, wiring
from serverless_ai_runtime.adapters.azure.principal import caller, caller_with_claims
from serverless_ai_runtime.config import AzureEdgeConfig, ConfigError
from serverless_ai_runtime.core.ports import Deadline, Publisher
from serverless_ai_runtime.core.replies import Rejection, Reply, failure
from serverless_ai_runtime.edge import reply_deadline
from serverless_ai_runtime.rate_limit import RateLimit
from serverless_ai_runtime.telemetry import Invocation, Telemetry

if TYPE_CHECKING:
    from serverless_ai_runtime.wiring_rag import QueryApp

MAX_DELIVERIES: Final = 3
"""Of one message; `maxDequeueCount` of host.json."""
BURIAL_S: Final = 5.0
"""Patience with the queue of dead letters, after an event has used up its own time."""


class Ids(NamedTuple):
    """What the host calls an invocation."""

    request: str
    trace: str
    """W3C traceparent: its second part is the operation id in Application Insights."""


class Response(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: str


class FunctionApp:
    """Function + LLM as a function app: a route, and if so configured a queue trigger and a timer."""

    def __init__(self, app: wiring.App, edge: AzureEdgeConfig, queue: Callable[[str], Publisher]) -> None:
        self.edge = edge
        self._app, self._queue = app, queue
        self._limit = _limit(edge)

    def chat(self, body: bytes, principal: str, ids: Ids) -> Response:
        """`POST /chat`; `principal` is the header in which App Service says who calls."""
        deadline = reply_deadline(self.edge.timeout_s)
        journal = self._begin(ids)
        return _response(self._chat(body, principal, deadline, journal), journal, ids)

    def event(self, text: str, deliveries: int, ids: Ids) -> None:
        """A message of the events' queue, delivered for the `deliveries`-th time.

        What fails is raised, so that the host delivers it again; at last it is put among the dead letters.
        """
        from serverless_ai_runtime.adapters.azure.events import parse

        journal = self._begin(ids)
        journal.note(deliveries=deliveries)
        try:
            event = parse(text)
            journal.note(correlation_id=event.id)
            self._app.core.generate(event.id, event.message, reply_deadline(self.edge.timeout_s), journal)
        except Exception as error:
            journal.note(error=type(error).__name__, cause=str(error))
            buried = deliveries >= MAX_DELIVERIES and self._bury(text, deliveries, error, journal)
            journal.end("event", failed=True)
            if not buried:
                raise
        else:
            journal.end("event")

    def schedule(self, ids: Ids) -> None:
        """The timer's turn: only puts an event into the queue, which delivers it until it is done."""
        from serverless_ai_runtime.adapters.azure.events import turn

        journal = self._begin(ids)
        body = turn(ids.request, self.edge.schedule_message)
        try:
            self._send(self.edge.events_queue, body, reply_deadline(self.edge.timeout_s))
        except Exception as error:
            journal.note(error=type(error).__name__, cause=str(error))
            journal.end("schedule", failed=True)
            raise
        journal.end("schedule")

    def _chat(self, body: bytes, principal: str, deadline: Deadline, journal: Invocation) -> Reply:
        try:
            who = caller(principal)
            if self._limit:
                self._limit.admit()
        except Rejection as error:
            journal.note(error=error.code)
            return failure(error)
        return self._app.core.chat(body, who, deadline, journal)

    def _bury(self, text: str, deliveries: int, error: Exception, journal: Invocation) -> bool:
        """Put a message that failed too often among the dead letters; whether that went well."""
        letter = {"reason": f"{type(error).__name__}: {error}", "attempts": deliveries, "payload": text}
        try:
            self._send(self.edge.events_queue + config.AZURE_DEAD_LETTERS, letter, Deadline(BURIAL_S))
        except Exception as failed:
            journal.warn("dead letter not sent; the host moves the message without its reason", cause=failed)
            return False
        journal.note(dead_letter=True)
        return True

    def _send(self, queue: str, body: Mapping[str, object], deadline: Deadline) -> None:
        self._queue(f"{self.edge.queue_service}/{queue}").publish(body, deadline)

    def _begin(self, ids: Ids) -> Invocation:
        return _begin(self._app.telemetry, ids)


class QueryFunctionApp:
    """RAG's endpoint as a function app: a route for each path of its core."""

    def __init__(self, app: QueryApp, edge: AzureEdgeConfig) -> None:
        self._app, self._edge, self._limit = app, edge, _limit(edge)
        self._routes = app.core.routes()

    def answer(self, path: str, body: bytes, principal: str, ids: Ids) -> Response:
        """`POST` to one of them; `principal` as in `FunctionApp.chat`."""
        deadline = reply_deadline(self._edge.timeout_s)
        journal = _begin(self._app.telemetry, ids)
        try:
            who = caller_with_claims(principal)
            if self._limit:
                self._limit.admit()
            reply = self._routes[path](body, who, deadline, journal)
        except Rejection as error:
            journal.note(error=error.code)
            reply = failure(error)
        return _response(reply, journal, ids)


def function_llm(env: Mapping[str, str] | None = None) -> FunctionApp:
    """Function + LLM as configured; raises `ConfigError` naming the variable that is wrong."""
    edge = _edge(env)
    if edge.events_queue or edge.schedule:
        edge = edge._replace(queue_service=config.service_url("queue_service", edge.queue_service))
    if edge.schedule and not edge.events_queue:
        text = f"is empty, but {config.variable('schedule')} needs a queue for its events"
        raise ConfigError(f"{config.variable('events_queue')} {text}")
    return FunctionApp(wiring.function_llm("azure", env), edge, wiring.publishers("azure", env))


def rag_query(env: Mapping[str, str] | None = None) -> QueryFunctionApp:
    """RAG's endpoint as configured; raises `ConfigError` naming the variable that is wrong."""
    from serverless_ai_runtime.wiring_rag import rag_query as wired

    edge = _edge(env)
    return QueryFunctionApp(wired("azure", env), edge)


def _edge(env: Mapping[str, str] | None) -> AzureEdgeConfig:
    edge = config.from_env(AzureEdgeConfig, env)
    if edge.timeout_s <= 0:
        raise ConfigError(f"{config.variable('timeout_s')} must be more than 0, got {edge.timeout_s}")
    return edge


def _limit(edge: AzureEdgeConfig) -> RateLimit | None:
    return RateLimit(edge.requests_per_second, edge.burst) if edge.requests_per_second else None


def _begin(telemetry: Telemetry, ids: Ids) -> Invocation:
    return telemetry.begin(request_id=ids.request, trace_id=ids.trace)


def _response(reply: Reply, journal: Invocation, ids: Ids) -> Response:
    """What goes back, written down."""
    journal.note(status=reply.status)
    journal.end("request", failed=reply.status >= 500)
    headers = {"content-type": "application/json", "x-request-id": ids.request, **reply.headers}
    return Response(reply.status, headers, json.dumps(reply.body))
