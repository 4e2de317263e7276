"""What an operator sees of a function on Azure, as data: alerts, and the queries of its workbook.

Logs and requests are asked of the Application Insights component, tokens and refusals of the model's own
account: what the service counts, no handler can forget to count. Names of metrics: Azure Monitor, supported
metrics by resource type; from memory on 2026-11-24, not seen on an account.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

from serverless_ai_patterns.azure.events import DEAD_LETTERS
from serverless_ai_patterns.thresholds import DURATION_SHARE
from serverless_ai_runtime import config

QUARTER: Final = "PT15M"
HOUR: Final = "PT1H"
WARNING: Final = 2
ERROR: Final = 1
"""Severities of Azure Monitor, 0 (critical) to 4 (verbose)."""

_MODEL: Final = "Microsoft.CognitiveServices/accounts"
LINES: Final = "traces | extend line = parse_json(message)"
_TOPIC: Final = "Microsoft.EventGrid/topics"
_SYSTEM_TOPIC: Final = "Microsoft.EventGrid/systemTopics"


@dataclass(frozen=True, kw_only=True, slots=True)
class LogAlert:
    """Rings when `query`, asked each quarter of an hour over the last one, finds a row (0.50 USD a month)."""

    name: str
    """A word unique within the pattern: resource names are made from it."""
    description: str
    query: str
    severity: int = ERROR


@dataclass(frozen=True, kw_only=True, slots=True)
class MetricAlert:
    """Rings when a metric of one resource passes `threshold` within `window` (0.10 USD a month)."""

    name: str
    description: str
    of: Literal["model", "topic", "uploads"]
    namespace: str
    metric: str
    threshold: int
    window: str
    dimensions: tuple[tuple[str, str], ...] = ()
    severity: int = WARNING


_ERRORS: Final = LogAlert(
    name="Errors",
    description="The function failed, or answered 5xx",
    query="requests | where success == false and (resultCode == '0' or toint(resultCode) >= 500)",
)
_THROTTLES: Final = MetricAlert(
    name="Throttles",
    description="The model refused calls for the deployment's capacity",
    of="model",
    namespace=_MODEL,
    metric="AzureOpenAIRequests",
    dimensions=(("StatusCode", "429"),),
    threshold=0,
    window=QUARTER,
)


def log_alerts(*, timeout_s: int, events: bool) -> list[LogAlert]:
    """Of Function + LLM: errors and slowness, and dead letters where `events` can become some."""
    found = [_ERRORS, _slow("requests", timeout_s)]
    return [*found, _dead_letters("tobool(line.dead_letter)", "An event")] if events else found


def metric_alerts(*, tokens_per_hour: int, topic: bool) -> list[MetricAlert]:
    """Of Function + LLM: throttles of the model, spending, and undelivered events where there is a topic."""
    found = [_THROTTLES, _tokens(tokens_per_hour)]
    return [*found, _undelivered("topic", "events", _TOPIC)] if topic else found


def pipeline_log_alerts() -> list[LogAlert]:
    """Of the event pipeline: errors, and dead letters."""
    return [_ERRORS, _dead_letters("isnotempty(line.dead_letter)", "An item")]


def pipeline_metric_alerts(*, model: bool, uploads: bool) -> list[MetricAlert]:
    """Of the event pipeline: throttles where it has a model, undelivered events where it takes uploads."""
    throttles = [_THROTTLES] if model else []
    return [*throttles, *([_undelivered("uploads", "uploads", _SYSTEM_TOPIC)] if uploads else [])]


def rag_log_alerts(*, timeout_s: int) -> list[LogAlert]:
    """Of RAG: errors of both functions, slow answers, and dead letters."""
    return [
        _ERRORS,
        _slow("requests | where name in ('ask', 'search')", timeout_s),
        _dead_letters("isnotempty(line.dead_letter)", "A document"),
    ]


def rag_metric_alerts(*, tokens_per_hour: int) -> list[MetricAlert]:
    """Of RAG: throttles of its models, spending, and undelivered events of documents."""
    return [_THROTTLES, _tokens(tokens_per_hour), _undelivered("uploads", "documents", _SYSTEM_TOPIC)]


def _slow(requests: str, timeout_s: int) -> LogAlert:
    return LogAlert(
        name="Duration",
        description=f"p95 above {DURATION_SHARE:.0%} of the {timeout_s} s timeout for 15 minutes",
        query=f"{requests} | summarize p95 = percentile(duration, 95) "
        f"| where p95 > {timeout_s * 1000 * DURATION_SHARE:g}",
        severity=WARNING,
    )


def _tokens(per_hour: int) -> MetricAlert:
    return MetricAlert(
        name="Tokens",
        description=f"More than {per_hour} tokens (in + out) in an hour",
        of="model",
        namespace=_MODEL,
        metric="TokenTransaction",
        threshold=per_hour,
        window=HOUR,
    )


def _dead_letters(condition: str, what: str) -> LogAlert:
    return LogAlert(
        name="DeadLetters",
        description=f"{what} that failed every time was put into the queue {DEAD_LETTERS}",
        # What the handler says, or the host in its stead: Azure Monitor counts the messages of an account
        # and not of a queue.
        query=f"{LINES} | where {condition} or message startswith 'Message has reached MaxDequeueCount'",
    )


def _undelivered(of: Literal["topic", "uploads"], what: str, namespace: str) -> MetricAlert:
    return MetricAlert(
        name="Undelivered",
        description=f"Event Grid could not put {what} into the queue",
        of=of,
        namespace=namespace,
        metric="DeadLetteredCount",
        threshold=0,
        window=QUARTER,
        severity=ERROR,
    )


_OWN: Final = f"{LINES} | where isnotempty(line.FunctionName)"
_TOKENS: Final = (
    "Tokens",
    f"{_OWN} | summarize sum(tolong(line.{config.METRIC_INPUT_TOKENS})), "
    f"sum(tolong(line.{config.METRIC_OUTPUT_TOKENS})) by bin(timestamp, 5m)",
)
_CALLS: Final = (
    ("Duration (ms)", "requests | summarize percentiles(duration, 50, 95) by bin(timestamp, 5m)"),
    ("Failures", "requests | where success == false | summarize count() by bin(timestamp, 5m), name"),
)
_COLD_STARTS: Final = (
    "Cold starts",
    f"{_OWN} | summarize sum(tolong(line.{config.METRIC_COLD_STARTS})) by bin(timestamp, 5m)",
)
FUNCTION_LLM_CHARTS: Final = (
    ("Requests", "requests | summarize count() by bin(timestamp, 5m), resultCode"),
    *_CALLS,
    _TOKENS,
    (
        "Refused by budget",
        f"{_OWN} | summarize sum(tolong(line.{config.METRIC_BUDGET_REFUSALS})) by bin(timestamp, 5m)",
    ),
    _COLD_STARTS,
)
EVENT_PIPELINE_CHARTS: Final = (
    (
        "Deliveries and those that come again",
        f"{_OWN} | summarize sum(tolong(line.deliveries)), sum(tolong(line.retries)) by bin(timestamp, 5m)",
    ),
    (
        "Dead letters by reason",
        f"{_OWN} | where isnotempty(line.dead_letter) "
        "| summarize count() by bin(timestamp, 5m), tostring(line.dead_letter)",
    ),
    *_CALLS,
    _TOKENS,
    _COLD_STARTS,
)
RAG_CHARTS: Final = (*FUNCTION_LLM_CHARTS, *EVENT_PIPELINE_CHARTS[:2])
Charts = tuple[tuple[str, str], ...]
"""Titles and queries."""


def workbook(insights_id: str, charts: Charts = FUNCTION_LLM_CHARTS) -> dict[str, Any]:
    """The content of the workbook: a chart a question, asked of the component `insights_id`."""
    return {
        "version": "Notebook/1.0",
        "items": [
            {
                "type": 3,
                "name": title,
                "content": {
                    "version": "KqlItem/1.0",
                    "title": title,
                    "query": query,
                    "size": 0,
                    "queryType": 0,
                    "resourceType": "microsoft.insights/components",
                    "visualization": "timechart",
                    "timeContext": {"durationMs": 24 * 3600 * 1000},
                },
            }
            for title, query in charts
        ],
        "fallbackResourceIds": [insights_id],
    }
