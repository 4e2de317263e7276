"""Tokens of the app's managed identity, from the endpoint that App Service offers inside the app."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any, Final, cast
from urllib.parse import urlencode, urlsplit

from serverless_ai_runtime.adapters.tokens import Token, TokenCache
from serverless_ai_runtime.config import AzureConfig
from serverless_ai_runtime.core.ports import Deadline, ServiceError, Unavailable, World
from serverless_ai_runtime.http import HttpClient, Request, Response

MARGIN_S: Final = 300.0
"""A token is replaced this long before it expires, as Microsoft's own library does."""
LEAST_S: Final = 30.0
"""A token is kept at least this long: a clock that is ahead must not ask the endpoint before every call."""
MOST_S: Final = 86_400.0
"""A token lives a day at most; more is the doing of a clock that is behind."""
ATTEMPT_S: Final = 3.0

_SERVICE: Final = "ManagedIdentity"
_OPERATION: Final = "GetToken"
_API_VERSION: Final = "2019-08-01"


class Tokens(TokenCache):
    """Tokens by resource (a URL without `/.default`)."""

    def __init__(
        self,
        http: HttpClient,
        world: World,
        settings: Callable[[], AzureConfig],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        def fetch(resource: str, deadline: Deadline) -> Token:
            endpoint, secret, client_id = settings()
            query = urlencode({"resource": resource, "api-version": _API_VERSION, "client_id": client_id})
            headers = {"host": urlsplit(endpoint).netloc, "x-identity-header": secret}
            url = f"{endpoint}?{query}"
            request = Request(_SERVICE, _OPERATION, "GET", url, b"", lambda: headers, ATTEMPT_S)
            text, expires_on = _parsed(http.send(request, _judge, deadline))
            return Token(text, min(MOST_S, max(LEAST_S, expires_on - world.now() - MARGIN_S)))

        super().__init__(_SERVICE, fetch, world.now, clock)


def _judge(response: Response) -> ServiceError | None:
    if response.status < 300:
        return None
    from serverless_ai_runtime.adapters.azure.errors import decode

    return decode(_SERVICE, _OPERATION, response)


def _parsed(response: Response) -> tuple[str, float]:
    """Token and Unix seconds of its end."""
    try:
        body = cast("dict[str, Any]", json.loads(response.body))
        text, expires_on = body["access_token"], float(body["expires_on"])
    except (ValueError, TypeError, KeyError, RecursionError):
        text, expires_on = "", 0.0
    if not isinstance(text, str) or not text:
        what = "there is no access_token with its expires_on"
        raise Unavailable(_SERVICE, _OPERATION, response.status, "MalformedResponse", what)
    return text, expires_on
