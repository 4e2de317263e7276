"""CloudWatch: log groups, alarms, dashboards."""

from __future__ import annotations

from typing import Any, Final

from serverless_ai_local.aws.from_pulumi import existing
from serverless_ai_local.aws.from_pulumi.translation import (
    TAG_LIST,
    AutoName,
    Translation,
    block,
    each,
    only,
    pairs,
)

FOREVER: Final = 0

_DIMENSIONS: Final = pairs("Name", "Value")


def _log_group(given: dict[str, Any]) -> dict[str, Any]:
    """Terraform says 0 for what is kept for ever, CloudFormation says nothing."""
    if given.get("RetentionInDays") == FOREVER:
        del given["RetentionInDays"]
    return given


def _metric(value: dict[str, Any]) -> dict[str, Any]:
    """What is measured (name, namespace, dimensions) and how."""
    what = ("dimensions", "metricName", "namespace")
    measured = block(
        {"dimensions": ("Dimensions", _DIMENSIONS), "metricName": "MetricName", "namespace": "Namespace"}
    )
    how = block({"period": "Period", "stat": "Stat", "unit": "Unit"})
    metric = measured({key: item for key, item in value.items() if key in what})
    return {"Metric": metric, **how({key: item for key, item in value.items() if key not in what})}


ROWS: Final = (
    Translation(
        "aws:cloudwatch/logGroup:LogGroup",
        "AWS::Logs::LogGroup",
        inputs={
            "kmsKeyId": "KmsKeyId",
            "logGroupClass": "LogGroupClass",
            "name": "LogGroupName",
            "retentionInDays": "RetentionInDays",
            "skipDestroy": (None, only(False)),
            "tags": TAG_LIST,
        },
        # Without CloudFormation's `:*` at the end.
        outputs={"arn": "arn:aws:logs:{context.region}:{context.account}:log-group:{id}"},
        name=AutoName(limit=512),
        prepare=_log_group,
        read=existing.log_group,
    ),
    Translation(
        "aws:cloudwatch/metricAlarm:MetricAlarm",
        "AWS::CloudWatch::Alarm",
        inputs={
            "actionsEnabled": "ActionsEnabled",
            "alarmActions": "AlarmActions",
            "alarmDescription": "AlarmDescription",
            "comparisonOperator": "ComparisonOperator",
            "datapointsToAlarm": "DatapointsToAlarm",
            "dimensions": ("Dimensions", _DIMENSIONS),
            "evaluateLowSampleCountPercentiles": "EvaluateLowSampleCountPercentile",
            "evaluationPeriods": "EvaluationPeriods",
            "extendedStatistic": "ExtendedStatistic",
            "insufficientDataActions": "InsufficientDataActions",
            "metricName": "MetricName",
            "metricQueries": (
                "Metrics",
                each(
                    block(
                        {
                            "accountId": "AccountId",
                            "expression": "Expression",
                            "id": "Id",
                            "label": "Label",
                            "metric": ("MetricStat", _metric),
                            "period": "Period",
                            "returnData": "ReturnData",
                        }
                    )
                ),
            ),
            "name": "AlarmName",
            "namespace": "Namespace",
            "okActions": "OKActions",
            "period": "Period",
            "statistic": "Statistic",
            "tags": TAG_LIST,
            "threshold": "Threshold",
            "thresholdMetricId": "ThresholdMetricId",
            "treatMissingData": "TreatMissingData",
            "unit": "Unit",
        },
        outputs={"arn": "{a[Arn]}"},
        name=AutoName(limit=255),
    ),
    Translation(
        "aws:cloudwatch/dashboard:Dashboard",
        "AWS::CloudWatch::Dashboard",
        inputs={"dashboardBody": "DashboardBody", "dashboardName": "DashboardName"},
        outputs={"dashboardArn": "arn:aws:cloudwatch::{context.account}:dashboard/{id}"},
        unique=("dashboardName",),
    ),
)
