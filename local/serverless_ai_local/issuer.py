"""A small OIDC issuer, so that endpoints with a JWT authorizer can be tried without an identity provider.

It gives a token for any subject to whoever asks: for this machine only.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from serverless_ai_local.admin import AdminRoutes
from serverless_ai_local.plain import is_mapping

PATH: Final = "/_local/issuer"
KEY_ID: Final = "local-1"
DEFAULT_LIFETIME_S: Final = 3600
MAX_LIFETIME_S: Final = 365 * 24 * 3600
_RESERVED: Final = ("iss", "sub", "aud", "iat", "exp")
_WISHES: Final = ("sub", "aud", "lifetime_s", "claims")


class TokenWishError(ValueError):
    """A token cannot be made from what was asked; the text names the field."""


class Issuer:
    """Signs tokens with a key of this process; the key is made when it is first needed."""

    def __init__(self, url: str, clock: Callable[[], float] = time.time, *, path: str = PATH) -> None:
        """`url` and `path` together are what its tokens say of themselves: `iss`."""
        self.issuer = url + path
        self._clock = clock
        self._key: rsa.RSAPrivateKey | None = None
        self._lock = threading.Lock()

    def routes(self) -> AdminRoutes:
        """Its endpoints, as part of the admin API."""
        return {
            ("GET", "issuer/.well-known/openid-configuration"): lambda call: self.configuration(),
            ("GET", "issuer/jwks"): lambda call: self.keys(),
            ("POST", "issuer/token"): lambda call: self.token(call.body),
        }

    def configuration(self) -> dict[str, Any]:
        """The discovery document."""
        return {
            "issuer": self.issuer,
            "jwks_uri": f"{self.issuer}/jwks",
            "token_endpoint": f"{self.issuer}/token",
            "response_types_supported": ["token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }

    def keys(self) -> dict[str, Any]:
        """The key set."""
        public: dict[str, Any] = RSAAlgorithm.to_jwk(self._signing_key().public_key(), as_dict=True)
        return {"keys": [{**public, "kid": KEY_ID, "use": "sig", "alg": "RS256"}]}

    def token(self, wish: object) -> dict[str, Any]:
        """A signed token: `sub` and `aud`, and if wanted `lifetime_s` (negative: expired) and other `claims`.

        Raises `TokenWishError` naming the field that is wrong.
        """
        fields = _fields(wish)
        lifetime, claims = fields.get("lifetime_s", DEFAULT_LIFETIME_S), fields.get("claims", {})
        now = int(self._clock())
        issued = now + min(int(lifetime), 0)
        content = {"iss": self.issuer, "sub": fields["sub"], "aud": fields["aud"], "iat": issued}
        content |= {"exp": now + int(lifetime), **claims}
        token = jwt.encode(content, self._signing_key(), algorithm="RS256", headers={"kid": KEY_ID})
        return {"access_token": token, "token_type": "Bearer", "expires_in": lifetime}

    def _signing_key(self) -> rsa.RSAPrivateKey:
        with self._lock:
            if self._key is None:
                self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
            return self._key


def _fields(wish: object) -> Mapping[str, Any]:
    if not is_mapping(wish):
        raise TokenWishError(f"a token is asked for with an object of {', '.join(_WISHES)}")
    for name in wish:
        if name not in _WISHES:
            raise TokenWishError(f"{name!r} is not known; a token takes {', '.join(_WISHES)}")
    if not isinstance(wish.get("sub"), str) or not wish["sub"]:
        raise TokenWishError("sub must be a non-empty text")
    audience = wish.get("aud")
    if not isinstance(audience, str | list) or not audience:
        raise TokenWishError("aud must be a text or a list of texts")
    lifetime = wish.get("lifetime_s", DEFAULT_LIFETIME_S)
    if isinstance(lifetime, bool) or not isinstance(lifetime, int | float) or abs(lifetime) > MAX_LIFETIME_S:
        raise TokenWishError(f"lifetime_s must be a number of seconds within a year, got {lifetime!r}")
    claims = wish.get("claims", {})
    if not is_mapping(claims) or any(name in _RESERVED for name in claims):
        raise TokenWishError(f"claims must be an object without {', '.join(_RESERVED)}")
    return wish
