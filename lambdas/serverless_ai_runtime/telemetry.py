"""Structured logs and metrics on standard output: one JSON line closes each invocation, metrics included.

Metrics are in CloudWatch's Embedded Metric Format, which other clouds' log-based metrics read as plain
fields. Prompts and answers are written only if the configuration says so; credentials and headers never come
here.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any, Final

from serverless_ai_runtime import config
from serverless_ai_runtime.core.ports import ServiceError, World

_METRICS: Final = {
    "input_tokens": config.METRIC_INPUT_TOKENS,
    "output_tokens": config.METRIC_OUTPUT_TOKENS,
    "cold_start": config.METRIC_COLD_STARTS,
    "budget_refusals": config.METRIC_BUDGET_REFUSALS,
}


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
    ) -> None:
        self.function_name, self.log_content, self.world = function_name, log_content, world
        self.write, self.clock = write, clock
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
        values = {metric: self._notes.get(note) for note, metric in _METRICS.items()}
        counted = {metric: int(value) for metric, value in values.items() if isinstance(value, int) and value}
        if not counted:
            return {}
        directive = {
            "Namespace": config.METRIC_NAMESPACE,
            "Dimensions": [["FunctionName"]],
            "Metrics": [{"Name": metric, "Unit": "Count"} for metric in counted],
        }
        now_ms = int(self._telemetry.world.now() * 1000)
        metadata = {"Timestamp": now_ms, "CloudWatchMetrics": [directive]}
        return {"_aws": metadata, "FunctionName": self._telemetry.function_name, **counted}

    def _write(self, level: str, message: str, fields: dict[str, Any]) -> None:
        now = self._telemetry.world.now()
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now * 1000) % 1000:03d}Z"
        line = {"timestamp": stamp, "level": level, "message": message, **self._ids, **fields}
        self._telemetry.write(json.dumps(line, default=str))


def _shown(value: object) -> object:
    """An expected failure as its text; a fault of ours with the way to it."""
    if not isinstance(value, Exception):
        return value
    if isinstance(value, ServiceError):
        return str(value)
    from traceback import format_exception  # rare

    return "".join(format_exception(value))
