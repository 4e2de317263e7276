"""Operations that moto lacks or gets wrong and that resource types need: written to moto's own records."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote

from moto.apigatewayv2.exceptions import APIGatewayV2Error
from moto.apigatewayv2.models import Stage, apigatewayv2_backends
from moto.iam.access_control import IAMPolicy, PermissionResult
from moto.logs.models import LogGroup, logs_backends
from moto.s3.models import FakeBucket
from werkzeug.wrappers import Response

from serverless_ai_local.aws.api import ApiError, Call, Handler, Operations
from serverless_ai_local.aws.calls import JSON, parameters, reply

# Settings of a stage on the wire -> attribute of moto's record.
_STAGE: Final = {
    "accessLogSettings": "access_log_settings",
    "autoDeploy": "auto_deploy",
    "clientCertificateId": "client_certificate_id",
    "defaultRouteSettings": "default_route_settings",
    "description": "description",
    "routeSettings": "route_settings",
    "stageVariables": "stage_variables",
}
_HTTP_APIS: Final = "/v2/"


class MotoGaps:
    """`forward` hands a call to moto: some names here are operations of two services."""

    def __init__(self, forward: Handler) -> None:
        self._forward = forward
        FakeBucket.get_permission = _unconditional_permission  # pyright: ignore[reportAttributeAccessIssue]

    def operations(self) -> Operations:
        """See `api.Operations`."""
        return {
            ("apigateway", "UpdateStage"): self._update_stage,
            ("apigateway", "DeleteAccessLogSettings"): self._delete_access_log,
            ("apigateway", "DeleteRouteSettings"): self._delete_route_settings,
            ("apigateway", "TagResource"): self._tag,
            ("apigateway", "UntagResource"): self._untag,
            ("apigateway", "GetTags"): self._tags,
            ("logs", "AssociateKmsKey"): self._associate_key,
            ("logs", "DisassociateKmsKey"): self._associate_key,
            ("logs", "PutMetricFilter"): self._put_metric_filter,
        }

    # -- HTTP APIs ------------------------------------------------------------------------------------
    def _update_stage(self, call: Call) -> Response:
        if not call.request.path.startswith(_HTTP_APIS):
            return self._forward(call)
        given: Mapping[str, Any] = json.loads(call.request.get_data() or b"{}")
        unknown = sorted(given.keys() - _STAGE.keys())
        if unknown:
            raise ApiError("BadRequestException", f"the local UpdateStage does not take {', '.join(unknown)}")
        stage = _stage(call)
        routes = {"routeSettings": {**stage.route_settings, **given.get("routeSettings", {})}}
        for name, value in {**given, **routes}.items():
            setattr(stage, _STAGE[name], value)
        return reply(stage.to_json())

    def _delete_access_log(self, call: Call) -> Response:
        _stage(call).access_log_settings = None
        return Response(status=204)

    def _delete_route_settings(self, call: Call) -> Response:
        stage, route_key = _stage(call), parameters(call)["RouteKey"]
        stage.route_settings = {key: value for key, value in stage.route_settings.items() if key != route_key}
        return Response(status=204)

    def _tag(self, call: Call) -> Response:
        stage = _tagged_stage(call)
        if stage is None:
            return self._forward(call)
        stage.tags = {**stage.tags, **json.loads(call.request.get_data())["tags"]}
        return Response("{}", 201, content_type=JSON)

    def _untag(self, call: Call) -> Response:
        stage = _tagged_stage(call)
        if stage is None:
            return self._forward(call)
        gone = set(call.request.args.getlist("tagKeys"))
        stage.tags = {key: value for key, value in stage.tags.items() if key not in gone}
        return Response(status=204)

    def _tags(self, call: Call) -> Response:
        stage = _tagged_stage(call)
        return self._forward(call) if stage is None else reply({"tags": stage.tags})

    # -- logs -----------------------------------------------------------------------------------------
    def _associate_key(self, call: Call) -> Response:
        given = parameters(call)
        _group(call, given).kms_key_id = given.get("kmsKeyId")
        return reply({})

    def _put_metric_filter(self, call: Call) -> Response:
        """moto adds a second filter of the same name instead of changing the first."""
        given = parameters(call)
        response = self._forward(call)
        if response.status_code < 400:
            kept = logs_backends[call.account][call.region].filters
            same = [one for one in kept.metric_filters if _is(one, given)]
            kept.metric_filters = [one for one in kept.metric_filters if one not in same[:-1]]
        return response


def _is(metric_filter: Mapping[str, Any], given: Mapping[str, Any]) -> bool:
    return all(metric_filter[name] == given[name] for name in ("filterName", "logGroupName"))


def _stage(call: Call) -> Stage:
    given = parameters(call)
    return _stage_of(call, given["ApiId"], given["StageName"])


def _stage_of(call: Call, api_id: str, name: str) -> Stage:
    try:
        return apigatewayv2_backends[call.account][call.region].get_stage(api_id, name)
    except APIGatewayV2Error as error:
        raise ApiError("NotFoundException", error.message, 404) from error


def _tagged_stage(call: Call) -> Stage | None:
    """The stage whose ARN the path names, `arn:aws:apigateway:us-east-1::/apis/<api>/stages/<stage>`."""
    parts = unquote(call.request.path).partition("/apis/")[2].split("/")
    if not call.request.path.startswith(_HTTP_APIS) or len(parts) != 3 or parts[1] != "stages":
        return None
    return _stage_of(call, parts[0], parts[2])


def _group(call: Call, given: Mapping[str, Any]) -> LogGroup:
    name = (
        given.get("logGroupName")
        or str(given.get("resourceIdentifier", "")).removesuffix(":*").split(":")[-1]
    )
    group = logs_backends[call.account][call.region].groups.get(name)
    if group is None:
        raise ApiError("ResourceNotFoundException", "The specified log group does not exist.")
    return group


def _unconditional_permission(bucket: FakeBucket, action: str, resource: str) -> Any:
    """What a bucket's policy says without conditions: moto takes "deny if not over TLS" for "deny"."""
    if bucket.policy is None:
        return PermissionResult.NEUTRAL
    document = json.loads(bucket.policy)
    statements = document["Statement"] if isinstance(document["Statement"], list) else [document["Statement"]]
    document["Statement"] = [statement for statement in statements if not statement.get("Condition")]
    return IAMPolicy(json.dumps(document)).is_action_permitted(action, resource)
