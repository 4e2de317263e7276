"""What an operator sees of a function on AWS: alarms, dashboard and access log, as data for CDK and Pulumi.

Strings may be a tool's tokens. `p95` is an extended statistic of CloudWatch, the others are plain ones.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from serverless_ai_patterns.thresholds import DURATION_SHARE, alarm_tokens_per_hour
from serverless_ai_runtime import config

__all__ = [
    "ACCESS_LOG_FORMAT",
    "Alarm",
    "Graph",
    "alarm_tokens_per_hour",
    "event_pipeline_alarms",
    "event_pipeline_dashboard",
    "function_llm_alarms",
    "function_llm_dashboard",
    "graphs_of_api",
    "graphs_of_queue",
    "in_rows",
]

FIVE_MINUTES: Final = 300
HOUR: Final = 3600
OLDEST_S: Final = 900
"""An item that waits for longer than this is worth a look."""

WIDTH: Final = 8
HEIGHT: Final = 6

ACCESS_LOG_FORMAT: Final = json.dumps(
    {
        "requestId": "$context.requestId",
        "time": "$context.requestTime",
        "ip": "$context.identity.sourceIp",
        "route": "$context.routeKey",
        "status": "$context.status",
        "bytes": "$context.responseLength",
        "latencyMs": "$context.responseLatency",
        "integrationMs": "$context.integrationLatency",
        "integrationError": "$context.integrationErrorMessage",
        "authorizerError": "$context.authorizer.error",
    }
)
"""One JSON line a request of an HTTP API. No header and no body: no credential, no prompt."""


Graph = tuple[str, str, Sequence[Sequence[Any]]]
"""Title, default statistic, metrics."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Alarm:
    """One CloudWatch alarm on one metric (0.10 USD a month each, CloudWatch price list, 2026-11)."""

    name: str
    """A word unique within the pattern: the tools make their resource names from it."""
    description: str
    namespace: str
    metric: str
    dimensions: Mapping[str, str]
    statistic: Literal["Sum", "Maximum", "p95"]
    period_s: int
    threshold: float
    comparison: Literal["GreaterThanThreshold", "GreaterThanOrEqualToThreshold"]
    evaluation_periods: int
    treat_missing_data: str = "notBreaching"


def function_llm_alarms(
    *, function_name: str, dead_letter_queue_name: str, timeout_s: int, tokens_per_hour: int
) -> list[Alarm]:
    """The five alarms of Function + LLM: errors, slowness, throttles, dead letters, spending."""
    function = {"FunctionName": function_name}
    return [
        _at_least_one("Errors", "The function failed", metric=("AWS/Lambda", "Errors"), of=function),
        Alarm(
            name="Duration",
            description=f"p95 above {DURATION_SHARE:.0%} of the {timeout_s} s timeout for 15 minutes",
            namespace="AWS/Lambda",
            metric="Duration",
            dimensions=function,
            statistic="p95",
            period_s=FIVE_MINUTES,
            threshold=timeout_s * 1000 * DURATION_SHARE,
            comparison="GreaterThanThreshold",
            evaluation_periods=3,
        ),
        _at_least_one(
            "Throttles", "Calls met the concurrency limit", metric=("AWS/Lambda", "Throttles"), of=function
        ),
        _at_least_one(
            "DeadLetters",
            "Events that nobody could answer wait in the dead-letter queue",
            metric=("AWS/SQS", "ApproximateNumberOfMessagesVisible"),
            of={"QueueName": dead_letter_queue_name},
            statistic="Maximum",
        ),
        Alarm(
            name="Tokens",
            description=f"More than {tokens_per_hour} tokens (in + out) in an hour",
            namespace=config.METRIC_NAMESPACE,
            metric=config.METRIC_TOKENS,
            dimensions=function,
            statistic="Sum",
            period_s=HOUR,
            threshold=tokens_per_hour,
            comparison="GreaterThanThreshold",
            evaluation_periods=1,
        ),
    ]


def function_llm_dashboard(
    *, region: str, function_name: str, api_id: str, stage: str, dead_letter_queue_name: str
) -> dict[str, Any]:
    """The body of the CloudWatch dashboard of Function + LLM (an account's first three are free)."""
    return in_rows(region, graphs_of_api(function_name, api_id, stage, dead_letter_queue_name))


def graphs_of_api(
    function_name: str, api_id: str, stage: str, dead_letter_queue_name: str
) -> list[list[Graph]]:
    """Rows of a function that answers requests of an HTTP API."""
    function = ["FunctionName", function_name]
    api = ["ApiId", api_id, "Stage", stage]
    own = config.METRIC_NAMESPACE
    return [
        [
            ("Requests", "Sum", [["AWS/ApiGateway", m, *api] for m in ("Count", "4xx", "5xx")]),
            ("Latency of the endpoint (ms)", "p95", _percentiles(["AWS/ApiGateway", "Latency", *api])),
            (
                "Dead letters",
                "Maximum",
                [["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", dead_letter_queue_name]],
            ),
        ],
        [
            (
                "Invocations",
                "Sum",
                [["AWS/Lambda", m, *function] for m in _CALLS],
            ),
            ("Duration (ms)", "p95", _percentiles(["AWS/Lambda", "Duration", *function])),
            ("Cold starts", "Sum", [[own, config.METRIC_COLD_STARTS, *function]]),
        ],
        [
            (
                "Tokens",
                "Sum",
                [[own, m, *function] for m in (config.METRIC_INPUT_TOKENS, config.METRIC_OUTPUT_TOKENS)],
            ),
            ("Refused by budget", "Sum", [[own, config.METRIC_BUDGET_REFUSALS, *function]]),
        ],
    ]


