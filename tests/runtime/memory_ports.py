"""The ports in memory, with a clock and chance that the test decides. Safe to use from many threads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from typing import Any

from serverless_ai_runtime.core.ports import (
    END,
    Answer,
    Deadline,
    LimitReached,
    Prompt,
    Record,
    Unavailable,
    VersionConflict,
    World,
)

NOON = 1_795_521_600.0
"""2026-11-24T12:00:00Z."""


class Clock:
    """Time that only passes when somebody sleeps or the test says so."""

    def __init__(self, now: float = NOON) -> None:
        self.now = now
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def deadline(self, seconds: float) -> Deadline:
        return Deadline(seconds, self)

    def world(self) -> World:
        numbers = count(1)
        return World(self, self.sleep, lambda: 0.5, lambda: f"{next(numbers):032x}")


class MemoryStore:
    """A `KeyValueStore`. `failures` are raised by the next calls; `before` sees each call first."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._versions = count(1)
        self.records: dict[str, tuple[dict[str, Any], str, int]] = {}
        self.counters: dict[str, int] = {}
        self.highest: dict[str, int] = {}
        self.failures: list[Exception] = []
        self.before: Callable[[str, str], None] = lambda operation, key: None

    def get(self, key: str, deadline: Deadline) -> Record | None:
        self._called("get", key, deadline)
        with self._lock:
            return self._live(key)

    def get_many(self, keys: Sequence[str], deadline: Deadline) -> dict[str, Record]:
        self._called("get", " ".join(keys), deadline)
        with self._lock:
            found = {key: self._live(key) for key in keys}
            return {key: record for key, record in found.items() if record}

    def put(
        self, key: str, value: Mapping[str, Any], *, expect: str | None, expires_at: int, deadline: Deadline
    ) -> str:
        self._called("put", key, deadline)
        with self._lock:
            record = self._live(key)
            if (record.version if record else None) != expect:
                raise VersionConflict(key)
            version = str(next(self._versions))
            self.records[key] = (dict(value), version, expires_at)
            return version

    def add(self, key: str, amount: int, *, limit: int | None, expires_at: int, deadline: Deadline) -> int:
        self._called("add", key, deadline)
        with self._lock:
            total = self.counters.get(key, 0) + amount
            if limit is not None and total > limit:
                raise LimitReached(key)
            self.counters[key] = total
            self.highest[key] = max(total, self.highest.get(key, 0))
            return total

    def _live(self, key: str) -> Record | None:
        value, version, expires_at = self.records.get(key, ({}, "", 1))
        return None if expires_at and expires_at <= self._now() else Record(value, version)

    def _called(self, operation: str, key: str, deadline: Deadline) -> None:
        assert key.isascii()
        assert all(len(one) <= 128 for one in key.split())
        self.before(operation, key)
        if self.failures:
            raise self.failures.pop(0)
        if deadline.remaining() <= 0:
            raise Unavailable("Store", operation, 0, "NoTime", "the deadline has passed")


class FakeModel:
    """Answers with `answers` in turn (the last one for ever); exceptions are raised, functions called."""

    name = "fake-model"

    def __init__(self, *answers: Answer | Exception | Callable[[Prompt, Deadline], Answer]) -> None:
        self._answers: Sequence[Answer | Exception | Callable[[Prompt, Deadline], Answer]] = answers or (
            said("fine"),
        )
        self.prompts: list[Prompt] = []
        self.remaining: list[float] = []

    def answer(self, prompt: Prompt, deadline: Deadline) -> Answer:
        self.prompts.append(prompt)
        self.remaining.append(deadline.remaining())
        answer = self._answers[min(len(self.prompts), len(self._answers)) - 1]
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, Answer) else answer(prompt, deadline)

    def stream(self, prompt: Prompt, deadline: Deadline) -> Iterator[str | Answer]:
        return pieces_of(self.answer(prompt, deadline))


def pieces_of(answer: Answer, size: int = 7) -> Iterator[str | Answer]:
    """An answer as a model streams it."""
    yield from (answer.text[start : start + size] for start in range(0, len(answer.text), size))
    yield answer


def said(text: str, stop_reason: str = END, tokens: tuple[int, int] = (10, 5)) -> Answer:
    return Answer(text, stop_reason, *tokens)


class Outbox:
    """A `Publisher`; `failures` are raised by the next sends."""

    def __init__(self) -> None:
        self.sent: list[Mapping[str, Any]] = []
        self.failures: list[Exception] = []

    def publish(self, body: Mapping[str, Any], deadline: Deadline) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.sent.append(body)


class Notebook:
    """A `Journal` that remembers."""

    def __init__(self) -> None:
        self.notes: dict[str, object] = {}
        self.warnings: list[tuple[str, dict[str, object]]] = []
        self.contents: list[dict[str, str]] = []

    def note(self, **fields: object) -> None:
        self.notes.update(fields)

    def warn(self, message: str, **fields: object) -> None:
        self.warnings.append((message, fields))

    def content(self, **texts: str) -> None:
        self.contents.append(texts)
