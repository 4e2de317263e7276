"""HTTP APIs as declared, seen through boto3."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from serverless_ai_local.aws.provider import Made, ResourceError


def test_http_api(types: Any) -> None:
    client = types.client("apigatewayv2")

    def read(made: Made) -> Any:
        found = client.get_api(ApiId=made.physical_id)
        return {**found, "Tags": {k: v for k, v in found["Tags"].items() if not k.startswith("aws:")}}

    cors = {"AllowOrigins": ["https://a.example"], "AllowMethods": ["POST"], "MaxAge": 60}
    made = types.lives(
        "AWS::ApiGatewayV2::Api",
        read,
        [
            (
                {
                    "Name": "chat",
                    "ProtocolType": "HTTP",
                    "Description": "d",
                    "CorsConfiguration": {**cors, "MaxAge": "60"},
                    "DisableExecuteApiEndpoint": False,
                    "Tags": {"a": "1"},
                },
                {
                    "Name": "chat",
                    "ProtocolType": "HTTP",
                    "Description": "d",
                    "CorsConfiguration": cors,
                    "Tags": {"a": "1"},
                },
            ),
            (
                {"Name": "chat2", "ProtocolType": "HTTP", "Tags": {"b": "2"}},
                {"Name": "chat2", "Description": "", "Tags": {"b": "2"}},
            ),
        ],
    )
    assert made.attributes["ApiEndpoint"] == f"{types.url}/_aws/execute-api/{made.physical_id}"


def test_cors_of_an_http_api_can_be_taken_away(types: Any) -> None:
    client, provider, context = (
        types.client("apigatewayv2"),
        types.provider("AWS::ApiGatewayV2::Api"),
        types.context(),
    )
    plain = {"Name": "c", "ProtocolType": "HTTP"}
    resource = provider.create(context, "R", plain)
    open_ = {**plain, "CorsConfiguration": {"AllowOrigins": ["*"]}}
    provider.update(context, resource.physical_id, plain, open_)
    assert client.get_api(ApiId=resource.physical_id)["CorsConfiguration"]["AllowOrigins"] == ["*"]
    provider.update(context, resource.physical_id, open_, plain)
    assert not client.get_api(ApiId=resource.physical_id).get("CorsConfiguration")
    provider.delete(context, resource.physical_id, plain)


@pytest.fixture
def api_id(types: Any) -> Iterator[str]:
    with types.made("AWS::ApiGatewayV2::Api", {"Name": "chat", "ProtocolType": "HTTP"}) as api:
        yield api.physical_id


def test_stage(types: Any, api_id: str) -> None:
    client = types.client("apigatewayv2")
    log = {
        "DestinationArn": "arn:aws:logs:us-east-1:123456789012:log-group:x",
        "Format": '{"a": "$context.x"}',
    }

    def read(made: Made) -> Any:
        return client.get_stage(ApiId=api_id, StageName=made.physical_id)

    types.lives(
        "AWS::ApiGatewayV2::Stage",
        read,
        [
            (
                {
                    "ApiId": api_id,
                    "StageName": "$default",
                    "AutoDeploy": True,
                    "AccessLogSettings": log,
                    "DefaultRouteSettings": {"ThrottlingBurstLimit": 20, "ThrottlingRateLimit": "10"},
                    "RouteSettings": {
                        "POST /chat": {"ThrottlingRateLimit": 1},
                        "GET /x": {"ThrottlingRateLimit": 2},
                    },
                    "StageVariables": {"v": "1"},
                    "Tags": {"a": "1"},
                },
                {
                    "AutoDeploy": True,
                    "AccessLogSettings": log,
                    "DefaultRouteSettings": {"ThrottlingBurstLimit": 20, "ThrottlingRateLimit": 10.0},
                    "StageVariables": {"v": "1"},
                    "Tags": {"a": "1"},
                },
            ),
            (
                {
                    "ApiId": api_id,
                    "StageName": "$default",
                    "AutoDeploy": "true",
                    "DefaultRouteSettings": {"ThrottlingBurstLimit": 5, "ThrottlingRateLimit": 2.5},
                    "RouteSettings": {"POST /chat": {"ThrottlingRateLimit": 3}},
                    "Tags": {"b": "2"},
                },
                {
                    "DefaultRouteSettings": {"ThrottlingBurstLimit": 5, "ThrottlingRateLimit": 2.5},
                    "RouteSettings": {"POST /chat": {"ThrottlingRateLimit": 3.0}},
                    "StageVariables": {},
                    "Tags": {"b": "2"},
                },
            ),
        ],
    )


def test_access_log_of_a_stage_can_be_taken_away(types: Any, api_id: str) -> None:
    client, provider, context = (
        types.client("apigatewayv2"),
        types.provider("AWS::ApiGatewayV2::Stage"),
        types.context(),
    )
    plain = {"ApiId": api_id, "StageName": "prod"}
    logged = {**plain, "AccessLogSettings": {"DestinationArn": "arn:x", "Format": "f"}}
    resource = provider.create(context, "R", logged)
    provider.update(context, resource.physical_id, logged, plain)
    assert "AccessLogSettings" not in client.get_stage(ApiId=api_id, StageName="prod")
    with pytest.raises(ResourceError, match="already exists"):
        provider.create(context, "R", plain)


def test_integration_route_and_authorizer(types: Any, api_id: str) -> None:
    client, about = types.client("apigatewayv2"), {"ApiId": api_id}
    jwt = {"Audience": ["x"], "Issuer": "https://issuer.example"}
    authorizer = about | {
        "Name": "Jwt",
        "AuthorizerType": "JWT",
        "IdentitySource": ["$request.header.Authorization"],
        "JwtConfiguration": jwt,
    }
    integration = about | {
        "IntegrationType": "AWS_PROXY",
        "IntegrationUri": "arn:aws:lambda:us-east-1:123456789012:function:f",
        "PayloadFormatVersion": "2.0",
    }
    types.lives(
        "AWS::ApiGatewayV2::Integration",
        lambda made: client.get_integration(ApiId=api_id, IntegrationId=made.physical_id),
        [
            (
                integration | {"TimeoutInMillis": 20000, "Description": "d"},
                {"TimeoutInMillis": 20000, "PayloadFormatVersion": "2.0"},
            ),
            (integration, {"TimeoutInMillis": 30000, "Description": ""}),
        ],
    )
    with types.made("AWS::ApiGatewayV2::Authorizer", authorizer) as made_authorizer:
        types.lives(
            "AWS::ApiGatewayV2::Route",
            lambda made: client.get_route(ApiId=api_id, RouteId=made.physical_id),
            [
                (
                    about
                    | {
                        "RouteKey": "POST /chat",
                        "AuthorizationType": "JWT",
                        "AuthorizerId": made_authorizer.physical_id,
                        "AuthorizationScopes": ["chat"],
                        "Target": "integrations/abc",
                    },
                    {
                        "RouteKey": "POST /chat",
                        "AuthorizationType": "JWT",
                        "AuthorizerId": made_authorizer.physical_id,
                        "AuthorizationScopes": ["chat"],
                        "Target": "integrations/abc",
                    },
                ),
                (
                    about
                    | {"RouteKey": "POST /ask", "AuthorizationType": "AWS_IAM", "Target": "integrations/def"},
                    {"RouteKey": "POST /ask", "AuthorizationType": "AWS_IAM", "Target": "integrations/def"},
                ),
            ],
        )
    types.lives(
        "AWS::ApiGatewayV2::Authorizer",
        lambda made: client.get_authorizer(ApiId=api_id, AuthorizerId=made.physical_id),
        [
            (authorizer, {"JwtConfiguration": jwt, "IdentitySource": ["$request.header.Authorization"]}),
            (
                authorizer | {"JwtConfiguration": jwt | {"Audience": ["y"]}},
                {"JwtConfiguration": jwt | {"Audience": ["y"]}},
            ),
        ],
    )
