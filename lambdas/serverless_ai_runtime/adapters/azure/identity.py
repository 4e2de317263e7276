"""Tokens of the app's managed identity, from the endpoint that App Service offers inside the app."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from threading import Lock
from typing import Any, Final, NamedTuple, cast
from urllib.parse import urlencode, urlsplit

from serverless_ai_runtime.config import AzureConfig
from serverless_ai_runtime.core.ports import Deadline, ServiceError, TimedOut, Unavailable, World
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


class _Token(NamedTuple):
    text: str
    wall_end: float
    steady_end: float
    """Two clocks, because each misleads: the wall clock is set back and forth, the steady one stands still
    while the machine sleeps. The token is good while both say so."""


class Tokens:
    """One token a resource, shared by all threads of a process; concurrent callers wait for one request."""

    def __init__(
        self,
        http: HttpClient,
        world: World,
        settings: Callable[[], AzureConfig],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._http, self._world, self._settings, self._clock = http, world, settings, clock
        self._kept: dict[str, _Token] = {}
        self._locks: dict[str, Lock] = {}

    def get(self, resource: str, deadline: Deadline) -> str:
        """A token for `resource` (a URL without `/.default`); raises `ServiceError`."""
        token = self._good(resource)
        if token is not None:
            return token
        lock = self._locks.setdefault(resource, Lock())
        if not lock.acquire(timeout=deadline.remaining()):
            raise TimedOut(_SERVICE, _OPERATION, 0, "TimedOut", "another call for this token takes too long")
        try:
            return self._good(resource) or self._fetch(resource, deadline)
        finally:
            lock.release()

    def drop(self, resource: str, token: str) -> None:
        """Forget `token`, which the service behind `resource` did not take; not a newer one."""
        kept = self._kept.get(resource)
        if kept is not None and kept.text == token:
            self._kept.pop(resource, None)

    def _good(self, resource: str) -> str | None:
        token = self._kept.get(resource)
        if token is None or self._world.now() >= token.wall_end or self._clock() >= token.steady_end:
            return None
        return token.text

    def _fetch(self, resource: str, deadline: Deadline) -> str:
        endpoint, secret, client_id = self._settings()
        query = urlencode({"resource": resource, "api-version": _API_VERSION, "client_id": client_id})
        headers = {"host": urlsplit(endpoint).netloc, "x-identity-header": secret}
        request = Request(_SERVICE, _OPERATION, "GET", f"{endpoint}?{query}", b"", lambda: headers, ATTEMPT_S)
        text, expires_on = _parsed(self._http.send(request, _judge, deadline))
        now = self._world.now()
        lifetime = min(MOST_S, max(LEAST_S, expires_on - now - MARGIN_S))
        self._kept[resource] = _Token(text, now + lifetime, self._clock() + lifetime)
        return text


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
