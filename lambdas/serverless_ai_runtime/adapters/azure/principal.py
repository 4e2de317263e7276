"""Who calls, from the header in which App Service's authentication says so."""

from __future__ import annotations

import json
from binascii import a2b_base64
from collections.abc import Mapping
from typing import Final

from serverless_ai_runtime.core.requests import Caller
from serverless_ai_runtime.edge import UnauthenticatedError

HEADER: Final = "x-ms-client-principal"
"""App Service takes it out of requests from outside, but only while its authentication is on: an app must
never be deployed without."""

# Claims come under their own names or under those that .NET gives them.
_ISSUER: Final = ("iss",)
_SUBJECT: Final = ("sub", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier")
_OBJECT: Final = ("oid", "http://schemas.microsoft.com/identity/claims/objectidentifier")


_NAMES: Final[Mapping[str, str]] = {
    **{dotnet: short for short, dotnet in (_SUBJECT, _OBJECT)},
    "http://schemas.microsoft.com/identity/claims/tenantid": "tid",
    "http://schemas.microsoft.com/identity/claims/scope": "scp",
    "http://schemas.microsoft.com/ws/2008/06/identity/claims/role": "roles",
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress": "email",
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn": "upn",
}
"""Names of .NET -> those of the token (Microsoft.IdentityModel.JsonWebTokens, ClaimTypeMapping)."""


def caller(header: str) -> str:
    """Issuer and subject of the caller; the object id of an Entra principal whose token has no subject.

    Raises `UnauthenticatedError` for anything else, a claim with two different values included.
    """
    return _id(_claims(header))


def caller_with_claims(header: str) -> Caller:
    """The same, and what the token says of the caller by the claims' own names.

    A claim of several values is a list of them, whatever the token wrote them as. Raises as `caller`.
    """
    claims = _claims(header)
    values: dict[str, list[str]] = {}
    for kind, value in claims:
        values.setdefault(_NAMES.get(kind, kind), []).append(value)
    return Caller(_id(claims), {name: all_[0] if len(all_) == 1 else all_ for name, all_ in values.items()})


def _id(claims: list[tuple[str, str]]) -> str:
    issuer = _one(claims, _ISSUER)
    subject = _one(claims, _SUBJECT) or _one(claims, _OBJECT)
    if not issuer or not subject:
        raise UnauthenticatedError("a principal of App Service, with the claims iss and sub,")
    return f"{issuer}|{subject}"


def _claims(header: str) -> list[tuple[str, str]]:
    """Type and value of each claim; none at all if the header is not what App Service writes."""
    try:
        principal = json.loads(a2b_base64(header, strict_mode=True))
        claims = [(claim["typ"], claim["val"]) for claim in principal["claims"]]
    except (ValueError, TypeError, KeyError, RecursionError):
        return []
    return [(kind, value) for kind, value in claims if isinstance(kind, str) and isinstance(value, str)]


def _one(claims: list[tuple[str, str]], names: tuple[str, ...]) -> str:
    """The only value of the claim that has one of these names; "" if there is none, or more than one."""
    values = {value for kind, value in claims if kind in names}
    return values.pop() if len(values) == 1 else ""
