"""Who calls, from the headers in which Cloud Run and API Gateway say so.

No signature is checked here. Cloud Run has done it and takes it out of the token: a function must never be
deployed open to everyone.
"""

from __future__ import annotations

import json
from binascii import a2b_base64
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from serverless_ai_runtime.edge import UnauthenticatedError

USERINFO: Final = "x-apigateway-api-userinfo"
"""Claims of the token that the gateway has checked; it replaces what its own caller wrote there."""

# In this order: Cloud Run checks the first one that is there, so that in a request with both the second
# holds whatever the caller likes.
_AUTHORIZATION: Final = ("x-serverless-authorization", "authorization")
_NEEDED: Final = "an ID token with the claims iss and sub"


class Identity(NamedTuple):
    issuer: str
    subject: str
    claims: Mapping[str, Any]

    @property
    def id(self) -> str:
        """Issuer and subject."""
        return f"{self.issuer}|{self.subject}"


def account(headers: Mapping[str, str]) -> Identity:
    """The account whose ID token Cloud Run has checked; raises `UnauthenticatedError`.

    `headers` by their names in lower case.
    """
    header = next((headers[name] for name in _AUTHORIZATION if name in headers), "")
    scheme, _, token = header.partition(" ")
    parts = token.split(".")
    if scheme.lower() != "bearer" or len(parts) != 3:
        raise UnauthenticatedError(_NEEDED)
    return _identity(parts[1])


def caller(headers: Mapping[str, str], gateway: str) -> Identity:
    """Who asks, be it through the gateway, whose account has the subject `gateway`."""
    who = account(headers)
    return _identity(headers.get(USERINFO, "")) if who.subject == gateway else who


def _identity(claims: str) -> Identity:
    """From claims as JSON in base64url; raises `UnauthenticatedError`."""
    text = claims.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        found = json.loads(a2b_base64(text + "=" * (-len(text) % 4), strict_mode=True))
        issuer, subject = found["iss"], found["sub"]
    except (ValueError, TypeError, LookupError, RecursionError):
        raise UnauthenticatedError(_NEEDED) from None
    if not (isinstance(issuer, str) and isinstance(subject, str) and issuer and subject):
        raise UnauthenticatedError(_NEEDED)
    return Identity(issuer, subject, found)
