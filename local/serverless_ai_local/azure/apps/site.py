"""Requests to an app: authentication as deployed, then the function whose route fits."""

from __future__ import annotations

import secrets
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any, Final

from werkzeug.wrappers import Response

from serverless_ai_local.azure import place
from serverless_ai_local.azure.apps import routes
from serverless_ai_local.azure.apps.easy_auth import EasyAuth, NotAuthenticatedError
from serverless_ai_local.azure.apps.host import APP, FunctionHost
from serverless_ai_local.azure.apps.logs import HOST
from serverless_ai_local.azure.apps.process import AppError
from serverless_ai_local.azure.calls import Call
from serverless_ai_local.azure.estate import Estate, Resource

_UNAUTHORIZED: Final = "You do not have permission to view this directory or page."


class Sites:
    """All apps' HTTP triggers."""

    def __init__(self, endpoint: str, estate: Estate, auth: EasyAuth, host: FunctionHost) -> None:
        self._endpoint, self._estate, self._auth, self._host = endpoint, estate, auth, host

    def __call__(self, call: Call) -> Response:
        app = self._estate.find(APP, call.parts[0])
        if app is None:
            return _text("404 Web Site not found.", 404)
        try:
            headers = self._auth.headers(app, call)
        except NotAuthenticatedError as error:
            self._host.log(app, HOST, f"authentication refused a request: {error}")
            return _text(_UNAUTHORIZED, 401, {"www-authenticate": f'Bearer realm="{app.name}"'})
        try:
            return self._run(app, call, headers)
        except AppError as error:
            self._host.log(app, HOST, str(error))
            return _text("Function host is not running.", 503)

    def _run(self, app: Resource, call: Call, headers: Mapping[str, str]) -> Response:
        running = self._host.running(app)
        found = routes.find(running.functions, running.host.route_prefix, call.method, call.parts[1:])
        if found is None:
            return _text("", 404)
        function, trigger, parameters = found
        if str(trigger.get("authLevel", "function")).lower() != "anonymous":
            return _text("", 401)  # the local host gives out no keys
        answer = running.invoke(
            function["name"],
            {
                "method": call.method,
                "url": place.url(self._endpoint, place.SITES, app.name) + "/" + "/".join(call.parts[1:]),
                "headers": headers,
                "params": dict(call.query),
                "route_params": parameters,
                "body": b64encode(call.body).decode(),
            },
            headers.get("traceparent") or trace_parent(),
        )
        if not answer["ok"]:
            return _text("", 500)
        result: Mapping[str, Any] = answer["result"]
        return Response(b64decode(result["body"]), result["status"], headers=result["headers"])


def trace_parent() -> str:
    """A new trace, sampled."""
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"


def _text(text: str, status: int, headers: Mapping[str, str] | None = None) -> Response:
    return Response(text, status, headers=dict(headers or {}), content_type="text/plain; charset=utf-8")
