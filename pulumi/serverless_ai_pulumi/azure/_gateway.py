"""API Management before a function: tokens checked and calls counted before they reach it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import pulumi
from pulumi_azure_native import apimanagement, web

from serverless_ai_patterns.azure import gateway as shared
from serverless_ai_patterns.azure.gateway import Trust
from serverless_ai_patterns.function_llm import Iam, Jwt, Throttle
from serverless_ai_patterns.settings import from_mapping
from serverless_ai_patterns.validation import typed
from serverless_ai_pulumi.azure._place import Place, https


@dataclass(frozen=True, kw_only=True, slots=True)
class Gateway:
    """Who publishes the API, as API Management wants to know of every service."""

    publisher_email: str
    """Gets the service's own notices."""
    publisher_name: str

    def __post_init__(self) -> None:
        typed(self)

    @classmethod
    def given(cls, data: Mapping[str, Any] | None) -> Gateway | None:
        """A gateway from a stack's configuration, if it has one. Raises ValueError naming a wrong key."""
        return None if data is None else from_mapping(cls, data, "gateway")


class GatewayParts(NamedTuple):
    """What a gateway is made of, as far as others refer to it."""

    gateway: apimanagement.ApiManagementService
    api: apimanagement.Api
    subscription: apimanagement.Subscription


def gateway(
    name: str,
    place: Place,
    app: web.WebApp,
    publisher: Gateway,
    *,
    method: str,
    path: str,
    trust: pulumi.Input[Trust],
    throttle: Throttle,
    opts: pulumi.ResourceOptions,
) -> GatewayParts:
    """`method` and `path` (with its slash) of `app`, for whoever has a token that passes and a key.

    The token goes on to the app, which checks it again: whoever goes around the gateway needs one as well,
    and meets the app's own rate limit. Paid by the call (Consumption); there is no other route.
    """
    service = _service(name, place, publisher, opts)
    common: dict[str, Any] = {"resource_group_name": place.group, "service_name": service.name}
    api = _api(name, place, app, common, opts)
    apimanagement.ApiOperation(
        f"{name}-route",
        **common,
        api_id=api.name,
        operation_id=path.strip("/"),
        display_name=f"{method} {path}",
        method=method,
        url_template=path,
        opts=opts,
    )
    apimanagement.ApiPolicy(
        f"{name}-policy",
        **common,
        api_id=api.name,
        policy_id="policy",
        format=apimanagement.PolicyContentFormat.RAWXML,
        value=pulumi.Output.from_input(trust).apply(lambda whose: shared.policy(whose, throttle)),
        opts=opts,
    )
    subscription = apimanagement.Subscription(
        f"{name}-callers", **common, display_name="callers", scope=api.id, opts=opts
    )
    return GatewayParts(service, api, subscription)


def _service(
    name: str, place: Place, publisher: Gateway, opts: pulumi.ResourceOptions
) -> apimanagement.ApiManagementService:
    return apimanagement.ApiManagementService(
        name,
        resource_group_name=place.group,
        publisher_email=publisher.publisher_email,
        publisher_name=publisher.publisher_name,
        sku=apimanagement.ApiManagementServiceSkuPropertiesArgs(
            name=apimanagement.SkuType.CONSUMPTION, capacity=0
        ),
        opts=opts,
    )


def _api(
    name: str, place: Place, app: web.WebApp, common: Mapping[str, Any], opts: pulumi.ResourceOptions
) -> apimanagement.Api:
    return apimanagement.Api(
        f"{name}-api",
        **common,
        api_id=place.name,
        display_name=place.name,
        path="",
        protocols=[apimanagement.Protocol.HTTPS],
        service_url=app.default_host_name.apply(https),
        subscription_required=True,
        opts=opts,
    )


def trust_of(
    auth: Iam | Jwt, *, client_id: pulumi.Input[str] | None, tenant_id: pulumi.Input[str]
) -> pulumi.Output[Trust]:
    """The same tokens that the app lets in."""
    if isinstance(auth, Jwt):
        return pulumi.Output.from_input(
            Trust(shared.openid_configuration(auth.issuer), (auth.issuer,), auth.audience)
        )
    return pulumi.Output.all(tenant_id, client_id).apply(lambda ids: shared.entra(*ids))
