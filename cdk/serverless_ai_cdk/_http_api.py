"""An HTTP API to one function: authorised, throttled, logged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, cast

from aws_cdk import Annotations, Names, aws_apigatewayv2, aws_lambda, aws_logs
from aws_cdk.aws_apigatewayv2_authorizers import HttpIamAuthorizer, HttpJwtAuthorizer
from aws_cdk.aws_apigatewayv2_integrations import HttpLambdaIntegration
from constructs import Construct

from serverless_ai_cdk._logs import log_group_arn
from serverless_ai_patterns.aws.observability import ACCESS_LOG_FORMAT
from serverless_ai_patterns.function_llm import Iam, Jwt, Throttle


class HttpApiParts(NamedTuple):
    """What an HTTP API is made of, as far as others refer to it."""

    api: aws_apigatewayv2.HttpApi
    stage: aws_apigatewayv2.HttpStage


def http_api(
    scope: Construct,
    id: str,
    function: aws_lambda.IFunction,
    *,
    method: str,
    paths: Sequence[str],
    auth: Iam | Jwt,
    throttle: Throttle,
    access_log: aws_logs.ILogGroup,
) -> HttpApiParts:
    """`method` and each of `paths` (with its slash) answered by `function`; no route is open.

    The authoriser is the API's default, so that a route added later is not open either.
    """
    api = aws_apigatewayv2.HttpApi(
        scope,
        id,
        api_name=Names.unique_resource_name(scope, max_length=128),
        create_default_stage=False,
        default_authorizer=_authorizer(scope, auth),
    )
    integration = HttpLambdaIntegration("Function", function)
    for path in paths:
        api.add_routes(path=path, methods=[aws_apigatewayv2.HttpMethod[method]], integration=integration)
    return HttpApiParts(api=api, stage=_stage(scope, f"{id}Stage", api, throttle, access_log))


def _authorizer(scope: Construct, auth: Iam | Jwt) -> aws_apigatewayv2.IHttpRouteAuthorizer:
    if isinstance(auth, Iam):
        return HttpIamAuthorizer()
    if not auth.issuer.startswith("https://"):
        Annotations.of(scope).add_warning_v2(
            "serverless-ai:insecure-issuer",
            f"The issuer {auth.issuer} is not https: API Gateway refuses it, only the local cloud takes it",
        )
    return HttpJwtAuthorizer("Authorizer", auth.issuer, jwt_audience=list(auth.audience))


def _stage(
    scope: Construct,
    id: str,
    api: aws_apigatewayv2.HttpApi,
    throttle: Throttle,
    access_log: aws_logs.ILogGroup,
) -> aws_apigatewayv2.HttpStage:
    stage = aws_apigatewayv2.HttpStage(
        scope,
        id,
        http_api=api,
        stage_name="$default",
        auto_deploy=True,
        throttle=aws_apigatewayv2.ThrottleSettings(
            rate_limit=throttle.requests_per_second, burst_limit=throttle.burst
        ),
    )
    resource = cast(aws_apigatewayv2.CfnStage, stage.node.default_child)
    resource.access_log_settings = aws_apigatewayv2.CfnStage.AccessLogSettingsProperty(
        destination_arn=log_group_arn(access_log), format=ACCESS_LOG_FORMAT
    )
    return stage
