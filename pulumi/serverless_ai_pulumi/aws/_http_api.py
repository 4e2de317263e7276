"""An HTTP API to one function: authorised, throttled, logged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import pulumi
import pulumi_aws as aws

from serverless_ai_patterns.aws.observability import ACCESS_LOG_FORMAT
from serverless_ai_patterns.function_llm import Iam, Jwt, Throttle


class HttpApiParts(NamedTuple):
    """What an HTTP API is made of, as far as others refer to it."""

    api: aws.apigatewayv2.Api
    stage: aws.apigatewayv2.Stage


def http_api(
    name: str,
    function: aws.lambda_.Function,
    *,
    method: str,
    paths: Sequence[str],
    auth: Iam | Jwt,
    throttle: Throttle,
    access_log: aws.cloudwatch.LogGroup,
    opts: pulumi.ResourceOptions,
) -> HttpApiParts:
    """`method` and each of `paths` (with its slash) answered by `function`; no route is open."""
    api = aws.apigatewayv2.Api(name, protocol_type="HTTP", opts=opts)
    integration = aws.apigatewayv2.Integration(
        f"{name}-integration",
        api_id=api.id,
        integration_type="AWS_PROXY",
        integration_uri=function.invoke_arn,
        payload_format_version="2.0",
        opts=opts,
    )
    authorizer = None if isinstance(auth, Iam) else _authorizer(f"{name}-authorizer", api, auth, opts=opts)
    for path in paths:
        own = path.replace("/", "-") if len(paths) > 1 else ""
        aws.apigatewayv2.Route(
            f"{name}-route{own}",
            api_id=api.id,
            route_key=f"{method} {path}",
            target=pulumi.Output.concat("integrations/", integration.id),
            authorization_type="AWS_IAM" if authorizer is None else "JWT",
            authorizer_id=None if authorizer is None else authorizer.id,
            opts=opts,
        )
        aws.lambda_.Permission(
            f"{name}-permission{own}",
            action="lambda:InvokeFunction",
            function=function.name,
            principal="apigateway.amazonaws.com",
            source_arn=pulumi.Output.concat(api.execution_arn, f"/*/{method}{path}"),
            opts=opts,
        )
    stage = _stage(f"{name}-stage", api, throttle, access_log, opts=opts)
    return HttpApiParts(api=api, stage=stage)


def _authorizer(
    name: str, api: aws.apigatewayv2.Api, jwt: Jwt, *, opts: pulumi.ResourceOptions
) -> aws.apigatewayv2.Authorizer:
    if not jwt.issuer.startswith("https://"):
        pulumi.log.warn(
            f"The issuer {jwt.issuer} is not https: API Gateway refuses it, only the local cloud takes it",
            api,
        )
    return aws.apigatewayv2.Authorizer(
        name,
        api_id=api.id,
        authorizer_type="JWT",
        identity_sources=["$request.header.Authorization"],
        jwt_configuration=aws.apigatewayv2.AuthorizerJwtConfigurationArgs(
            issuer=jwt.issuer, audiences=list(jwt.audience)
        ),
        opts=opts,
    )


def _stage(
    name: str,
    api: aws.apigatewayv2.Api,
    throttle: Throttle,
    access_log: aws.cloudwatch.LogGroup,
    *,
    opts: pulumi.ResourceOptions,
) -> aws.apigatewayv2.Stage:
    return aws.apigatewayv2.Stage(
        name,
        api_id=api.id,
        name="$default",
        auto_deploy=True,
        default_route_settings=aws.apigatewayv2.StageDefaultRouteSettingsArgs(
            throttling_rate_limit=throttle.requests_per_second, throttling_burst_limit=throttle.burst
        ),
        access_log_settings=aws.apigatewayv2.StageAccessLogSettingsArgs(
            destination_arn=access_log.arn, format=ACCESS_LOG_FORMAT
        ),
        opts=opts,
    )
