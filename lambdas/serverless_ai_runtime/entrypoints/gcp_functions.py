"""Requests to a function on Cloud Run -> cores -> responses, in plain values: `root/gcp` speaks to the host.

Callers and Pub/Sub come the same way: Cloud Run lets in whoever may invoke the function, and the function
tells one from the other by the account that Cloud Run has checked. Pub/Sub moves an event that failed too
often to the dead-letter topic without the reason why. The handler is therefore quicker: it publishes the
event there itself, with its reason, when the last delivery fails; only if it cannot, Pub/Sub does.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Final, cast

from serverless_ai_runtime import config, wiring
from serverless_ai_runtime.adapters.gcp.callers import account, caller
from serverless_ai_runtime.adapters.gcp.requests import TRACE, ForbiddenError, Request, Response, trace
from serverless_ai_runtime.config import ConfigError, FunctionLlmConfig, GcpEdgeConfig
from serverless_ai_runtime.core.ports import Deadline, Publisher
from serverless_ai_runtime.core.replies import Rejection, Reply, failure
from serverless_ai_runtime.core.requests import Caller
from serverless_ai_runtime.edge import UnknownEventError, reply_deadline
from serverless_ai_runtime.rate_limit import RateLimit
from serverless_ai_runtime.telemetry import Invocation

if TYPE_CHECKING:
    from serverless_ai_runtime.adapters.gcp.events import Delivery
    from serverless_ai_runtime.wiring_rag import QueryApp

CHAT: Final = "/chat"
EVENTS: Final = "/events"
METHOD: Final = "POST"

BURIAL_S: Final = 3.0
BURIAL_SHARE: Final = 0.2
"""Time kept on the last delivery for the dead letter: the smaller of three seconds and a fifth of all."""

_DONE: Final = Reply(200, {}, {})
_BURIED: Final = Reply(200, {"dead_letter": True}, {})


class Function:
    """Function + LLM as an HTTP function: a route for callers, and one for Pub/Sub if there are events."""

    def __init__(
        self, app: wiring.App, edge: GcpEdgeConfig, project: str, dead_letters: Publisher | None
    ) -> None:
        self._app, self._edge, self._project, self._dead_letters = app, edge, project, dead_letters
        self._limit = RateLimit(edge.requests_per_second, edge.burst) if edge.requests_per_second else None
        self._routes = {CHAT: self._chat} | ({EVENTS: self._event} if edge.deliverer else {})

    def handle(self, request: Request) -> Response:
        """Answer a request. What fails for an event is answered so that Pub/Sub delivers it again."""
        deadline = reply_deadline(self._edge.timeout_s)
        telemetry = self._app.telemetry
        request_id = telemetry.world.token()
        journal = telemetry.begin(request_id=request_id, **{TRACE: trace(request.headers, self._project)})
        reply = self._reply(request, deadline, journal)
        journal.note(status=reply.status)
        kind = "event" if request.path == EVENTS else "request"
        journal.end(kind, failed=reply.status >= 500 or reply is _BURIED)
        headers = {"content-type": "application/json", "x-request-id": request_id, **reply.headers}
        return Response(json.dumps(reply.body), reply.status, headers)

    def _reply(self, request: Request, deadline: Deadline, journal: Invocation) -> Reply:
        route = self._routes.get(request.path)
        if route is None:
            return _error(404, "not_found", f"there is nothing at this path; allowed: {METHOD} {CHAT}")
        if request.method != METHOD:
            return _error(405, "method_not_allowed", f"the method must be {METHOD}", allow=METHOD)
        try:
            return route(request, deadline, journal)
        except Rejection as error:
            journal.note(error=error.code)
            return failure(error)

    def _chat(self, request: Request, deadline: Deadline, journal: Invocation) -> Reply:
        if self._is_delivery(request):
            raise ForbiddenError
        who = caller(request.headers, self._edge.gateway).id
        if self._limit:
            self._limit.admit()
        return self._app.core.chat(request.body, who, deadline, journal)

    def _event(self, request: Request, deadline: Deadline, journal: Invocation) -> Reply:
        if not self._is_delivery(request):
            raise ForbiddenError
        from serverless_ai_runtime.adapters.gcp.events import parse

        try:
            delivery = parse(request.body)
        except UnknownEventError as error:
            journal.note(error=type(error).__name__, cause=str(error))
            return _error(400, "unknown_event", str(error))
        journal.note(correlation_id=delivery.id, deliveries=delivery.attempt)
        last = self._dead_letters is not None and delivery.attempt >= self._edge.max_deliveries
        kept_s = min(BURIAL_S, BURIAL_SHARE * deadline.remaining()) if last else 0.0
        try:
            self._app.core.generate(delivery.id, delivery.message(), deadline.minus(kept_s), journal)
        except Exception as error:
            journal.note(error=type(error).__name__, cause=str(error))
            if last and self._bury(delivery, error, deadline, journal):
                return _BURIED
            return _error(500, "event_failed", "the event failed; the function's log has the cause")
        return _DONE

    def _is_delivery(self, request: Request) -> bool:
        """Whether Pub/Sub pushes it; raises `UnauthenticatedError`."""
        return account(request.headers).subject == self._edge.deliverer

    def _bury(self, delivery: Delivery, error: Exception, deadline: Deadline, journal: Invocation) -> bool:
        """Publish an event that failed too often as a dead letter; whether that went well."""
        letter = {
            "reason": f"{type(error).__name__}: {error}",
            "attempts": delivery.attempt,
            "payload": delivery.data,
            "id": delivery.id,
            "attributes": delivery.attributes,
        }
        try:
            cast("Publisher", self._dead_letters).publish(letter, deadline)
        except Exception as failed:
            journal.warn("dead letter not sent; Pub/Sub moves the event without its reason", cause=failed)
            return False
        journal.note(dead_letter=True)
        return True


class QueryFunction:
    """RAG's endpoint as an HTTP function."""

    def __init__(self, app: QueryApp, edge: GcpEdgeConfig, project: str) -> None:
        self._app, self._edge, self._project = app, edge, project
        self._limit = RateLimit(edge.requests_per_second, edge.burst) if edge.requests_per_second else None
        from serverless_ai_runtime.core.rag.endpoint import ASK  # of this function's zip only

        self._routes = {**app.core.routes(), ASK: app.core.ask_or_stream}

    def handle(self, request: Request) -> Response:
        """Answer a request."""
        deadline = reply_deadline(self._edge.timeout_s)
        telemetry = self._app.telemetry
        request_id = telemetry.world.token()
        journal = telemetry.begin(request_id=request_id, **{TRACE: trace(request.headers, self._project)})
        reply = self._reply(request, deadline, journal)
        if not isinstance(reply, Reply):
            headers = {"content-type": "text/event-stream", "cache-control": "no-store"}
            return Response(_to_the_end(reply, journal), 200, {**headers, "x-request-id": request_id})
        journal.note(status=reply.status)
        journal.end("request", failed=reply.status >= 500)
        headers = {"content-type": "application/json", "x-request-id": request_id, **reply.headers}
        return Response(json.dumps(reply.body), reply.status, headers)

    def _reply(self, request: Request, deadline: Deadline, journal: Invocation) -> Reply | Iterator[str]:
        route = self._routes.get(request.path)
        if route is None:
            allowed = ", ".join(f"{METHOD} {path}" for path in self._routes)
            return _error(404, "not_found", f"there is nothing at this path; allowed: {allowed}")
        if request.method != METHOD:
            return _error(405, "method_not_allowed", f"the method must be {METHOD}", allow=METHOD)
        try:
            who = caller(request.headers, self._edge.gateway)
            if self._limit:
                self._limit.admit()
        except Rejection as error:
            journal.note(error=error.code)
            return failure(error)
        return route(request.body, Caller(who.id, who.claims), deadline, journal)


