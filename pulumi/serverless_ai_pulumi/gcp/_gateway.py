"""An API Gateway in front of a function: bearer tokens of an issuer of your own."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import NamedTuple

import pulumi
import pulumi_gcp as gcp

from serverless_ai_patterns.function_llm import Jwt
from serverless_ai_patterns.gcp.gateway import openapi
from serverless_ai_pulumi.gcp._function import url_of
from serverless_ai_pulumi.gcp._names import unique


class GatewayParts(NamedTuple):
    """What a gateway is made of, as far as others refer to it."""

    api: gcp.apigateway.Api
    gateway: gcp.apigateway.Gateway


def gateway(
    name: str,
    function: gcp.cloudfunctionsv2.Function,
    caller: gcp.serviceaccount.Account,
    *,
    method: str,
    paths: Sequence[str],
    auth: Jwt,
    timeout_s: int,
    jwks_uri: str | None,
    region: pulumi.Input[str],
    opts: pulumi.ResourceOptions,
) -> GatewayParts:
    """`method` and each of `paths` answered by `function`, which the gateway calls as `caller`."""
    api = gcp.apigateway.Api(f"{name}-api", api_id=unique(name, "api"), opts=opts)
    if not auth.issuer.startswith("https://"):
        text = f"The issuer {auth.issuer} is not https: API Gateway refuses it, only the local cloud takes it"
        pulumi.log.warn(text, api)

    def contents(url: str) -> str:
        document = openapi(
            name, method=method, paths=paths, backend=url, auth=auth, timeout_s=timeout_s, jwks_uri=jwks_uri
        )
        return base64.b64encode(json.dumps(document).encode()).decode()

    config = gcp.apigateway.ApiConfig(
        f"{name}-api-config",
        api=api.api_id,
        # A configuration cannot change: another one takes its place, and the name's end is the provider's.
        api_config_id_prefix=f"{unique(name, 'api')}-",
        openapi_documents=[
            gcp.apigateway.ApiConfigOpenapiDocumentArgs(
                document=gcp.apigateway.ApiConfigOpenapiDocumentDocumentArgs(
                    path="openapi.json", contents=url_of(function).apply(contents)
                )
            )
        ],
        gateway_config=gcp.apigateway.ApiConfigGatewayConfigArgs(
            backend_config=gcp.apigateway.ApiConfigGatewayConfigBackendConfigArgs(
                google_service_account=caller.email
            )
        ),
        opts=opts,
    )
    made = gcp.apigateway.Gateway(
        f"{name}-gateway",
        gateway_id=unique(name, "gateway"),
        api_config=config.id,
        region=region,
        opts=opts,
    )
    return GatewayParts(api, made)


def https(host: str) -> str:
    """The URL of a host; the local cloud answers with a whole URL where Google answers with a name."""
    return host if "://" in host else f"https://{host}"
