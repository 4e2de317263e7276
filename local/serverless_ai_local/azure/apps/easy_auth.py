"""App Service's authentication, as deployed: whose token gets in, and what the app is told of the caller."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from serverless_ai_local.azure.calls import Call
from serverless_ai_local.azure.estate import Estate, Resource, part
from serverless_ai_local.gateway.deployed import JwtAuthorizer
from serverless_ai_local.gateway.jwt_authorizer import JwtVerifier, TokenError
from serverless_ai_local.plain import is_list

SETTINGS: Final = "web:WebAppAuthSettingsV2"
RESERVED: Final = "x-ms-client-principal"
"""Headers that begin with it are taken out of requests from outside."""
_NAMES: Final = {
    "sub": "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier",
    "oid": "http://schemas.microsoft.com/identity/claims/objectidentifier",
    "tid": "http://schemas.microsoft.com/identity/claims/tenantid",
}
"""Claims of Entra's tokens come under the names that .NET gives them."""


class Provider(NamedTuple):
    """An identity provider whose tokens are taken."""

    name: str
    authorizer: JwtAuthorizer
    entra: bool


class NotAuthenticatedError(Exception):
    """No token that passes; the text says why."""


class EasyAuth:
    """Checks requests before an app sees them."""

    def __init__(self, estate: Estate, verifier: JwtVerifier) -> None:
        self._estate, self._verifier = estate, verifier

    def headers(self, app: Resource, call: Call) -> dict[str, str]:
        """The headers that the app gets. Raises `NotAuthenticatedError`."""
        passed = {name: value for name, value in call.headers.items() if not name.startswith(RESERVED)}
        settings = self._estate.get(f"{app.id}/config/authsettingsV2")
        if settings is None or not settings.part("platform").get("enabled"):
            return dict(call.headers)
        required = bool(settings.part("globalValidation").get("requireAuthentication"))
        if not call.bearer:
            if required:
                raise NotAuthenticatedError("there is no bearer token")
            return passed
        provider, claims = self._verified(call.bearer, settings.inputs)
        return {**passed, **_principal(provider, claims)}

    def _verified(self, token: str, settings: Mapping[str, Any]) -> tuple[Provider, Mapping[str, Any]]:
        reasons: list[str] = []
        for provider in _providers(part(settings, "identityProviders")):
            try:
                return provider, self._verifier.verify(token, provider.authorizer, ())
            except TokenError as error:
                reasons.append(f"{provider.name}: {error}")
        raise NotAuthenticatedError("; ".join(reasons) or "no identity provider is configured")


def _providers(configured: Mapping[str, Any]) -> Iterator[Provider]:
    entra: Mapping[str, Any] = part(configured, "azureActiveDirectory")
    if entra.get("enabled"):
        registration = part(entra, "registration")
        client = str(registration.get("clientId", ""))
        listed: list[str] = part(entra, "validation").get("allowedAudiences") or []
        issuer = str(registration.get("openIdIssuer", ""))
        yield Provider("aad", _authorizer(issuer, {client, *listed}), entra=True)
        tenant = issuer.removeprefix("https://login.microsoftonline.com/").removesuffix("/v2.0")
        if tenant != issuer:  # both versions of the tenant's tokens are taken
            yield Provider(
                "aad", _authorizer(f"https://sts.windows.net/{tenant}/", {client, *listed}), entra=True
            )
    custom: Mapping[str, Any] = part(configured, "customOpenIdConnectProviders")
    for name, one in custom.items():
        registration = part(one, "registration")
        if one.get("enabled"):
            about = part(registration, "openIdConnectConfiguration")
            issuer = str(about.get("issuer", ""))
            yield Provider(name, _authorizer(issuer, {str(registration.get("clientId", ""))}), entra=False)


def _authorizer(issuer: str, audiences: set[str]) -> JwtAuthorizer:
    return JwtAuthorizer(header="authorization", issuer=issuer, audience=tuple(sorted(audiences - {""})))


def _principal(provider: Provider, claims: Mapping[str, Any]) -> dict[str, str]:
    listed = [
        {"typ": _NAMES.get(name, name) if provider.entra else name, "val": value}
        for name, given in claims.items()
        for value in _values(given)
    ]
    principal = {
        "auth_typ": provider.name,
        "claims": listed,
        "name_typ": "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name",
        "role_typ": "http://schemas.microsoft.com/ws/2008/06/identity/claims/role",
    }
    return {
        RESERVED: b64encode(json.dumps(principal).encode()).decode(),
        f"{RESERVED}-id": str(claims.get("oid") or claims.get("sub", "")),
        f"{RESERVED}-idp": provider.name,
        f"{RESERVED}-name": str(claims.get("name") or claims.get("sub", "")),
    }


def _values(given: Any) -> list[str]:
    if is_list(given):
        return [str(one) for one in given]
    return [given if isinstance(given, str) else json.dumps(given)]
