"""Metrics of the log, alerts and dashboard from the specifications of the pattern."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_gcp as gcp

from serverless_ai_patterns.gcp.observability import METRICS, Alert, LogMetric, metric_filter
from serverless_ai_pulumi.gcp._names import unique


def metric_names(name: str) -> dict[str, str]:
    """Word of each log-based metric -> its name."""
    return {metric.word: unique(name, metric.word) for metric in METRICS}


def log_metrics(name: str, service: str, *, opts: pulumi.ResourceOptions) -> list[gcp.logging.Metric]:
    """The numbers that the handler writes, of the Cloud Run service `service`."""
    return [_metric(name, service, metric, opts) for metric in METRICS]


def _metric(name: str, service: str, metric: LogMetric, opts: pulumi.ResourceOptions) -> gcp.logging.Metric:
    return gcp.logging.Metric(
        f"{name}-{metric.word}",
        name=unique(name, metric.word),
        description=metric.description,
        filter=metric_filter(service, metric),
        value_extractor=f"EXTRACT(jsonPayload.{metric.field})" if metric.summed else None,
        metric_descriptor=gcp.logging.MetricMetricDescriptorArgs(
            metric_kind="DELTA", value_type="DISTRIBUTION" if metric.summed else "INT64", unit="1"
        ),
        opts=opts,
    )


def alarms(
    name: str, specs: Sequence[Alert], *, opts: pulumi.ResourceOptions
) -> list[gcp.monitoring.AlertPolicy]:
    """One policy a specification, without channels: who is called is the project's decision."""
    return [_alarm(name, spec, opts) for spec in specs]


def _alarm(name: str, spec: Alert, opts: pulumi.ResourceOptions) -> gcp.monitoring.AlertPolicy:
    return gcp.monitoring.AlertPolicy(
        f"{name}-alarm-{spec.word}",
        display_name=f"{name}: {spec.title}",
        combiner="OR",
        conditions=[
            gcp.monitoring.AlertPolicyConditionArgs(
                display_name=spec.title,
                condition_prometheus_query_language=(
                    gcp.monitoring.AlertPolicyConditionConditionPrometheusQueryLanguageArgs(
                        query=spec.query,
                        duration=f"{spec.duration_s}s",
                        evaluation_interval="60s",
                        # The log-based metrics exist from their first line on.
                        disable_metric_validation=True,
                    )
                ),
            )
        ],
        opts=opts,
    )


def dashboard(
    name: str, body: Mapping[str, Any], *, opts: pulumi.ResourceOptions
) -> gcp.monitoring.Dashboard:
    return gcp.monitoring.Dashboard(f"{name}-dashboard", dashboard_json=json.dumps(body), opts=opts)
