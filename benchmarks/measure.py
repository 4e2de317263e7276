"""Interleaved measurements: every round runs every subject once, so that a busy machine slows them all."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any


class FailedError(Exception):
    """A subject did not do what is measured; the message holds what it said."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A command whose time counts from its start to its first line of output."""

    name: str
    command: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    expect: str = ""
    """The line must be this; empty: the process must end well, and its whole time counts."""
    cwd: Path | None = None


@dataclass(frozen=True)
class Result:
    """Times of one subject in milliseconds."""

    name: str
    times_ms: tuple[float, ...]

    @property
    def median_ms(self) -> float:
        return median(self.times_ms)

    @property
    def min_ms(self) -> float:
        return min(self.times_ms)

    def to_json(self) -> dict[str, Any]:
        """For build/bench.json."""
        times = [round(t, 2) for t in self.times_ms]
        return {"median_ms": round(self.median_ms, 2), "min_ms": round(self.min_ms, 2), "times_ms": times}


def interleaved(subjects: Sequence[Subject], rounds: int, warm_up: int = 1) -> dict[str, Result]:
    """Times of `rounds` rounds, after `warm_up` ones that fill the page cache and do not count."""
    times: dict[str, list[float]] = {subject.name: [] for subject in subjects}
    for number in range(-warm_up, rounds):
        for subject in subjects:
            elapsed = _run(subject)
            if number >= 0:
                times[subject.name].append(elapsed)
    return {name: Result(name, tuple(measured)) for name, measured in times.items()}


def _run(subject: Subject) -> float:
    start = time.perf_counter()
    process = subprocess.Popen(
        subject.command,
        env=dict(subject.env),
        cwd=subject.cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    # The handler logs JSON lines of its own to stdout; the answer is the line that was expected.
    line = (
        next((text for text in process.stdout if text.strip() == subject.expect), None)
        if subject.expect
        else ""
    )
    answered = time.perf_counter()
    rest, errors = process.communicate()
    if line is None or process.returncode:
        raise FailedError(
            f"{subject.name} ended with {process.returncode} and not with an answer:\n{rest}{errors}"
        )
    return ((answered if subject.expect else time.perf_counter()) - start) * 1000
