"""API Gateway HTTP APIs."""

from __future__ import annotations

from typing import Any, Final

from serverless_ai_local.aws.from_pulumi.translation import AutoName, Translation, block, capital, document
from serverless_ai_local.aws.provider import Context, Made
from serverless_ai_local.doors.pulumi.values import Values

_DATA: Final = "{context.endpoint}/_aws/execute-api/"


def _route_settings(value: list[dict[str, Any]]) -> dict[str, Any]:
    """A list in Terraform, a map by route in CloudFormation."""
    return {one["routeKey"]: capital({k: v for k, v in one.items() if k != "routeKey"}) for one in value}


def _invoke_url(context: Context, made: Made, properties: Values) -> str:
    """The default stage has no name in its URL."""
    stage = "" if made.physical_id == "$default" else made.physical_id
    return f"{_DATA.format(context=context)}{properties['ApiId']}/{stage}"


ROWS: Final = (
    Translation(
        "aws:apigatewayv2/api:Api",
        "AWS::ApiGatewayV2::Api",
        inputs={
            "apiKeySelectionExpression": "ApiKeySelectionExpression",
            "body": ("Body", document),
            "corsConfiguration": ("CorsConfiguration", capital),
            "credentialsArn": "CredentialsArn",
            "description": "Description",
            "disableExecuteApiEndpoint": "DisableExecuteApiEndpoint",
            "failOnWarnings": "FailOnWarnings",
            "ipAddressType": "IpAddressType",
            "name": "Name",
            "protocolType": "ProtocolType",
            "routeKey": "RouteKey",
            "routeSelectionExpression": "RouteSelectionExpression",
            # A map here, as CloudFormation has it for this service.
            "tags": "Tags",
            "target": "Target",
            "version": "Version",
        },
        outputs={
            "apiEndpoint": "{a[ApiEndpoint]}",
            "arn": "arn:aws:apigateway:{context.region}::/apis/{id}",
            "executionArn": "arn:aws:execute-api:{context.region}:{context.account}:{id}",
        },
        name=AutoName(limit=128),
        # Two APIs may well have one name.
        unique=(),
    ),
    Translation(
        "aws:apigatewayv2/authorizer:Authorizer",
        "AWS::ApiGatewayV2::Authorizer",
        inputs={
            "apiId": "ApiId",
            "authorizerCredentialsArn": "AuthorizerCredentialsArn",
            "authorizerPayloadFormatVersion": "AuthorizerPayloadFormatVersion",
            "authorizerResultTtlInSeconds": "AuthorizerResultTtlInSeconds",
            "authorizerType": "AuthorizerType",
            "authorizerUri": "AuthorizerUri",
            "enableSimpleResponses": "EnableSimpleResponses",
            "identitySources": "IdentitySource",
            "jwtConfiguration": ("JwtConfiguration", block({"audiences": "Audience", "issuer": "Issuer"})),
            "name": "Name",
        },
        name=AutoName(limit=128),
        unique=("apiId", "name"),
    ),
    Translation(
        "aws:apigatewayv2/integration:Integration",
        "AWS::ApiGatewayV2::Integration",
        inputs={
            "apiId": "ApiId",
            "connectionId": "ConnectionId",
            "connectionType": "ConnectionType",
            "credentialsArn": "CredentialsArn",
            "description": "Description",
            "integrationMethod": "IntegrationMethod",
            "integrationSubtype": "IntegrationSubtype",
            "integrationType": "IntegrationType",
            "integrationUri": "IntegrationUri",
            "payloadFormatVersion": "PayloadFormatVersion",
            "requestParameters": "RequestParameters",
            "timeoutMilliseconds": "TimeoutInMillis",
            "tlsConfig": ("TlsConfig", capital),
        },
    ),
    Translation(
        "aws:apigatewayv2/route:Route",
        "AWS::ApiGatewayV2::Route",
        inputs={
            "apiId": "ApiId",
            "apiKeyRequired": "ApiKeyRequired",
            "authorizationScopes": "AuthorizationScopes",
            "authorizationType": "AuthorizationType",
            "authorizerId": "AuthorizerId",
            "operationName": "OperationName",
            "routeKey": "RouteKey",
            "target": "Target",
        },
        unique=("apiId", "routeKey"),
    ),
    Translation(
        "aws:apigatewayv2/stage:Stage",
        "AWS::ApiGatewayV2::Stage",
        inputs={
            "accessLogSettings": ("AccessLogSettings", capital),
            "apiId": "ApiId",
            "autoDeploy": "AutoDeploy",
            "clientCertificateId": "ClientCertificateId",
            "defaultRouteSettings": ("DefaultRouteSettings", capital),
            "deploymentId": "DeploymentId",
            "description": "Description",
            "name": "StageName",
            "routeSettings": ("RouteSettings", _route_settings),
            "stageVariables": "StageVariables",
            "tags": "Tags",
        },
        outputs={
            "arn": "arn:aws:apigateway:{context.region}::/apis/{p[ApiId]}/stages/{id}",
            "executionArn": "arn:aws:execute-api:{context.region}:{context.account}:{p[ApiId]}/{id}",
            "invokeUrl": _invoke_url,
        },
        name=AutoName(limit=128),
        unique=("apiId", "name"),
    ),
)
