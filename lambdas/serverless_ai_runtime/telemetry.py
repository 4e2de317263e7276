"""Structured logs and metrics on standard output: one JSON line closes each invocation, metrics included.

How metrics stand in the line is the cloud's choice: `embedded` for CloudWatch, which reads its own format
out of logs; `plain` where queries over the log make them. In Application Insights the line is the message of
a trace: `traces | extend line = parse_json(message) | summarize sum(tolong(line.Tokens))`. In Cloud Logging
it is the entry's jsonPayload, from which it takes out time, severity and trace. Prompts and answers are
written only if the configuration says so; credentials and headers never come here.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from serverless_ai_runtime import config
from serverless_ai_runtime.core.ports import ServiceError, World

_METRICS: Final = {
    "input_tokens": config.METRIC_INPUT_TOKENS,
    "output_tokens": config.METRIC_OUTPUT_TOKENS,
    "cold_start": config.METRIC_COLD_STARTS,
    "budget_refusals": config.METRIC_BUDGET_REFUSALS,
}

Metrics = Callable[[str, Mapping[str, int], float], dict[str, Any]]
"""Name of the function, counts by metric and Unix seconds -> fields of the closing line."""


def embedded(function_name: str, counts: Mapping[str, int], now: float) -> dict[str, Any]:
    """CloudWatch's Embedded Metric Format."""
    directive = {
        "Namespace": config.METRIC_NAMESPACE,
        "Dimensions": [["FunctionName"]],
        "Metrics": [{"Name": metric, "Unit": "Count"} for metric in counts],
    }
    metadata = {"Timestamp": int(now * 1000), "CloudWatchMetrics": [directive]}
    return {"_aws": metadata, **plain(function_name, counts, now)}


def plain(function_name: str, counts: Mapping[str, int], now: float) -> dict[str, Any]:
    """Each count under its metric's name; the line says when."""
    return {"FunctionName": function_name, **counts}


Head = Callable[[str, str], dict[str, str]]
"""Time (ISO 8601) and level of a line -> its first fields."""


def by_level(at: str, level: str) -> dict[str, str]:
    """As people and most log stores read them."""
    return {"timestamp": at, "level": level}


def by_severity(at: str, level: str) -> dict[str, str]:
    """The fields that Cloud Logging takes out of a line, and its word for a warning."""
    return {"time": at, "severity": "WARNING" if level == "WARN" else level}


def _to_stdout(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


class Telemetry:
    """Of one process, so that it knows which invocation was its first."""

    def __init__(
        self,
        function_name: str,
        *,
        log_content: bool,
        world: World,
        write: Callable[[str], None] = _to_stdout,
        clock: Callable[[], float] = time.monotonic,
        metrics: Metrics = embedded,
        head: Head = by_level,
    ) -> None:
        self.function_name, self.log_content, self.world = function_name, log_content, world
        self.write, self.clock, self.metrics, self.head = write, clock, metrics, head
        self._cold = True

    def begin(self, **ids: str) -> Invocation:
        """The journal of one invocation; `ids` are in each of its lines."""
        cold, self._cold = self._cold, False
        return Invocation(self, ids, cold_start=cold)


class Invocation:
    """A `Journal` whose notes are written when it ends."""

    def __init__(self, telemetry: Telemetry, ids: dict[str, str], *, cold_start: bool) -> None:
        self._telemetry = telemetry
        self._ids = {name: value for name, value in ids.items() if value}
        self._notes: dict[str, object] = {"cold_start": cold_start}
        self._started = telemetry.clock()

    def note(self, **fields: object) -> None:
        self._notes.update(fields)

    def warn(self, message: str, **fields: object) -> None:
        self._write("WARN", message, {name: _shown(value) for name, value in fields.items()})

    def content(self, **texts: str) -> None:
        if self._telemetry.log_content:
            self._write("INFO", "content", {"content": texts})

    def end(self, message: str, *, failed: bool = False) -> None:
        """Write the closing line with duration and metrics."""
        duration = round((self._telemetry.clock() - self._started) * 1000)
        fields = {"duration_ms": duration, **self._notes}
        self._write("ERROR" if failed else "INFO", message, fields | self._metrics())

    def _metrics(self) -> dict[str, Any]:
        noted = {metric: self._notes.get(note) for note, metric in _METRICS.items()}
        counts = {metric: int(value) for metric, value in noted.items() if isinstance(value, int) and value}
        tokens = counts.get(config.METRIC_INPUT_TOKENS, 0) + counts.get(config.METRIC_OUTPUT_TOKENS, 0)
        if tokens:
            counts[config.METRIC_TOKENS] = tokens
        telemetry = self._telemetry
        return telemetry.metrics(telemetry.function_name, counts, telemetry.world.now()) if counts else {}

    def _write(self, level: str, message: str, fields: dict[str, Any]) -> None:
        now = self._telemetry.world.now()
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now * 1000) % 1000:03d}Z"
        line = {**self._telemetry.head(stamp, level), "message": message, **self._ids, **fields}
        self._telemetry.write(json.dumps(line, default=str))


def _shown(value: object) -> object:
    """An expected failure as its text; a fault of ours with the way to it."""
    if not isinstance(value, Exception):
        return value
    if isinstance(value, ServiceError):
        return str(value)
    from traceback import format_exception  # rare

    return "".join(format_exception(value))
