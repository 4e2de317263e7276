"""Entra ID of the local tenant: real signed tokens for people, whoever deploys, and managed identities.

It gives anyone on this machine a token for any user: for this machine only.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from serverless_ai_local.azure.place import ADMINISTRATOR, TENANT
from serverless_ai_local.gateway.jwt_authorizer import fetch_json

LOGIN: Final = "https://login.microsoftonline.com"
V2: Final = f"{LOGIN}/{TENANT}/v2.0"
V1: Final = f"https://sts.windows.net/{TENANT}/"
"""Issuer of the tokens for Azure's own services."""
KEY_ID: Final = "local-entra-1"
LIFETIME_S: Final = 3600
_CONFIGURATION: Final = "/.well-known/openid-configuration"
_KEYS: Final = f"{LOGIN}/{TENANT}/discovery/v2.0/keys"
_SPACE: Final = uuid.UUID(TENANT)


class InvalidTokenError(Exception):
    """The token is not accepted; the text says why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Principal:
    """Who calls. `name` is what the permission checks are listed under; empty for a user."""

    oid: str
    name: str = ""


class Entra:
    """One tenant; its key is made when it is first needed."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._key: rsa.RSAPrivateKey | None = None
        self._lock = threading.Lock()

    def user_token(
        self, subject: str, audience: str, *, lifetime_s: float = LIFETIME_S, version: int = 2
    ) -> str:
        """A token of a person of the tenant for an app registration."""
        claims = {"sub": subject, "oid": str(uuid.uuid5(_SPACE, subject)), "name": subject}
        return self._signed(V2 if version == 2 else V1, audience, claims, f"{version}.0", lifetime_s)

    def identity_token(self, resource: str, *, oid: str, client_id: str, resource_id: str) -> tuple[str, int]:
        """A managed identity's token for a service, and Unix seconds of its end."""
        claims = {"sub": oid, "oid": oid, "appid": client_id, "idtyp": "app", "xms_mirid": resource_id}
        token = self._signed(V1, resource, claims, "1.0", LIFETIME_S)
        return token, int(self._clock()) + LIFETIME_S

    def principal_token(self, oid: str, resource: str, *, lifetime_s: float = LIFETIME_S) -> str:
        """A token for a service of Azure, of whoever has this object id."""
        return self._signed(V1, resource, {"sub": oid, "oid": oid}, "1.0", lifetime_s)

    def administrator_token(self, resource: str) -> str:
        """A token of whoever deploys."""
        return self.principal_token(ADMINISTRATOR, resource)

    def verify(self, token: str, audiences: Sequence[str]) -> Mapping[str, Any]:
        """The claims of a token for a service of Azure. Raises `InvalidTokenError`."""
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                self._signing_key().public_key(),
                algorithms=["RS256"],
                options={"require": ["exp", "aud", "iss", "oid"], "verify_aud": False, "verify_exp": False,
                         "verify_nbf": False, "verify_iat": False},
            )  # fmt: skip
        except jwt.InvalidTokenError as error:
            raise InvalidTokenError(f"the token is invalid: {error}") from None
        if claims["iss"] not in (V1, V2):
            raise InvalidTokenError("the token's issuer is not the tenant")
        if claims["exp"] <= self._clock():
            raise InvalidTokenError("the token has expired")
        if str(claims["aud"]).rstrip("/") not in {one.rstrip("/") for one in audiences}:
            raise InvalidTokenError(f"the token is for {claims['aud']} and not for this service")
        return claims

    def fetch(self, url: str) -> Mapping[str, Any]:
        """GET a JSON object as the platform does: the tenant's own documents are here, others are fetched."""
        if url.startswith((LOGIN, V1)):
            if url in (V2 + _CONFIGURATION, V1.rstrip("/") + _CONFIGURATION):
                return {"issuer": V2 if url.startswith(LOGIN) else V1, "jwks_uri": _KEYS}
            if url == _KEYS:
                return self.keys()
            raise ValueError(f"{url}: the local Entra has one tenant, {TENANT}")
        return fetch_json(url)

    def keys(self) -> dict[str, Any]:
        """The tenant's key set."""
        public: dict[str, Any] = RSAAlgorithm.to_jwk(self._signing_key().public_key(), as_dict=True)
        return {"keys": [{**public, "kid": KEY_ID, "use": "sig"}]}

    def _signed(
        self, issuer: str, audience: str, claims: Mapping[str, Any], version: str, lifetime_s: float
    ) -> str:
        now = int(self._clock())
        begin = now + min(int(lifetime_s), 0)
        content = {"iss": issuer, "aud": audience, "iat": begin, "nbf": begin, "exp": now + int(lifetime_s)}
        content |= {"tid": TENANT, "ver": version, **claims}
        return jwt.encode(content, self._signing_key(), algorithm="RS256", headers={"kid": KEY_ID})

    def _signing_key(self) -> rsa.RSAPrivateKey:
        with self._lock:
            if self._key is None:
                self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
            return self._key