def _to_the_end(events: Iterator[str], journal: Invocation) -> Iterator[str]:
    """Events of an answer, whose invocation ends with them, or when nobody reads them any more."""
    with closing(cast("Generator[str]", events)):
        try:
            yield from events
        finally:
            journal.note(status=200)
            journal.end("request")


def rag_query(env: Mapping[str, str] | None = None) -> QueryFunction:
    """RAG's endpoint as configured; raises `ConfigError` naming the variable that is wrong."""
    from serverless_ai_runtime.wiring_rag import rag_query as wired

    edge = config.from_env(GcpEdgeConfig, env)
    if edge.timeout_s <= 0:
        raise ConfigError(f"{config.variable('timeout_s')} must be more than 0, got {edge.timeout_s}")
    app = wired("gcp", env)
    return QueryFunction(app, edge, app.settings.model_endpoint.split("/")[1])


def function_llm(env: Mapping[str, str] | None = None) -> Function:
    """Function + LLM as configured; raises `ConfigError` naming the variable that is wrong."""
    edge = config.from_env(GcpEdgeConfig, env)
    for field in ("timeout_s", "max_deliveries"):
        if getattr(edge, field) <= 0:
            raise ConfigError(f"{config.variable(field)} must be more than 0, got {getattr(edge, field)}")
    app = wiring.function_llm("gcp", env)
    project = config.from_env(FunctionLlmConfig, env).model_endpoint.split("/")[1]
    dead_letters = None
    if edge.dead_letters:
        topic = config.gcp_name("dead_letters", edge.dead_letters, "projects", "topics")
        dead_letters = wiring.publishers("gcp", env)(topic)
    return Function(app, edge, project, dead_letters)


def _error(status: int, code: str, message: str, **headers: str) -> Reply:
    return Reply(status, {"error": {"code": code, "message": message}}, headers)
