"""Alerts and workbook from the specifications that are no tool's own."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence

import pulumi
from pulumi_azure_native import applicationinsights, monitor

from serverless_ai_patterns.azure.observability import (
    HOUR,
    QUARTER,
    Charts,
    LogAlert,
    MetricAlert,
    workbook,
)
from serverless_ai_pulumi.azure._place import Place


def alarms(
    name: str,
    place: Place,
    logs: Sequence[LogAlert],
    metrics: Sequence[MetricAlert],
    *,
    insights: applicationinsights.Component,
    scopes: Mapping[str, pulumi.Input[str]],
    opts: pulumi.ResourceOptions,
) -> list[monitor.MetricAlert | monitor.ScheduledQueryRule]:
    """One alert a specification, without actions: who is called is the subscription's decision.

    `scopes`: what a specification's metric is of -> id of that resource.
    """
    return [
        *(_log_alert(f"{name}-{spec.name.lower()}", spec, place, insights, opts=opts) for spec in logs),
        *(
            _metric_alert(f"{name}-{spec.name.lower()}", spec, place, scopes[spec.of], opts=opts)
            for spec in metrics
        ),
    ]


def _log_alert(
    name: str,
    spec: LogAlert,
    place: Place,
    insights: applicationinsights.Component,
    *,
    opts: pulumi.ResourceOptions,
) -> monitor.ScheduledQueryRule:
    return monitor.ScheduledQueryRule(
        name,
        resource_group_name=place.group,
        kind=monitor.Kind.LOG_ALERT,
        display_name=f"{place.name}: {spec.name}",
        description=spec.description,
        severity=spec.severity,
        enabled=True,
        auto_mitigate=True,
        evaluation_frequency=QUARTER,
        window_size=QUARTER,
        scopes=[insights.id],
        # The tables of a new workspace come with its first data.
        skip_query_validation=True,
        criteria=monitor.ScheduledQueryRuleCriteriaArgs(
            all_of=[
                monitor.ConditionArgs(
                    query=spec.query,
                    time_aggregation=monitor.TimeAggregation.COUNT,
                    # The SDK's enum of this name belongs to another API ("gt").
                    operator="GreaterThan",
                    threshold=0,
                    failing_periods=monitor.ConditionFailingPeriodsArgs(
                        min_failing_periods_to_alert=1, number_of_evaluation_periods=1
                    ),
                )
            ]
        ),
        opts=opts,
    )


def _metric_alert(
    name: str,
    spec: MetricAlert,
    place: Place,
    scope: pulumi.Input[str],
    *,
    opts: pulumi.ResourceOptions,
) -> monitor.MetricAlert:
    return monitor.MetricAlert(
        name,
        resource_group_name=place.group,
        location="global",
        description=spec.description,
        severity=spec.severity,
        enabled=True,
        auto_mitigate=True,
        evaluation_frequency=QUARTER if spec.window == HOUR else "PT5M",
        window_size=spec.window,
        scopes=[scope],
        criteria=monitor.MetricAlertSingleResourceMultipleMetricCriteriaArgs(
            odata_type="Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria",
            all_of=[
                monitor.MetricCriteriaArgs(
                    criterion_type="StaticThresholdCriterion",
                    name=spec.name,
                    metric_namespace=spec.namespace,
                    metric_name=spec.metric,
                    time_aggregation=monitor.AggregationTypeEnum.TOTAL,
                    operator=monitor.Operator.GREATER_THAN,
                    threshold=spec.threshold,
                    dimensions=_dimensions(spec.dimensions),
                    # A metric exists once it has a first value.
                    skip_metric_validation=True,
                )
            ],
        ),
        opts=opts,
    )


def dashboard(
    name: str,
    place: Place,
    insights: applicationinsights.Component,
    charts: Charts,
    *,
    opts: pulumi.ResourceOptions,
) -> applicationinsights.Workbook:
    """The workbook, beside the component that it asks. Azure wants a GUID for its name."""
    return applicationinsights.Workbook(
        name,
        resource_group_name=place.group,
        resource_name_=insights.id.apply(lambda id_: str(uuid.uuid5(uuid.NAMESPACE_URL, id_.lower()))),
        category="workbook",
        kind=applicationinsights.WorkbookSharedTypeKind.SHARED,
        display_name=place.name,
        source_id=insights.id.apply(str.lower),
        serialized_data=insights.id.apply(lambda id_: json.dumps(workbook(id_, charts))),
        opts=opts,
    )


def _dimensions(wanted: Sequence[tuple[str, str]]) -> list[monitor.MetricDimensionArgs] | None:
    return [
        monitor.MetricDimensionArgs(name=key, operator="Include", values=[value]) for key, value in wanted
    ] or None
