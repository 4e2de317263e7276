"""Interleaved measurements: every round runs every subject once, so that a busy machine slows them all."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from statistics import median
from threading import Timer
from typing import Any, NamedTuple


class FailedError(Exception):
    """A subject did not do what is measured; the message holds what it said."""


class By(Enum):
    """What times are compared by."""

    WALL = "wall"
    """From the start of the process to its answer: what a caller waits."""
    CPU = "cpu"
    """What the process and its children computed, to their end: hardly depends on what else is running."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A command whose time counts from its start to the line that is its answer."""

    name: str
    command: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    expect: str = ""
    """The line must be this; empty: the process must end well, and its whole time counts."""
    cwd: Path | None = None
    timeout_s: float = 120


class Time(NamedTuple):
    """Of one run, in milliseconds."""

    wall: float
    cpu: float


@dataclass(frozen=True)
class Result:
    """Times of one subject."""

    times: tuple[Time, ...]

    def median_ms(self, by: By) -> float:
        return median(self._ms(by))

    def min_ms(self, by: By) -> float:
        return min(self._ms(by))

    def ratio(self, base: Result, by: By) -> float:
        """Of the best times: other work on the machine only adds, and would bring the medians together."""
        return self.min_ms(by) / base.min_ms(by)

    def to_json(self) -> dict[str, Any]:
        """For build/bench.json."""
        return {
            f"{by.value}_ms": {
                "median": round(self.median_ms(by), 2),
                "min": round(self.min_ms(by), 2),
                "all": [round(ms, 2) for ms in self._ms(by)],
            }
            for by in By
        }

    def _ms(self, by: By) -> list[float]:
        return [time.wall if by is By.WALL else time.cpu for time in self.times]


def interleaved(subjects: Sequence[Subject], rounds: int, warm_up: int = 1) -> dict[str, Result]:
    """Times of `rounds` rounds, after `warm_up` ones that fill the page cache and do not count.

    Raises `FailedError` at the first subject that fails: the others would be compared with nothing.
    """
    times: dict[str, list[Time]] = {subject.name: [] for subject in subjects}
    for number in range(-warm_up, rounds):
        for subject in subjects:
            measured = _run(subject)
            if number >= 0:
                times[subject.name].append(measured)
    return {name: Result(tuple(measured)) for name, measured in times.items()}


def _run(subject: Subject) -> Time:
    with tempfile.TemporaryFile("w+", encoding="utf-8") as errors:
        start = time.perf_counter()
        process = subprocess.Popen(
            subject.command,
            env=dict(subject.env),
            cwd=subject.cwd,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        limit = Timer(subject.timeout_s, process.kill)
        limit.start()
        try:
            said, answered = _answer(subject, process)
        finally:
            # Waiting here, and not by Popen, tells what this process alone has used.
            _, status, used = os.wait4(process.pid, 0)
            limit.cancel()
        ended = time.perf_counter()
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode or answered is None:
            errors.seek(0)
            text = f"{subject.name} ended with {process.returncode} and not with an answer:"
            raise FailedError(f"{text}\n{said}{errors.read()}")
    wall_s = (answered if subject.expect else ended) - start
    return Time(wall_s * 1000, (used.ru_utime + used.ru_stime) * 1000)


def _answer(subject: Subject, process: subprocess.Popen[str]) -> tuple[str, float | None]:
    """All that it wrote, and when the expected line came; None if it did not.

    Handlers log lines of their own to the same output.
    """
    assert process.stdout
    answered = None if subject.expect else time.perf_counter()
    said: list[str] = []
    with process.stdout as lines:
        for line in lines:
            if answered is None and line.strip() == subject.expect:
                answered = time.perf_counter()
            said.append(line)
    return "".join(said), answered
