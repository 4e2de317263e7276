"""JWT authorizers: a token of the deployed issuer, for the deployed audience, signed with one of its keys."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import jwt
from jwt.algorithms import RSAAlgorithm

from serverless_ai_local.gateway.deployed import JwtAuthorizer
from serverless_ai_local.plain import is_list

ALGORITHMS: Final = ("RS256", "RS384", "RS512")
"""API Gateway takes RSA signatures only (HTTP API developer guide, 2026-11)."""
CACHE_S: Final = 7200.0
"""API Gateway may keep an issuer's keys for two hours (same page)."""
REFRESH_S: Final = 1.0
"""An unknown key id makes the keys be read again, but not more often than this."""
FETCH_S: Final = 3.0
MAX_DOCUMENT: Final = 1024 * 1024
Fetch = Callable[[str], Mapping[str, Any]]


class TokenError(Exception):
    """The token is not accepted; the text is the `error_description` that the caller gets."""

    def __init__(self, description: str, *, error: str = "invalid_token") -> None:
        super().__init__(description)
        self.error = error


class JwtVerifier:
    """Verifies tokens; keeps the keys of each issuer for a while."""

    def __init__(self, fetch: Fetch | None = None, clock: Callable[[], float] = time.time) -> None:
        self._fetch, self._clock = fetch or fetch_json, clock
        self._keys: dict[str, tuple[float, Mapping[str, Any]]] = {}
        self._lock = threading.Lock()

    def verify(self, token: str, authorizer: JwtAuthorizer, scopes: Sequence[str]) -> dict[str, Any]:
        """The token's claims. Raises `TokenError` saying what is wrong with it."""
        try:
            header = jwt.get_unverified_header(token)
        except jwt.InvalidTokenError:
            raise TokenError("the token is not a JSON Web Token") from None
        if header.get("alg") not in ALGORITHMS:
            raise TokenError(f"signing method {header.get('alg')} is invalid")
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                self._key(authorizer.issuer, str(header.get("kid", ""))),
                algorithms=list(ALGORITHMS),
                # The claims are checked below, by this object's clock and in API Gateway's order.
                options={"verify_exp": False, "verify_nbf": False, "verify_iat": False, "verify_aud": False,
                         "verify_iss": False, "verify_sub": False, "verify_jti": False},
            )  # fmt: skip
        except jwt.InvalidTokenError:
            raise TokenError("the token's signature is invalid") from None
        self._check_times(claims)
        _check_parties(claims, authorizer)
        granted = granted_scopes(claims)
        if scopes and not set(scopes) & set(granted):
            raise TokenError("the token has none of the required scopes", error="insufficient_scope")
        return claims

    def _check_times(self, claims: Mapping[str, Any]) -> None:
        now = self._clock()
        expires = _number(claims, "exp")
        if expires is None:
            raise TokenError("the token has no expiration")
        if expires <= now:
            raise TokenError("the token has expired")
        for name in ("nbf", "iat"):
            moment = _number(claims, name)
            if moment is not None and moment > now + 1:
                raise TokenError("the token is not valid yet")

    def _key(self, issuer: str, key_id: str) -> Any:
        if not key_id:
            raise TokenError("the token has no key id")
        with self._lock:
            read_at, keys = self._keys.get(issuer, (float("-inf"), {}))
            age = self._clock() - read_at
            if age > CACHE_S or (key_id not in keys and age > REFRESH_S):
                keys = self._read_keys(issuer)
                self._keys[issuer] = (self._clock(), keys)
        if key_id not in keys:
            raise TokenError("the token's key id is not one of the issuer's")
        return keys[key_id]

    def _read_keys(self, issuer: str) -> Mapping[str, Any]:
        try:
            discovery = self._fetch(issuer.rstrip("/") + "/.well-known/openid-configuration")
            found = self._fetch(str(discovery["jwks_uri"]))["keys"]
            return {
                str(key["kid"]): RSAAlgorithm.from_jwk(key)
                for key in found
                if key.get("kty") == "RSA" and key.get("kid") and key.get("use", "sig") == "sig"
            }
        except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError, jwt.PyJWTError) as error:
            raise TokenError(f"the keys of the issuer cannot be read: {error}") from error


def granted_scopes(claims: Mapping[str, Any]) -> list[str]:
    """Scopes of the token: `scope` or `scp`, a list or words in one text."""
    value = claims.get("scope", claims.get("scp", ""))
    return [str(one) for one in value] if is_list(value) else str(value).split()


def claim_text(value: Any) -> str:
    """A claim as the function gets it: always a text, a list as `[a b]`."""
    if isinstance(value, bool):
        return str(value).lower()
    if is_list(value):
        return "[" + " ".join(map(claim_text, value)) + "]"
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def fetch_json(url: str) -> Mapping[str, Any]:
    """GET a JSON object, within `FETCH_S`. Raises OSError, HTTPException or ValueError."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{url!r} is not an http(s) URL")
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname, parts.port, timeout=FETCH_S)
    try:
        connection.request("GET", parts.path + (f"?{parts.query}" if parts.query else ""))
        response = connection.getresponse()
        if response.status != 200:
            raise ValueError(f"{url} answered {response.status}")
        return json.loads(response.read(MAX_DOCUMENT))
    finally:
        connection.close()


def _check_parties(claims: Mapping[str, Any], authorizer: JwtAuthorizer) -> None:
    if claims.get("iss") != authorizer.issuer:
        raise TokenError("the token's issuer is not the deployed one")
    # client_id counts only where there is no aud.
    named = claims["aud"] if "aud" in claims else claims.get("client_id")
    audiences = [str(one) for one in named] if is_list(named) else [str(named)]
    if not set(audiences) & set(authorizer.audience):
        raise TokenError("the token is for another audience")


def _number(claims: Mapping[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TokenError(f"the claim {name} is not a number")
    return float(value)