def event_pipeline_alarms(*, function_name: str, queue_name: str, dead_letter_queue_name: str) -> list[Alarm]:
    """The four alarms of the event pipeline: errors, throttles, dead letters, messages that wait too long."""
    function = {"FunctionName": function_name}
    return [
        _at_least_one("Errors", "The function failed", metric=("AWS/Lambda", "Errors"), of=function),
        _at_least_one(
            "Throttles", "Calls met the concurrency limit", metric=("AWS/Lambda", "Throttles"), of=function
        ),
        _at_least_one(
            "DeadLetters",
            "Items that nobody could process wait in the dead-letter queue",
            metric=("AWS/SQS", "ApproximateNumberOfMessagesVisible"),
            of={"QueueName": dead_letter_queue_name},
            statistic="Maximum",
        ),
        Alarm(
            name="Waiting",
            description=f"An item has waited for more than {OLDEST_S // 60} minutes",
            namespace="AWS/SQS",
            metric="ApproximateAgeOfOldestMessage",
            dimensions={"QueueName": queue_name},
            statistic="Maximum",
            period_s=FIVE_MINUTES,
            threshold=OLDEST_S,
            comparison="GreaterThanThreshold",
            evaluation_periods=1,
        ),
    ]


def event_pipeline_dashboard(
    *, region: str, function_name: str, queue_name: str, dead_letter_queue_name: str
) -> dict[str, Any]:
    """The body of the CloudWatch dashboard of the event pipeline."""
    return in_rows(region, graphs_of_queue(function_name, queue_name, dead_letter_queue_name))


def graphs_of_queue(function_name: str, queue_name: str, dead_letter_queue_name: str) -> list[list[Graph]]:
    """Rows of a function that works on a queue."""
    function, queue = ["FunctionName", function_name], ["QueueName", queue_name]
    dead = ["QueueName", dead_letter_queue_name]
    own, visible = config.METRIC_NAMESPACE, "ApproximateNumberOfMessagesVisible"
    return [
        [
            ("In and out of the queue", "Sum", [["AWS/SQS", m, *queue] for m in _FLOW]),
            ("Oldest item (s)", "Maximum", [["AWS/SQS", "ApproximateAgeOfOldestMessage", *queue]]),
            ("Dead letters", "Maximum", [["AWS/SQS", visible, *dead]]),
        ],
        [
            ("Invocations", "Sum", [["AWS/Lambda", m, *function] for m in _CALLS]),
            ("Duration (ms)", "p95", _percentiles(["AWS/Lambda", "Duration", *function])),
            (
                "Tokens",
                "Sum",
                [[own, m, *function] for m in (config.METRIC_INPUT_TOKENS, config.METRIC_OUTPUT_TOKENS)],
            ),
        ],
    ]


def in_rows(region: str, rows: Sequence[Sequence[Graph]]) -> dict[str, Any]:
    """The body of a dashboard with these rows of graphs."""
    return {
        "widgets": [
            _widget(graph, region, x=column * WIDTH, y=line * HEIGHT)
            for line, row in enumerate(rows)
            for column, graph in enumerate(row)
        ]
    }


_CALLS: Final = ("Invocations", "Errors", "Throttles")
_FLOW: Final = ("NumberOfMessagesReceived", "NumberOfMessagesDeleted", "NumberOfMessagesSent")


def _percentiles(metric: Sequence[str]) -> list[list[Any]]:
    return [[*metric, {"stat": stat}] for stat in ("p50", "p95")]


def _widget(graph: Graph, region: str, *, x: int, y: int) -> dict[str, Any]:
    title, statistic, metrics = graph
    return {
        "type": "metric",
        "x": x,
        "y": y,
        "width": WIDTH,
        "height": HEIGHT,
        "properties": {
            "title": title,
            "view": "timeSeries",
            "region": region,
            "stat": statistic,
            "period": FIVE_MINUTES,
            "metrics": [list(metric) for metric in metrics],
        },
    }


def _at_least_one(
    name: str,
    description: str,
    *,
    metric: tuple[str, str],
    of: Mapping[str, str],
    statistic: Literal["Sum", "Maximum"] = "Sum",
) -> Alarm:
    return Alarm(
        name=name,
        description=description,
        namespace=metric[0],
        metric=metric[1],
        dimensions=of,
        statistic=statistic,
        period_s=FIVE_MINUTES,
        threshold=1,
        comparison="GreaterThanOrEqualToThreshold",
        evaluation_periods=1,
    )
