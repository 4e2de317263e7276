"""What Lambda itself writes into a function's log around the function's own lines, as text or as JSON."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from serverless_ai_local.functions.deployed import Deployed
from serverless_ai_local.functions.job import Job, Outcome
from serverless_ai_local.plain import is_mapping

TAIL_BYTES: Final = 4096
MAX_EVENT_BYTES: Final = 256 * 1024
LEVELS: Final = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")
_LEVEL_NAMES: Final = {"WARNING": "WARN", "CRITICAL": "FATAL"}

Write = Callable[[Sequence[tuple[int, str]]], None]
"""Takes (Unix milliseconds, message)."""


class EnvironmentLog:
    """The log stream of one execution environment. `flush` sends the lines that have come together."""

    def __init__(self, deployed: Deployed, write: Write) -> None:
        self.lock = threading.RLock()
        self._deployed, self._write = deployed, write
        self._json = deployed.log_format == "JSON"
        self._pending: list[tuple[int, str]] = []
        self._tail = ""

    def init_start(self) -> None:
        """The environment starts."""
        record = {
            "initializationType": "on-demand",
            "phase": "init",
            "runtimeVersion": f"{self._deployed.runtime} (local)",
            "functionName": self._deployed.name,
            "functionVersion": self._deployed.version,
        }
        self._platform(
            "initStart", "INFO", record, f"INIT_START Runtime Version: {self._deployed.runtime} (local)"
        )

    def start(self, job: Job) -> None:
        """A job was handed to the function."""
        self._tail = ""
        record = {"requestId": job.request_id, "version": self._deployed.version, "tracing": _tracing(job)}
        text = f"START RequestId: {job.request_id} Version: {self._deployed.version}"
        self._platform("start", "INFO", record, text)

    def line(self, text: str) -> None:
        """A line of the function. A carriage return inside it stands for a line break of the same event."""
        text = text.rstrip("\r").replace("\r", "\n")
        if text and not self._filtered(text):
            self._add(text)

    def note(self, job: Job, text: str) -> None:
        """Why the environment ended with this job."""
        stamped = text if text.startswith("RequestId: ") else f"{_iso(time.time())} {job.request_id} {text}"
        self._add(stamped)

    def end(self, job: Job, outcome: Outcome) -> str:
        """The job is done: reports it, sends what has come together and returns the end of this job's log."""
        record: dict[str, Any] = {
            "requestId": job.request_id,
            "metrics": _metrics(self._deployed, outcome),
            "status": outcome.status,
        }
        if outcome.status != "success":
            record["errorType"] = outcome.error_type
        record["tracing"] = _tracing(job)
        level = "INFO" if outcome.status == "success" else "WARN"
        if self._json:
            self._platform("report", level, record, "")
        else:
            self._add(f"END RequestId: {job.request_id}")
            self._add(_report(self._deployed, job, outcome))
        self.flush()
        return self._tail

    def age(self) -> float | None:
        """Seconds since the oldest line that was not sent yet; None if there is none."""
        with self.lock:
            return max(0.0, time.time() - self._pending[0][0] / 1000) if self._pending else None

    def flush(self) -> None:
        """Send what has come together."""
        with self.lock:
            pending, self._pending = self._pending, []
        if pending:
            self._write(pending)

    def _platform(self, event: str, level: str, record: Mapping[str, Any], text: str) -> None:
        if not self._json:
            self._add(text)
        elif LEVELS.index(level) >= LEVELS.index(self._deployed.system_log_level):
            self._add(json.dumps({"time": _iso(time.time()), "type": f"platform.{event}", "record": record}))

    def _filtered(self, text: str) -> bool:
        """JSON lines that state a time and a level below the function's are not kept; all others are."""
        wanted = self._deployed.application_log_level
        if not self._json or wanted == "TRACE" or not text.startswith("{"):
            return False
        try:
            line: Any = json.loads(text)
        except ValueError:
            return False
        if not is_mapping(line) or "timestamp" not in line:
            return False
        level = str(line.get("level", "")).upper()
        level = _LEVEL_NAMES.get(level, level)
        return level in LEVELS and LEVELS.index(level) < LEVELS.index(wanted)

    def _add(self, text: str) -> None:
        now = int(time.time() * 1000)
        with self.lock:
            self._pending += [(now, part) for part in _split(text)]
            self._tail = (self._tail + text + "\n")[-TAIL_BYTES:]


def stream_name(deployed: Deployed, identifier: str) -> str:
    """Name of an environment's log stream; in a log group of its own choice it has the function's name."""
    owner = deployed.name if deployed.custom_log_group else ""
    return f"{datetime.now(UTC):%Y/%m/%d}/{owner}[{deployed.version}]{identifier}"


def _split(text: str) -> list[str]:
    data = text.encode(errors="replace")
    if len(data) <= MAX_EVENT_BYTES:
        return [text]
    parts = [data[start : start + MAX_EVENT_BYTES] for start in range(0, len(data), MAX_EVENT_BYTES)]
    return [part.decode(errors="replace") for part in parts]


def _metrics(deployed: Deployed, outcome: Outcome) -> dict[str, Any]:
    metrics: dict[str, Any] = {
        "durationMs": round(outcome.duration_ms, 3),
        "billedDurationMs": outcome.billed_ms,
        "memorySizeMB": deployed.memory_mb,
    }
    if outcome.max_memory_mb is not None:
        metrics["maxMemoryUsedMB"] = outcome.max_memory_mb
    if outcome.init_ms is not None:
        metrics["initDurationMs"] = round(outcome.init_ms, 3)
    return metrics


def _report(deployed: Deployed, job: Job, outcome: Outcome) -> str:
    parts = [
        f"REPORT RequestId: {job.request_id}",
        f"Duration: {outcome.duration_ms:.2f} ms",
        f"Billed Duration: {outcome.billed_ms} ms",
        f"Memory Size: {deployed.memory_mb} MB",
    ]
    if outcome.max_memory_mb is not None:
        parts.append(f"Max Memory Used: {outcome.max_memory_mb} MB")
    if outcome.init_ms is not None:
        parts.append(f"Init Duration: {outcome.init_ms:.2f} ms")
    if outcome.status in ("timeout", "failure"):
        parts.append(f"Status: {'timeout' if outcome.status == 'timeout' else 'error'}")
    if outcome.status == "failure":
        parts.append(f"Error Type: {outcome.error_type}")
    text = "\t".join(parts) + "\t"
    if job.trace.sampled:
        text += f"\nXRAY TraceId: {job.trace.root}\tSegmentId: {job.trace.parent}\tSampled: true\t"
    return text


def _tracing(job: Job) -> dict[str, str]:
    return {"spanId": job.trace.parent, "type": "X-Amzn-Trace-Id", "value": job.trace.header}


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
