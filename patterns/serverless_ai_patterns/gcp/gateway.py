"""The API Gateway document of a pattern whose callers have bearer tokens of an issuer of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from serverless_ai_patterns.function_llm import Jwt

REPLY_S: Final = 1
"""Added to the function's timeout before the gateway gives up (its own default is 15 s, its most 600 s)."""


def openapi(
    title: str,
    *,
    method: str,
    paths: Sequence[str],
    backend: str,
    auth: Jwt,
    timeout_s: int,
    jwks_uri: str | None,
) -> dict[str, Any]:
    """A route for each of `paths` to `backend`, the URL of a function that the gateway calls as its account.

    Without `jwks_uri` the issuer's keys are found through its OpenID discovery document. There is no quota:
    those of API Gateway count by the project of an API key and by the minute, and callers here have no key.
    Raises ValueError for an audience that the document cannot hold. Source of the extensions, read 2026-11:
    https://cloud.google.com/endpoints/docs/openapi/openapi-extensions
    """
    return {
        "swagger": "2.0",
        "info": {"title": title, "version": "1"},
        "schemes": ["https"],
        "consumes": ["application/json"],
        "produces": ["application/json"],
        "securityDefinitions": {"jwt": _security(auth, jwks_uri)},
        "paths": {path: {method.lower(): _route(path, backend, timeout_s)} for path in paths},
    }


def _route(path: str, backend: str, timeout_s: int) -> dict[str, Any]:
    return {
        "operationId": path.strip("/"),
        "security": [{"jwt": []}],
        "x-google-backend": {
            "address": backend,
            "jwt_audience": backend,
            "path_translation": "APPEND_PATH_TO_ADDRESS",
            "deadline": float(timeout_s + REPLY_S),
        },
        "responses": {"200": {"description": "The answer"}},
    }


def check_audiences(auth: Jwt) -> None:
    """Raise ValueError for an audience that the document cannot hold."""
    for audience in auth.audience:
        if "," in audience:
            raise ValueError(
                f"auth.audience must hold no comma, by which API Gateway separates; got {audience!r}"
            )


def _security(auth: Jwt, jwks_uri: str | None) -> dict[str, Any]:
    check_audiences(auth)
    keys = {} if jwks_uri is None else {"x-google-jwks_uri": jwks_uri}
    return {
        "type": "oauth2",
        "flow": "implicit",
        "authorizationUrl": "",
        "x-google-issuer": auth.issuer,
        "x-google-audiences": ",".join(auth.audience),
        **keys,
    }
