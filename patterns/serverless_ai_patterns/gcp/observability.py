"""What an operator sees of a function on Google Cloud: metrics of the log, alerts and dashboard, as data.

Conditions are PromQL: unlike a threshold, a query may name a metric that has no data yet.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from serverless_ai_patterns.thresholds import DURATION_SHARE
from serverless_ai_runtime import config

FIVE_MINUTES: Final = 300
COLUMNS: Final = 48
WIDTH: Final = 16
HEIGHT: Final = 16


class LogMetric(NamedTuple):
    """A metric from a number in the handler's closing line. `summed`: the numbers count, not the lines."""

    word: str
    field: str
    description: str
    summed: bool


METRICS: Final = (
    LogMetric("input-tokens", config.METRIC_INPUT_TOKENS, "Tokens sent to the model", summed=True),
    LogMetric("output-tokens", config.METRIC_OUTPUT_TOKENS, "Tokens the model answered", summed=True),
    LogMetric("cold-starts", config.METRIC_COLD_STARTS, "First calls of an instance", summed=False),
    LogMetric("budget-refusals", config.METRIC_BUDGET_REFUSALS, "Calls over a token budget", summed=False),
)


class Alert(NamedTuple):
    """One alert policy of one condition (price: `prices.ALERT_CONDITION`)."""

    word: str
    title: str
    query: str
    """PromQL; it rings while this has a result."""
    duration_s: int = 0


class Watched(NamedTuple):
    """The names of what is watched."""

    service: str
    """Cloud Run's, which is the function's."""
    metrics: dict[str, str]
    """Word of each of `METRICS` -> the log-based metric's name."""
    dead_letters: str
    """The subscription's name; "" = there are no events."""
    work: str = ""
    """The subscription of the pipeline's own messages."""


Chart = tuple[str, list[tuple[str, str]]]
"""Title, and legend and query of each line."""


def service_logs(service: str) -> str:
    """Logging filter of what the function writes."""
    return f'resource.type="cloud_run_revision" AND resource.labels.service_name="{service}"'


def gateway_logs(gateway: str) -> str:
    """Logging filter of the gateway's access log."""
    return f'resource.type="apigateway.googleapis.com/Gateway" AND resource.labels.gateway_id="{gateway}"'


def metric_filter(service: str, metric: LogMetric) -> str:
    """Logging filter of the lines that `metric` counts."""
    return f"{service_logs(service)} AND jsonPayload.{metric.field}>0"


def function_llm_alerts(watched: Watched, *, timeout_s: int, tokens_per_hour: int) -> list[Alert]:
    """Errors, slowness, throttles, spending, and where there are events, dead letters."""
    slow_ms = int(timeout_s * 1000 * DURATION_SHARE)
    alerts = [
        Alert("errors", "The function failed", f"{_answers(watched, '5..')} > 0"),
        Alert(
            "duration",
            f"p95 above {DURATION_SHARE:.0%} of the {timeout_s} s timeout for 15 minutes",
            f"{_latency(watched, 0.95)} > {slow_ms}",
            duration_s=3 * FIVE_MINUTES,
        ),
        Alert(
            "throttles",
            "Calls met a limit: the rate, a token budget or the number of instances",
            f"{_answers(watched, '429')} > 0",
        ),
        Alert(
            "tokens",
            f"More than {tokens_per_hour} tokens (in + out) in an hour",
            " + ".join(_sum(watched, f"{way}put-tokens", "1h") for way in ("in", "out"))
            + f" > {tokens_per_hour}",
        ),
    ]
    if watched.dead_letters:
        title = "Events that nobody could answer wait in the dead-letter subscription"
        alerts.append(Alert("dead-letters", title, f"{_waiting(watched)} > 0"))
    return alerts


def function_llm_dashboard(title: str, watched: Watched) -> dict[str, Any]:
    """The dashboard of Function + LLM, which is free of charge."""
    return _board(title, _charts_of_endpoint(watched))


def rag_dashboard(title: str, query: Watched, ingest: Watched) -> dict[str, Any]:
    """The dashboard of RAG: its endpoint, then what keeps its index. It is free of charge."""
    return _board(title, [*_charts_of_endpoint(query), *_charts_of_queue(ingest)])


