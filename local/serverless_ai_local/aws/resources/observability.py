"""CloudWatch alarms and dashboards, log groups and metric filters."""

from __future__ import annotations

from typing import Any, Final

from serverless_ai_local.aws.provider import Context, Made, ResourceError
from serverless_ai_local.aws.resources.calls import call, fitted
from serverless_ai_local.aws.resources.kind import Call, Facet, Kind, Properties
from serverless_ai_local.aws.resources.naming import Name
from serverless_ai_local.aws.resources.tagging import Tagging

_GROUP: Final = "AWS::Logs::LogGroup"
# CloudWatch Logs API reference, PutRetentionPolicy.
_RETENTION_DAYS: Final = (
    "1", "3", "5", "7", "14", "30", "60", "90", "120", "150", "180", "365", "400", "545", "731", "1096",
    "1827", "2192", "2557", "2922", "3288", "3653",
)  # fmt: skip


def _retention(context: Context, made: Made, old: Properties, new: Properties) -> None:
    about = {"logGroupName": made.physical_id}
    if "RetentionInDays" in new:
        if str(new["RetentionInDays"]) not in _RETENTION_DAYS:
            allowed = ", ".join(_RETENTION_DAYS)
            raise ResourceError(
                f"{_GROUP}.RetentionInDays must be one of {allowed}, got {new['RetentionInDays']!r}"
            )
        days = {"retentionInDays": new["RetentionInDays"]}
        fitted(context, "logs", "PutRetentionPolicy", about | days, _GROUP)
    else:
        call(context, "logs", "DeleteRetentionPolicy", about)


def _log_key(context: Context, made: Made, old: Properties, new: Properties) -> None:
    about = {"logGroupName": made.physical_id}
    if "KmsKeyId" in new:
        call(context, "logs", "AssociateKmsKey", about | {"kmsKeyId": new["KmsKeyId"]})
    else:
        call(context, "logs", "DisassociateKmsKey", about)


def _metric_filter(properties: Properties) -> Properties:
    """CloudFormation lists a transformation's dimensions, the API maps them."""

    def transformation(values: dict[str, Any]) -> dict[str, Any]:
        if "Dimensions" not in values:
            return values
        return {**values, "Dimensions": {d["Key"]: d["Value"] for d in values["Dimensions"]}}

    transformations = [transformation(each) for each in properties.get("MetricTransformations", [])]
    return {**properties, "MetricTransformations": transformations}


_FILTER: Final = {"logGroupName": "{p[LogGroupName]}", "filterName": "{id}"}

KINDS: Final = (
    Kind(
        type=_GROUP,
        service="logs",
        create_call=Call("CreateLogGroup"),
        delete_call=Call("DeleteLogGroup", {"logGroupName": "{id}"}),
        ref="{p[LogGroupName]}",
        attributes={"Arn": "arn:aws:logs:{context.region}:{context.account}:log-group:{id}:*"},
        name=Name(property="LogGroupName", limit=512),
        immutable=frozenset({"LogGroupClass"}),
        facets=(
            Facet(properties=frozenset({"RetentionInDays"}), apply=_retention),
            Facet(properties=frozenset({"KmsKeyId"}), apply=_log_key, in_create=True),
        ),
        tagging=Tagging(target="arn:aws:logs:{context.region}:{context.account}:log-group:{id}"),
    ),
    Kind(
        type="AWS::Logs::MetricFilter",
        service="logs",
        create_call=Call("PutMetricFilter"),
        update_call=Call("PutMetricFilter", _FILTER),
        delete_call=Call("DeleteMetricFilter", _FILTER),
        whole_update=True,
        ref="{p[FilterName]}",
        name=Name(property="FilterName", limit=512),
        immutable=frozenset({"LogGroupName"}),
        prepare=_metric_filter,
    ),
    Kind(
        type="AWS::CloudWatch::Alarm",
        service="cloudwatch",
        create_call=Call("PutMetricAlarm"),
        update_call=Call("PutMetricAlarm", {"AlarmName": "{id}"}),
        delete_call=Call("DeleteAlarms", {"AlarmNames": ["{id}"]}),
        read_call=Call("DescribeAlarms", {"AlarmNames": ["{p[AlarmName]}"]}),
        overwrites=True,
        whole_update=True,
        ref="{p[AlarmName]}",
        attributes={"Arn": "{answer[MetricAlarms][0][AlarmArn]}"},
        name=Name(property="AlarmName", limit=255),
        tagging=Tagging(target="{made[Arn]}"),
    ),
    Kind(
        type="AWS::CloudWatch::Dashboard",
        service="cloudwatch",
        create_call=Call("PutDashboard"),
        update_call=Call("PutDashboard", {"DashboardName": "{id}"}),
        delete_call=Call("DeleteDashboards", {"DashboardNames": ["{id}"]}),
        read_call=Call("GetDashboard", {"DashboardName": "{p[DashboardName]}"}),
        overwrites=True,
        whole_update=True,
        ref="{p[DashboardName]}",
        name=Name(property="DashboardName", limit=255),
    ),
)
