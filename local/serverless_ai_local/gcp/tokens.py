"""Tokens of accounts as Google's issuer signs them, and what they prove when they come back."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from serverless_ai_local.gateway.deployed import JwtAuthorizer
from serverless_ai_local.gateway.jwt_authorizer import JwtVerifier, TokenError
from serverless_ai_local.gcp import types
from serverless_ai_local.gcp.errors import RpcError
from serverless_ai_local.gcp.iam.authority import ADMINISTRATOR, Principal
from serverless_ai_local.gcp.registry import Registry
from serverless_ai_local.gcp.resources.identities import unique_id
from serverless_ai_local.issuer import Issuer

ISSUER: Final = "https://accounts.google.com"
SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"
LIFETIME_S: Final = 3600
OWNER: Final = "owner"
"""The token that Google's own emulators take for the administrator's."""
_ACCESS: Final = "https://oauth2.googleapis.com/token"
"""Audience of an access token here; Google's are opaque."""

__all__ = ["ISSUER", "LIFETIME_S", "OWNER", "SCOPE", "GoogleTokens", "TokenError"]


class GoogleTokens:
    """Signs with keys of this process, and verifies with their public halves only."""

    def __init__(self, registry: Registry, clock: Callable[[], float] = time.time) -> None:
        self._registry = registry
        self._issuer = Issuer(ISSUER, clock, path="")
        self._verifier = JwtVerifier(self._fetch, clock)

    def access_token(self, email: str) -> str:
        """For calls of Google's services as this account."""
        return self._signed(email, _ACCESS, LIFETIME_S, {"scope": SCOPE})

    def id_token(self, email: str, audience: str, lifetime_s: int = LIFETIME_S) -> str:
        """Proof to `audience` of being this account; of a negative lifetime, one that has expired."""
        return self._signed(email, audience, lifetime_s, {"azp": unique_id(email)})

    def identity(self, token: str, *audiences: str) -> Principal:
        """Whose ID token it is; raises `TokenError`."""
        claims = self._verifier.verify(token, JwtAuthorizer(header="", issuer=ISSUER, audience=audiences), ())
        return Principal(email=str(claims.get("email", "")))

    def caller(self, authorization: str) -> Principal:
        """Whose access token the header holds; raises `RpcError`."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise RpcError("UNAUTHENTICATED", _MISSING)
        if token == OWNER:
            return ADMINISTRATOR
        try:
            who = self.identity(token, _ACCESS)
        except TokenError as error:
            raise RpcError("UNAUTHENTICATED", f"{_INVALID} (local: {error})") from error
        if who.is_account and not self.exists(who.email):
            raise RpcError("UNAUTHENTICATED", f"{_INVALID} (local: {who.email} does not exist any more)")
        return who

    def exists(self, email: str) -> bool:
        """Whether the account is deployed."""
        return any(one.id.endswith(f"/{email}") for one in self._registry.all(types.ACCOUNT))

    def jwks(self) -> dict[str, Any]:
        """The public keys."""
        return self._issuer.keys()

    def _signed(self, email: str, audience: str, lifetime_s: int, more: Mapping[str, Any]) -> str:
        claims = {"email": email, "email_verified": True, **more}
        wish = {"sub": unique_id(email), "aud": audience, "lifetime_s": lifetime_s, "claims": claims}
        return str(self._issuer.token(wish)["access_token"])

    def _fetch(self, url: str) -> Mapping[str, Any]:
        if url.endswith("/.well-known/openid-configuration"):
            return self._issuer.configuration()
        return self._issuer.keys()


_MISSING: Final = (
    "Request is missing required authentication credential. Expected OAuth 2 access token, login cookie or "
    "other valid authentication credential."
)
_INVALID: Final = (
    "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other "
    "valid authentication credential."
)