def _charts_of_endpoint(watched: Watched) -> list[Chart]:
    charts = [
        ("Requests", [("all", _answers(watched, "...")), ("4xx", _answers(watched, "4.."))]),
        ("Latency of the endpoint (ms)", [(f"p{q}", _latency(watched, q / 100)) for q in (50, 95)]),
        ("Errors", [("5xx", _answers(watched, "5..")), ("429", _answers(watched, "429"))]),
        ("Tokens", [(f"{way}put", _sum(watched, f"{way}put-tokens", "5m")) for way in ("in", "out")]),
        ("Refused by budget", [("refusals", _count(watched, "budget-refusals"))]),
        ("Cold starts", [("cold starts", _count(watched, "cold-starts"))]),
    ]
    if watched.dead_letters:
        charts.append(("Dead letters", [("waiting", _waiting(watched))]))
    return charts


def event_pipeline_alerts(watched: Watched) -> list[Alert]:
    """Dead letters, and messages that wait too long."""
    return [
        Alert(
            "dead-letters",
            "Items that could not be processed wait in the dead-letter subscription",
            f"{_waiting(watched)} > 0",
        ),
        Alert(
            "age",
            "The oldest message has waited for an hour",
            f"{_oldest(watched)} > 3600",
        ),
    ]


def event_pipeline_dashboard(title: str, watched: Watched) -> dict[str, Any]:
    """The dashboard of the event pipeline, which is free of charge."""
    return _board(title, _charts_of_queue(watched))


def _charts_of_queue(watched: Watched) -> list[Chart]:
    return [
        ("Deliveries", [("all", _answers(watched, "...")), ("again", _answers(watched, "5..|429"))]),
        ("Duration (ms)", [(f"p{q}", _latency(watched, q / 100)) for q in (50, 95)]),
        ("Oldest message (s)", [("age", _oldest(watched))]),
        ("Tokens", [(f"{way}put", _sum(watched, f"{way}put-tokens", "5m")) for way in ("in", "out")]),
        ("Cold starts", [("cold starts", _count(watched, "cold-starts"))]),
        ("Dead letters", [("waiting", _waiting(watched))]),
    ]


def _board(title: str, charts: Sequence[Chart]) -> dict[str, Any]:
    tiles = [_tile(index, *chart) for index, chart in enumerate(charts)]
    return {"displayName": title, "mosaicLayout": {"columns": COLUMNS, "tiles": tiles}}


def _oldest(watched: Watched) -> str:
    metric = "pubsub_googleapis_com:subscription_oldest_unacked_message_age"
    return f'max({metric}{{subscription_id="{watched.work}"}})'


def _answers(watched: Watched, code: str) -> str:
    metric = "run_googleapis_com:request_count"
    return f'sum(increase({metric}{{service_name="{watched.service}",response_code=~"{code}"}}[5m]))'


def _latency(watched: Watched, quantile: float) -> str:
    buckets = f'run_googleapis_com:request_latencies_bucket{{service_name="{watched.service}"}}'
    return f"histogram_quantile({quantile}, sum by (le) (rate({buckets}[5m])))"


def _sum(watched: Watched, word: str, window: str) -> str:
    """Sum of a distribution's values; 0 without any, so that two of them can be added."""
    return f"(sum(increase({_own(watched, word)}_sum[{window}])) or vector(0))"


def _count(watched: Watched, word: str) -> str:
    return f"sum(increase({_own(watched, word)}[5m]))"


def _own(watched: Watched, word: str) -> str:
    """A log-based metric's name in PromQL: what is no letter, digit or underscore becomes an underscore."""
    return f"logging_googleapis_com:user_{re.sub(r'[^a-zA-Z0-9]', '_', watched.metrics[word])}"


def _waiting(watched: Watched) -> str:
    metric = "pubsub_googleapis_com:subscription_num_undelivered_messages"
    return f'max({metric}{{subscription_id="{watched.dead_letters}"}})'


def _tile(index: int, title: str, lines: Sequence[tuple[str, str]]) -> dict[str, Any]:
    data = [
        {"plotType": "LINE", "legendTemplate": legend, "timeSeriesQuery": {"prometheusQuery": query}}
        for legend, query in lines
    ]
    return {
        "xPos": index % (COLUMNS // WIDTH) * WIDTH,
        "yPos": index // (COLUMNS // WIDTH) * HEIGHT,
        "width": WIDTH,
        "height": HEIGHT,
        "widget": {"title": title, "xyChart": {"dataSets": data}},
    }
