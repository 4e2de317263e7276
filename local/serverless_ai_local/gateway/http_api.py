"""The data plane of HTTP APIs, at /_aws/execute-api/{apiId}/... or on a host {apiId}.execute-api...."""

from __future__ import annotations

import json
import re
import sys
import time
import traceback
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final, Protocol

from werkzeug.wrappers import Response

from serverless_ai_local.aws.api import ApiError, Functions, Invocation
from serverless_ai_local.aws.signatures import Sent
from serverless_ai_local.gateway import access_log, deployed, routes
from serverless_ai_local.gateway.authorisation import Authorisation
from serverless_ai_local.gateway.deployed import Api, Route, Stage
from serverless_ai_local.gateway.event import BadAnswerError, Incoming, Outgoing, event, response
from serverless_ai_local.gateway.exchange import Exchange
from serverless_ai_local.gateway.refusal import (
    Refusal,
    internal,
    not_found,
    not_offered,
    too_large,
    too_many_requests,
    unavailable,
)
from serverless_ai_local.gateway.throttle import Throttle

MAX_BODY: Final = 10 * 1024 * 1024
"""Payload limit of HTTP APIs (quotas page, 2026-11)."""
WORKERS: Final = 512
SERVICE: Final = "apigateway.amazonaws.com"
_PATH: Final = re.compile(r"/_aws/execute-api/([a-z0-9]+)(/[^?]*)?")
_HOST: Final = re.compile(r"([a-z0-9]+)\.execute-api\.", re.IGNORECASE)
Permission = Callable[[str, str], bool]
"""Whether a function (ARN) lets API Gateway invoke it for a route (source ARN)."""


class RequestMetrics(Protocol):
    """Is told of every request that reached a stage."""

    def request(
        self,
        region: str,
        *,
        api_id: str,
        stage: str,
        status: int,
        latency_ms: float,
        integration_ms: float | None,
    ) -> None: ...


