"""What is told while a program runs: steps, messages, problems; secrets are taken out of every text."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

from serverless_ai_local.doors.pulumi.results import DONE, ONGOING, Op, Step, StepEvent
from serverless_ai_local.plain import is_list, is_mapping

SHORTEST = 3
"""Shorter secrets are not searched for: they would hide half of every text (so does the Pulumi CLI)."""
HARMLESS = ("true", "false", "null", "none")


class Report:
    """Thread-safe. `on_event` is called from the thread in which something happens, one call at a time."""

    def __init__(self, on_event: Callable[[StepEvent], None] | None = None) -> None:
        self.steps: list[Step] = []
        self.warnings: list[str] = []
        self.problems: list[str] = []
        self._on_event = on_event
        self._secrets: set[str] = set()
        self._lock = threading.RLock()

    def secret(self, value: Any) -> None:
        """Never let this value through again, nor one of its lines, nor its form in JSON."""
        text = str(value)
        for form in (text, json.dumps(text)[1:-1], *text.splitlines()):
            if len(form.strip()) >= SHORTEST and form.lower() not in HARMLESS:
                self._secrets.add(form)

    def clean(self, text: str) -> str:
        """The text without secrets."""
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, "[secret]")
        return text

    def clean_all(self, value: Any) -> Any:
        """The same for every text in a value."""
        if isinstance(value, str):
            return self.clean(value)
        if is_mapping(value):
            return {key: self.clean_all(item) for key, item in value.items()}
        if is_list(value):
            return [self.clean_all(item) for item in value]
        return value

    def begin(self, op: Op, urn: str, type_: str, name: str) -> None:
        """A step begins."""
        self._tell(StepEvent(status=ONGOING[op], urn=urn, type=type_, name=name))

    def done(self, step: Step) -> None:
        """A step is done."""
        with self._lock:
            self.steps.append(step)
        self._tell(StepEvent(status=DONE[step.op], urn=step.urn, type=step.type, name=step.name))

    def message(self, severity: str, text: str) -> None:
        """The program, or the door itself, says something; `error` is a problem."""
        text = self.clean(text)
        with self._lock:
            if severity == "warning" and text not in self.warnings:
                self.warnings.append(text)
        self._tell(StepEvent(status=severity, text=text))

    def problem(self, text: str, *, urn: str = "", type_: str = "", name: str = "") -> None:
        """Something failed: the deployment will not succeed."""
        text = self.clean(text)
        with self._lock:
            self.problems.append(text)
        self._tell(StepEvent(status="failed", urn=urn, type=type_, name=name, text=text))

    def _tell(self, event: StepEvent) -> None:
        with self._lock:
            if self._on_event is not None:
                self._on_event(event)
