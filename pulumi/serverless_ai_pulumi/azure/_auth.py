"""Who may call a function app: App Service's own authentication, before any code of ours runs."""

from __future__ import annotations

import re
from typing import Final

import pulumi
from pulumi_azure_native import managedidentity, web

from serverless_ai_patterns.azure import gateway
from serverless_ai_patterns.function_llm import Iam, Jwt
from serverless_ai_pulumi.azure._place import Place

_ENTRA: Final = re.compile(r"https://(login\.microsoftonline\.com|sts\.windows\.net)/")


def authentication(
    name: str,
    place: Place,
    app: web.WebApp,
    auth: Iam | Jwt,
    *,
    client_id: pulumi.Input[str] | None,
    tenant_id: pulumi.Input[str],
    opts: pulumi.ResourceOptions,
) -> web.WebAppAuthSettingsV2:
    """Every route wants a token that passes; there is none that is open. Nobody is sent to a login page.

    `Iam` takes tokens of the tenant for the app registration `client_id`, `Jwt` those that it names.
    """
    if isinstance(auth, Iam):
        if client_id is None:
            raise ValueError(_NO_REGISTRATION.format(place.name))
        issuer = pulumi.Output.from_input(tenant_id).apply(gateway.entra_issuer)
        audiences = pulumi.Output.from_input(client_id).apply(lambda id_: list(gateway.entra_audiences(id_)))
        providers = _entra(client_id, issuer, audiences)
    elif _ENTRA.match(auth.issuer):
        providers = _entra(auth.audience[0], auth.issuer, list(auth.audience))
    else:
        providers = _openid(auth)
    made = _settings(name, place, app, providers, opts=opts)
    if isinstance(auth, Jwt) and not auth.issuer.startswith("https://"):
        pulumi.log.warn(
            f"The issuer {auth.issuer} is not https: App Service refuses it, only the local cloud takes it",
            made,
        )
    return made


def nobody(
    name: str,
    place: Place,
    app: web.WebApp,
    identity: managedidentity.UserAssignedIdentity,
    *,
    opts: pulumi.ResourceOptions,
) -> web.WebAppAuthSettingsV2:
    """For an app without a route: nobody can have the token that it wants, one for its own identity."""
    issuer = identity.tenant_id.apply(gateway.entra_issuer)
    audiences = identity.client_id.apply(lambda id_: [id_])
    return _settings(name, place, app, _entra(identity.client_id, issuer, audiences), opts=opts)


_NO_REGISTRATION: Final = (
    "{0}: callers with an identity of Entra need an app registration to get tokens for. Make one (az ad app "
    "create --display-name {0} --requested-access-token-version 2) and give its appId as entra_client_id"
)


def _settings(
    name: str,
    place: Place,
    app: web.WebApp,
    providers: web.IdentityProvidersArgs,
    *,
    opts: pulumi.ResourceOptions,
) -> web.WebAppAuthSettingsV2:
    return web.WebAppAuthSettingsV2(
        name,
        resource_group_name=place.group,
        name=app.name,
        platform=web.AuthPlatformArgs(enabled=True, runtime_version="~1"),
        global_validation=web.GlobalValidationArgs(
            require_authentication=True,
            unauthenticated_client_action=web.UnauthenticatedClientActionV2.RETURN401,
        ),
        http_settings=web.HttpSettingsArgs(require_https=True),
        identity_providers=providers,
        login=web.LoginArgs(token_store=web.TokenStoreArgs(enabled=False)),
        # Deleting these settings opens the app: they go when it goes, and not a moment before.
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(deleted_with=app)),
    )


def _entra(
    client_id: pulumi.Input[str], issuer: pulumi.Input[str], audiences: pulumi.Input[list[str]]
) -> web.IdentityProvidersArgs:
    return web.IdentityProvidersArgs(
        azure_active_directory=web.AzureActiveDirectoryArgs(
            enabled=True,
            registration=web.AzureActiveDirectoryRegistrationArgs(client_id=client_id, open_id_issuer=issuer),
            validation=web.AzureActiveDirectoryValidationArgs(allowed_audiences=audiences),
        )
    )


def _openid(jwt: Jwt) -> web.IdentityProvidersArgs:
    """A provider an audience: App Service takes the client id of one as the audience of its tokens."""
    return web.IdentityProvidersArgs(
        custom_open_id_connect_providers={
            f"jwt{number}": web.CustomOpenIdConnectProviderArgs(
                enabled=True,
                registration=web.OpenIdConnectRegistrationArgs(
                    client_id=audience,
                    open_id_connect_configuration=web.OpenIdConnectConfigArgs(
                        issuer=jwt.issuer,
                        well_known_open_id_configuration=gateway.openid_configuration(jwt.issuer),
                    ),
                ),
            )
            for number, audience in enumerate(jwt.audience, 1)
        }
    )
