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
    of: Literal["model", "topic"]
    namespace: str
    metric: str
    threshold: int
    window: str
    dimensions: tuple[tuple[str, str], ...] = ()
    severity: int = WARNING


def log_alerts(*, timeout_s: int, events: bool) -> list[LogAlert]:
    """Errors and slowness, and dead letters where `events` can become some."""
    found = [
        LogAlert(
            name="Errors",
            description="The function failed, or answered 5xx",
            query="requests | where success == false and (resultCode == '0' or toint(resultCode) >= 500)",
        ),
        LogAlert(
            name="Duration",
            description=f"p95 above {DURATION_SHARE:.0%} of the {timeout_s} s timeout for 15 minutes",
            query="requests | summarize p95 = percentile(duration, 95) "
            f"| where p95 > {timeout_s * 1000 * DURATION_SHARE:g}",
            severity=WARNING,
        ),
    ]
    if events:
        found.append(
            LogAlert(
                name="DeadLetters",
                description=f"An event that failed every time was put into the queue {DEAD_LETTERS}",
                # What the handler says, or the host in its stead: Azure Monitor counts the messages of an
                # account and not of a queue.
                query=f"{LINES} | where tobool(line.dead_letter) "
                "or message startswith 'Message has reached MaxDequeueCount'",
            )
        )
    return found


def metric_alerts(*, tokens_per_hour: int, topic: bool) -> list[MetricAlert]:
    """Throttles of the model and spending, and undelivered events where there is a topic."""
    found = [
        MetricAlert(
            name="Throttles",
            description="The model refused calls for the deployment's capacity",
            of="model",
            namespace=_MODEL,
            metric="AzureOpenAIRequests",
            dimensions=(("StatusCode", "429"),),
            threshold=0,
            window=QUARTER,
        ),
        MetricAlert(
            name="Tokens",
            description=f"More than {tokens_per_hour} tokens (in + out) in an hour",
            of="model",
            namespace=_MODEL,
            metric="TokenTransaction",
            threshold=tokens_per_hour,
            window=HOUR,
        ),
    ]
    if topic:
        found.append(
            MetricAlert(
                name="Undelivered",
                description="Event Grid could not put events into the queue",
                of="topic",
                namespace=_TOPIC,
                metric="DeadLetteredCount",
                threshold=0,
                window=QUARTER,
                severity=ERROR,
            )
        )
    return found


_OWN: Final = f"{LINES} | where isnotempty(line.FunctionName)"
_CHARTS: Final = (
    ("Requests", "requests | summarize count() by bin(timestamp, 5m), resultCode"),
    ("Duration (ms)", "requests | summarize percentiles(duration, 50, 95) by bin(timestamp, 5m)"),
    ("Failures", "requests | where success == false | summarize count() by bin(timestamp, 5m), name"),
    (
        "Tokens",
        f"{_OWN} | summarize sum(tolong(line.{config.METRIC_INPUT_TOKENS})), "
        f"sum(tolong(line.{config.METRIC_OUTPUT_TOKENS})) by bin(timestamp, 5m)",
    ),
    (
        "Refused by budget",
        f"{_OWN} | summarize sum(tolong(line.{config.METRIC_BUDGET_REFUSALS})) by bin(timestamp, 5m)",
    ),
    (
        "Cold starts",
        f"{_OWN} | summarize sum(tolong(line.{config.METRIC_COLD_STARTS})) by bin(timestamp, 5m)",
    ),
)


def workbook(insights_id: str) -> dict[str, Any]:
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
            for title, query in _CHARTS
        ],
        "fallbackResourceIds": [insights_id],
    }
