"""Access tokens of the function's service account, from the metadata server of its instance."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from math import isfinite
from typing import Final
from urllib.parse import urlsplit

from serverless_ai_runtime.adapters.tokens import Token, TokenCache
from serverless_ai_runtime.core.ports import Deadline, ServiceError, Unavailable, World
from serverless_ai_runtime.http import HttpClient, Request, Response

SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"
"""What every token of the instance is for; IAM decides what it allows."""
MARGIN_S: Final = 225.0
"""A token is replaced this long before it expires, as Google's own library does (3 min 45 s): any sooner, and
the metadata server, which has a cache too, would hand out the same one again."""
ATTEMPT_S: Final = 3.0

_SERVICE: Final = "Metadata"
_OPERATION: Final = "GetToken"
_PATH: Final = "/computeMetadata/v1/instance/service-accounts/default/token"


def metadata_tokens(
    http: HttpClient, world: World, url: str, clock: Callable[[], float] = time.monotonic
) -> TokenCache:
    """Tokens from the metadata server at `url`, of a narrower scope than `SCOPE` where one is asked for."""
    headers = {"host": urlsplit(url).netloc, "metadata-flavor": "Google"}
    request = Request(_SERVICE, _OPERATION, "GET", url + _PATH, b"", lambda: headers, ATTEMPT_S)

    def fetch(scope: str, deadline: Deadline) -> Token:
        narrow = request if scope == SCOPE else request._replace(url=f"{request.url}?scopes={scope}")
        return _token(http.send(narrow, _judge, deadline))

    return TokenCache(_SERVICE, fetch, world.now, clock)


def metadata_email(http: HttpClient, url: str) -> Callable[[Deadline], str]:
    """Asks the metadata server at `url` which account the function runs as."""
    headers = {"host": urlsplit(url).netloc, "metadata-flavor": "Google"}
    path = _PATH.removesuffix("token") + "email"
    request = Request(_SERVICE, "GetEmail", "GET", url + path, b"", lambda: headers, ATTEMPT_S)

    def ask(deadline: Deadline) -> str:
        return http.send(request, _judge, deadline).body.decode("utf-8", "replace").strip()

    return ask


def _judge(response: Response) -> ServiceError | None:
    if response.status < 300:
        return None
    from serverless_ai_runtime.adapters.gcp.errors import decode

    return decode(_SERVICE, _OPERATION, response)


def _token(response: Response) -> Token:
    """How long it lives is told in seconds from now, so that no clock can be wrong about it."""
    try:
        body = json.loads(response.body)
        text, expires_in = body["access_token"], float(body["expires_in"])
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        text, expires_in = "", 0.0
    if not isinstance(text, str) or not text or not isfinite(expires_in) or expires_in <= 0:
        what = "there is no access_token with its expires_in"
        raise Unavailable(_SERVICE, _OPERATION, response.status, "MalformedResponse", what)
    return Token(text, expires_in - min(MARGIN_S, expires_in / 2))
