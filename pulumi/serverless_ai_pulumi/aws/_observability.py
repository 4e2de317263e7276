"""Alarms and dashboard from the specifications that both tools share."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_aws as aws

from serverless_ai_patterns.aws.observability import Alarm


def alarms(
    name: str, specs: Sequence[Alarm], *, opts: pulumi.ResourceOptions
) -> list[aws.cloudwatch.MetricAlarm]:
    """One alarm a specification, without actions: who is called is the account's decision."""
    return [_alarm(f"{name}-{spec.name.lower()}", spec, opts=opts) for spec in specs]


def _alarm(name: str, spec: Alarm, *, opts: pulumi.ResourceOptions) -> aws.cloudwatch.MetricAlarm:
    percentile = spec.statistic.startswith("p")
    return aws.cloudwatch.MetricAlarm(
        name,
        alarm_description=spec.description,
        namespace=spec.namespace,
        metric_name=spec.metric,
        dimensions=spec.dimensions,
        statistic=None if percentile else spec.statistic,
        extended_statistic=spec.statistic if percentile else None,
        period=spec.period_s,
        evaluation_periods=spec.evaluation_periods,
        threshold=spec.threshold,
        comparison_operator=spec.comparison,
        treat_missing_data=spec.treat_missing_data,
        opts=opts,
    )


def dashboard(
    name: str,
    title: pulumi.Input[str],
    body: pulumi.Output[Mapping[str, Any]],
    *,
    opts: pulumi.ResourceOptions,
) -> aws.cloudwatch.Dashboard:
    """A dashboard. CloudWatch makes no names for dashboards: `title` must be unique in the account."""
    return aws.cloudwatch.Dashboard(
        name, dashboard_name=title, dashboard_body=body.apply(json.dumps), opts=opts
    )
