"""Alarms and a dashboard from their tool-neutral descriptions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from aws_cdk import Duration, Stack, aws_cloudwatch
from constructs import Construct

from serverless_ai_patterns.aws.observability import Alarm


def alarms(scope: Construct, specs: Iterable[Alarm]) -> list[aws_cloudwatch.Alarm]:
    """One alarm each, without an action: who is told is the user's (`alarm.add_alarm_action`)."""
    return [_alarm(scope, spec) for spec in specs]


def dashboard(scope: Construct, id: str, body: Mapping[str, Any]) -> aws_cloudwatch.CfnDashboard:
    """A dashboard of this body, named by CloudFormation."""
    return aws_cloudwatch.CfnDashboard(scope, id, dashboard_body=Stack.of(scope).to_json_string(body))


def _alarm(scope: Construct, spec: Alarm) -> aws_cloudwatch.Alarm:
    return aws_cloudwatch.Alarm(
        scope,
        f"{spec.name}Alarm",
        alarm_description=spec.description,
        metric=aws_cloudwatch.Metric(
            namespace=spec.namespace,
            metric_name=spec.metric,
            dimensions_map=spec.dimensions,
            statistic=spec.statistic,
            period=Duration.seconds(spec.period_s),
        ),
        threshold=spec.threshold,
        evaluation_periods=spec.evaluation_periods,
        comparison_operator=aws_cloudwatch.ComparisonOperator[_constant(spec.comparison)],
        treat_missing_data=aws_cloudwatch.TreatMissingData[_constant(spec.treat_missing_data)],
    )


def _constant(word: str) -> str:
    """CloudWatch's word as the name of the CDK's constant: `notBreaching` -> `NOT_BREACHING`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", word).upper()