class HttpApis:
    """Serves every deployed HTTP API."""

    def __init__(
        self,
        functions: Functions,
        permission: Permission,
        authorisation: Authorisation,
        metrics: RequestMetrics | None = None,
        throttle: Throttle | None = None,
    ) -> None:
        self._functions, self._permission, self._metrics = functions, permission, metrics
        self._authorisation, self._throttle = authorisation, throttle or Throttle()
        self._workers = ThreadPoolExecutor(WORKERS, thread_name_prefix="integration")

    def __call__(self, sent: Sent, source_ip: str, protocol: str) -> Response:
        """Answer a request for which `addressed` found an API."""
        api_id, path = self.addressed(sent) or ("", "/")
        api = deployed.read(api_id)
        if api is None:
            return _send(Refusal(404, f"there is no HTTP API {api_id}").outgoing(), "")
        request_id = uuid.uuid4().hex[:15] + "="
        incoming = Incoming(
            method=sent.method,
            path=path,
            query=sent.query,
            headers=sent.headers,
            body=sent.body,
            source_ip=source_ip,
            protocol=protocol,
            domain=f"{api_id}.execute-api.{api.region}.amazonaws.com",
            request_id=request_id,
            at=datetime.now(UTC),
        )
        exchange = Exchange(api, incoming, sent)
        try:
            outgoing = self._serve(exchange)
        except Refusal as refusal:
            outgoing = _refused(exchange, refusal)
        except Exception as error:
            traceback.print_exc()
            outgoing = _refused(exchange, internal(f"{type(error).__name__}: {error}"))
        if api.cors is not None and incoming.method != "OPTIONS":
            outgoing = api.cors.marked(incoming, outgoing)
        access_log.write(exchange, outgoing)
        self._count(exchange, outgoing)
        return _send(outgoing, request_id)

    @staticmethod
    def addressed(sent: Sent) -> tuple[str, str] | None:
        """Id of the API and the path in it, None for a request that is for none."""
        found = _PATH.fullmatch(sent.path)
        if found is not None:
            return found[1], found[2] or "/"
        host = next((value for name, value in sent.headers if name.lower() == "host"), "")
        named = _HOST.match(host)
        return (named[1].lower(), sent.path or "/") if named else None

    def close(self) -> None:
        """Take no more work."""
        self._workers.shutdown(wait=False, cancel_futures=True)

    def _serve(self, exchange: Exchange) -> Outgoing:
        api = exchange.api
        stage, incoming = _stage(api, exchange.incoming)
        exchange.stage, exchange.incoming = stage, incoming
        preflight = api.cors.preflight(incoming) if api.cors else None
        if preflight is not None:
            return preflight
        match = routes.find(api.routes, incoming.method, incoming.path)
        if match is None:
            raise not_found()
        exchange.route_key = match.key
        route = api.routes[match.key]
        if not self._throttle.admit(api, stage, route):
            raise too_many_requests()
        exchange.authorizer = self._authorisation.authorise(api, stage, route, incoming, exchange.sent)
        if len(incoming.body) > MAX_BODY:
            raise too_large()
        self._require_permission(api, stage, route, incoming)
        payload = event(
            incoming,
            route_key=match.key,
            path_parameters=match.parameters,
            stage=stage.name,
            stage_variables=stage.variables,
            account=api.account,
            api_id=api.id,
            authorizer=exchange.authorizer,
        )
        return self._integrate(exchange, route, json.dumps(payload).encode())

    def _count(self, exchange: Exchange, outgoing: Outgoing) -> None:
        if self._metrics is not None and exchange.stage is not None:
            self._metrics.request(
                exchange.api.region,
                api_id=exchange.api.id,
                stage=exchange.stage.name,
                status=outgoing.status,
                latency_ms=exchange.elapsed_ms(),
                integration_ms=exchange.integration_ms,
            )

    def _require_permission(self, api: Api, stage: Stage, route: Route, incoming: Incoming) -> None:
        if route.integration != "AWS_PROXY" or not route.function_arn:
            raise not_offered(f"{route.integration or 'missing'} integrations without a Lambda function")
        if route.payload_format != "2.0":
            raise not_offered(f"payload format {route.payload_format or '1.0'}")
        if route.credentials_arn:
            raise not_offered("integrations with credentials of a role")
        verb, _, path = route.key.partition(" ")
        where = f"{incoming.method if verb == routes.ANY else verb}{path}" if path else verb
        source = f"arn:aws:execute-api:{api.region}:{api.account}:{api.id}/{stage.name}/{where}"
        if not self._permission(route.function_arn, source):
            raise internal(
                f"{route.function_arn} has no permission that lets {SERVICE} invoke it for this route"
            )

    def _integrate(self, exchange: Exchange, route: Route, payload: bytes) -> Outgoing:
        started = time.monotonic()
        future = self._workers.submit(self._functions.invoke, route.function_arn, payload)
        try:
            invocation: Invocation = future.result(route.timeout_ms / 1000)
        except FutureTimeoutError:
            raise unavailable(f"no answer within the integration's {route.timeout_ms} ms") from None
        except KeyError:
            raise internal(f"there is no function {route.function_arn}") from None
        except ApiError as error:
            raise internal(str(error)) from error
        finally:
            exchange.integration_ms = (time.monotonic() - started) * 1000
        exchange.integration_status = str(invocation.status)
        if invocation.status == 429:
            raise unavailable("the function is throttled")
        if invocation.error is not None:
            raise internal(invocation.payload.decode(errors="replace"))
        try:
            return response(invocation.payload)
        except BadAnswerError as error:
            raise internal(str(error)) from error


def _stage(api: Api, incoming: Incoming) -> tuple[Stage, Incoming]:
    """The stage that a path is in: named by its first segment, else `$default`."""
    first, _, rest = incoming.path[1:].partition("/")
    if first in api.stages:
        return api.stages[first], replace(incoming, path=f"/{rest}")
    if "$default" in api.stages:
        return api.stages["$default"], incoming
    raise not_found()


def _refused(exchange: Exchange, refusal: Refusal) -> Outgoing:
    exchange.cause, exchange.message = refusal.cause or refusal.message, refusal.message
    if refusal.status >= 500:  # the caller is told nothing, and not every stage has an access log
        where = f"{exchange.api.id} {exchange.incoming.method} {exchange.incoming.path}"
        print(f"HTTP API {where}: {refusal.status}: {exchange.cause}", file=sys.stderr)  # noqa: T201
    return refusal.outgoing()


def _send(outgoing: Outgoing, request_id: str) -> Response:
    made = Response(outgoing.body, outgoing.status)
    made.headers.clear()
    for name, value in outgoing.headers:
        made.headers.add(name, value)
    made.headers["content-length"] = str(len(outgoing.body))
    made.headers["apigw-requestid"] = request_id
    return made
