"""A function app on Flex Consumption, and the code that the stack publishes into it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import pulumi
from pulumi_azure_native import applicationinsights, authorization, managedidentity, storage, web

from serverless_ai_patterns.azure import flex
from serverless_ai_patterns.function_settings import FunctionSettings, WorkerSettings
from serverless_ai_pulumi.azure._onedeploy import AUDIENCE
from serverless_ai_pulumi.azure._package import Package
from serverless_ai_pulumi.azure._place import Place, https
from serverless_ai_pulumi.azure._storage import PACKAGE, blob_service, container, queue_service

TLS: Final = "1.2"


def plan(name: str, place: Place, *, opts: pulumi.ResourceOptions) -> web.AppServicePlan:
    """Flex Consumption on Linux; a plan holds one app."""
    return web.AppServicePlan(
        name,
        resource_group_name=place.group,
        kind="functionapp",
        reserved=True,
        sku=web.SkuDescriptionArgs(name="FC1", tier="FlexConsumption"),
        opts=opts,
    )


def function_app(
    name: str,
    place: Place,
    *,
    settings: FunctionSettings | WorkerSettings,
    instances: int,
    http_concurrency: int | None,
    plan: web.AppServicePlan,
    identity: managedidentity.UserAssignedIdentity,
    account: storage.StorageAccount,
    environment: pulumi.Output[Mapping[str, str]],
    granted: Sequence[pulumi.Resource],
    subnet_id: pulumi.Input[str] | None,
    secrets: bool,
    opts: pulumi.ResourceOptions,
) -> web.WebApp:
    """An app without keys. It waits for what its identity was granted: its first call is already allowed.

    `instances`: at most so many; `http_concurrency`: requests that one answers at the same time, None where
    there is no route.
    """
    package = container(f"{name}-package", PACKAGE, place, account, opts=opts)
    app = web.WebApp(
        name,
        resource_group_name=place.group,
        kind="functionapp,linux",
        server_farm_id=plan.id,
        https_only=True,
        identity=web.ManagedServiceIdentityArgs(
            type=web.ManagedServiceIdentityType.USER_ASSIGNED, user_assigned_identities=[identity.id]
        ),
        key_vault_reference_identity=identity.id if secrets else None,
        virtual_network_subnet_id=subnet_id,
        function_app_config=web.FunctionAppConfigArgs(
            deployment=web.FunctionsDeploymentArgs(
                storage=web.FunctionsDeploymentStorageArgs(
                    type=web.FunctionsDeploymentStorageType.BLOB_CONTAINER,
                    value=pulumi.Output.concat(blob_service(account), "/", package.name),
                    authentication=web.FunctionsDeploymentStorageAuthenticationArgs(
                        type=web.AuthenticationType.USER_ASSIGNED_IDENTITY,
                        user_assigned_identity_resource_id=identity.id,
                    ),
                )
            ),
            runtime=web.FunctionsRuntimeArgs(name=web.RuntimeName.PYTHON, version=flex.PYTHON),
            scale_and_concurrency=web.FunctionsScaleAndConcurrencyArgs(
                instance_memory_mb=flex.instance_memory_mb(settings),
                maximum_instance_count=instances,
                triggers=_http_trigger(http_concurrency) if http_concurrency else None,
            ),
        ),
        site_config=_site_config(environment),
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[*granted])),
    )
    # Nobody publishes code with a password: tokens of Entra only.
    web.WebAppScmAllowed(
        f"{name}-passwords", resource_group_name=place.group, name=app.name, allow=False, opts=opts
    )
    return app


def _http_trigger(concurrency: int) -> web.FunctionsScaleAndConcurrencyTriggersArgs:
    return web.FunctionsScaleAndConcurrencyTriggersArgs(
        http=web.FunctionsScaleAndConcurrencyTriggersHttpArgs(per_instance_concurrency=concurrency)
    )


def _site_config(environment: pulumi.Output[Mapping[str, str]]) -> web.SiteConfigArgsDict:
    """A plain mapping: `SiteConfigArgs` adds netFrameworkVersion and others, which Flex refuses."""

    def listed(settings: Mapping[str, str]) -> list[web.NameValuePairArgsDict]:
        return [{"name": name, "value": settings[name]} for name in sorted(settings)]

    return {
        "min_tls_version": TLS,
        "scm_min_tls_version": TLS,
        "app_settings": environment.apply(listed),
    }


def host_settings(
    identity: managedidentity.UserAssignedIdentity,
    account: storage.StorageAccount,
    insights: applicationinsights.Component,
) -> pulumi.Output[dict[str, str]]:
    """What the Functions host itself is told: where it keeps its state and its logs, as which identity."""
    return pulumi.Output.all(
        identity.client_id, blob_service(account), queue_service(account), insights.connection_string
    ).apply(
        lambda made: {
            "AzureWebJobsStorage__blobServiceUri": made[1],
            "AzureWebJobsStorage__queueServiceUri": made[2],
            "AzureWebJobsStorage__credential": "managedidentity",
            "AzureWebJobsStorage__clientId": made[0],
            "APPLICATIONINSIGHTS_CONNECTION_STRING": made[3],
            "APPLICATIONINSIGHTS_AUTHENTICATION_STRING": f"ClientId={made[0]};Authorization=AAD",
        }
    )


def merged(parts: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """App settings of several parts."""
    return {key: value for part in parts for key, value in part.items()}


def publish(
    name: str,
    pattern: str,
    app: web.WebApp,
    *,
    extra: Mapping[str, Path] | None = None,
    after: pulumi.Resource,
    opts: pulumi.ResourceOptions,
) -> Package:
    """The code of `pattern` in `app` once there is `after`; published as whoever runs the program.

    `extra`: files of the user's own that go with it.
    """
    token = authorization.get_client_token_output(
        endpoint=AUDIENCE, opts=pulumi.InvokeOutputOptions(parent=opts.parent)
    ).token
    return Package(
        name,
        pattern=pattern,
        site=_publishing_site(app),
        token=token,
        extra=extra or {},
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[after])),
    )


def _publishing_site(app: web.WebApp) -> pulumi.Output[str]:
    """URL of the site that takes code: its host name has a hash in it that only the app itself knows."""
    return app.host_name_ssl_states.apply(
        lambda hosts: next(https(host.name or "") for host in hosts or () if host.host_type == "Repository")
    )
