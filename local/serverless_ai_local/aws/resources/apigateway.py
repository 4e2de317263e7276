"""API Gateway HTTP APIs: API, stage, integration, route, authorizer."""

from __future__ import annotations

from typing import Final

from serverless_ai_local.aws.provider import Context, Made
from serverless_ai_local.aws.resources.calls import call, fitted
from serverless_ai_local.aws.resources.kind import Call, Facet, Kind, Properties
from serverless_ai_local.aws.resources.tagging import Tagging

_SERVICE: Final = "apigatewayv2"


def _cors(context: Context, made: Made, old: Properties, new: Properties) -> None:
    if "CorsConfiguration" in new:
        parameters = {"ApiId": made.physical_id, "CorsConfiguration": new["CorsConfiguration"]}
        fitted(context, _SERVICE, "UpdateApi", parameters, "AWS::ApiGatewayV2::Api")
    else:
        call(context, _SERVICE, "DeleteCorsConfiguration", {"ApiId": made.physical_id})


def _access_log(context: Context, made: Made, old: Properties, new: Properties) -> None:
    about = {"ApiId": new["ApiId"], "StageName": made.physical_id}
    if "AccessLogSettings" in new:
        _update_stage(context, {**about, "AccessLogSettings": new["AccessLogSettings"]})
    else:
        call(context, _SERVICE, "DeleteAccessLogSettings", about)


def _route_settings(context: Context, made: Made, old: Properties, new: Properties) -> None:
    about = {"ApiId": new["ApiId"], "StageName": made.physical_id}
    before, after = old.get("RouteSettings", {}), new.get("RouteSettings", {})
    for route_key in before.keys() - after.keys():
        call(context, _SERVICE, "DeleteRouteSettings", {**about, "RouteKey": route_key})
    if after:
        _update_stage(context, {**about, "RouteSettings": after})


def _update_stage(context: Context, parameters: Properties) -> None:
    fitted(context, _SERVICE, "UpdateStage", parameters, "AWS::ApiGatewayV2::Stage")


_IN_API: Final = {"ApiId": "{p[ApiId]}"}

KINDS: Final = (
    Kind(
        type="AWS::ApiGatewayV2::Api",
        service=_SERVICE,
        create_call=Call("CreateApi"),
        update_call=Call("UpdateApi", {"ApiId": "{id}"}),
        delete_call=Call("DeleteApi", {"ApiId": "{id}"}),
        ref="{answer[ApiId]}",
        attributes={"ApiId": "{id}", "ApiEndpoint": "{context.endpoint}/_aws/execute-api/{id}"},
        immutable=frozenset({"ProtocolType"}),
        resets={"Description": "", "Version": "", "DisableExecuteApiEndpoint": False},
        facets=(Facet(properties=frozenset({"CorsConfiguration"}), apply=_cors, in_create=True),),
        tagging=Tagging(target="arn:aws:apigateway:{context.region}::/apis/{id}"),
    ),
    Kind(
        type="AWS::ApiGatewayV2::Stage",
        service=_SERVICE,
        create_call=Call("CreateStage"),
        update_call=Call("UpdateStage", _IN_API | {"StageName": "{id}"}),
        delete_call=Call("DeleteStage", _IN_API | {"StageName": "{id}"}),
        read_call=Call("GetStage", _IN_API | {"StageName": "{p[StageName]}"}),
        overwrites=True,
        ref="{p[StageName]}",
        immutable=frozenset({"ApiId", "StageName"}),
        resets={
            "AutoDeploy": False,
            "DefaultRouteSettings": {"DetailedMetricsEnabled": False},
            "Description": "",
            "StageVariables": {},
        },
        facets=(
            Facet(properties=frozenset({"AccessLogSettings"}), apply=_access_log, in_create=True),
            Facet(properties=frozenset({"RouteSettings"}), apply=_route_settings, in_create=True),
        ),
        tagging=Tagging(target="arn:aws:apigateway:{context.region}::/apis/{p[ApiId]}/stages/{id}"),
    ),
    Kind(
        type="AWS::ApiGatewayV2::Integration",
        service=_SERVICE,
        create_call=Call("CreateIntegration"),
        update_call=Call("UpdateIntegration", _IN_API | {"IntegrationId": "{id}"}),
        delete_call=Call("DeleteIntegration", _IN_API | {"IntegrationId": "{id}"}),
        ref="{answer[IntegrationId]}",
        attributes={"IntegrationId": "{id}"},
        immutable=frozenset({"ApiId"}),
        resets={"Description": "", "CredentialsArn": "", "TimeoutInMillis": 30_000},
    ),
    Kind(
        type="AWS::ApiGatewayV2::Route",
        service=_SERVICE,
        create_call=Call("CreateRoute"),
        update_call=Call("UpdateRoute", _IN_API | {"RouteId": "{id}"}),
        delete_call=Call("DeleteRoute", _IN_API | {"RouteId": "{id}"}),
        ref="{answer[RouteId]}",
        attributes={"RouteId": "{id}"},
        immutable=frozenset({"ApiId"}),
        resets={"AuthorizationType": "NONE", "AuthorizerId": "", "AuthorizationScopes": [], "Target": ""},
    ),
    Kind(
        type="AWS::ApiGatewayV2::Authorizer",
        service=_SERVICE,
        create_call=Call("CreateAuthorizer"),
        update_call=Call("UpdateAuthorizer", _IN_API | {"AuthorizerId": "{id}"}),
        delete_call=Call("DeleteAuthorizer", _IN_API | {"AuthorizerId": "{id}"}),
        ref="{answer[AuthorizerId]}",
        attributes={"AuthorizerId": "{id}"},
        immutable=frozenset({"ApiId"}),
    ),
)
