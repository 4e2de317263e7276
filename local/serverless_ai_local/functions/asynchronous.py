"""Asynchronous invocations: a queue in front of the functions, with retries. No event ends without a word."""

from __future__ import annotations

import heapq
import itertools
import logging
import os
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final, Protocol

from serverless_ai_local.aws.api import ApiError, Invocation
from serverless_ai_local.functions import deployed as deployments
from serverless_ai_local.functions.deployed import Deployed
from serverless_ai_local.functions.destinations import Condition, Ended
from serverless_ai_local.functions.job import failure
from serverless_ai_local.functions.settings import AsyncSettings

RETRY_VARIABLE: Final = "LOCAL_ASYNC_RETRY_SECONDS"
_LONGEST_THROTTLE_DELAY: Final = 300
"""Times the unit; Lambda waits up to five minutes."""
_WORKERS: Final = 32
_log = logging.getLogger(__name__)


def retry_seconds() -> float:
    """Seconds before the first retry; the second waits twice as long (AWS: one and two minutes).

    Raises ValueError if the variable says anything but a number of seconds.
    """
    text = os.environ.get(RETRY_VARIABLE, "1")
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 3600:
        raise ValueError(f"{RETRY_VARIABLE} must be a number of seconds from 0 to 3600, got {text!r}")
    return seconds


class Run(Protocol):
    """Runs a function synchronously: `SyncHost.invoke`."""

    def __call__(
        self, function_arn: str, payload: bytes, *, request_id: str = "", trace_header: str = ""
    ) -> Invocation: ...


@dataclass(kw_only=True)
class _Event:
    function_arn: str
    payload: bytes
    trace_header: str
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    accepted: float = field(default_factory=time.monotonic)
    attempts: int = 0
    throttles: int = 0
    answer: Invocation | None = None


class AsyncQueue:
    """Accepts events at once and runs them in the background."""

    def __init__(self, run: Run, settle: Callable[[Ended, AsyncSettings], None], *, retry_s: float) -> None:
        """`settle` is told of every event that will not be tried again."""
        self._run, self._settle, self._retry_s = run, settle, retry_s
        self._changed = threading.Condition()
        self._waiting: list[tuple[float, int, _Event]] = []
        self._order = itertools.count()
        self._stopped = False
        self._workers = ThreadPoolExecutor(_WORKERS, thread_name_prefix="async-invoke")
        threading.Thread(target=self._dispatch, daemon=True).start()

    def put(self, function_arn: str, payload: bytes, trace_header: str = "") -> str:
        """Accept an event; returns its request id. Raises KeyError if there is no such function."""
        deployments.read(function_arn)
        event = _Event(function_arn=function_arn, payload=payload or b"{}", trace_header=trace_header)
        self._later(event, 0.0)
        return event.request_id

    def stop(self) -> None:
        """Accept and run nothing more. What waits is said to be lost."""
        with self._changed:
            self._stopped = True
            waiting, self._waiting = self._waiting, []
            self._changed.notify_all()
        for _, _, event in waiting:
            _lost(event, "the local cloud stopped before it was processed")
        self._workers.shutdown(wait=False, cancel_futures=True)

    def _later(self, event: _Event, delay_s: float) -> None:
        with self._changed:
            if not self._stopped:
                heapq.heappush(self._waiting, (time.monotonic() + delay_s, next(self._order), event))
                self._changed.notify_all()
                return
        _lost(event, "the local cloud stopped before it was processed")

    def _dispatch(self) -> None:
        while True:
            with self._changed:
                while not self._stopped and (not self._waiting or self._waiting[0][0] > time.monotonic()):
                    self._changed.wait(self._waiting[0][0] - time.monotonic() if self._waiting else None)
                if self._stopped:
                    return
                event = heapq.heappop(self._waiting)[2]
            self._workers.submit(self._attempt, event)

    def _attempt(self, event: _Event) -> None:
        try:
            deployed = deployments.read(event.function_arn)
            settings = deployments.invoke_settings(event.function_arn)
            condition = self._try(event, deployed, settings)
            if condition is not None:
                self._settle(
                    Ended(
                        deployed=deployed,
                        request_id=event.request_id,
                        payload=event.payload,
                        condition=condition,
                        invoke_count=event.attempts,
                        answer=event.answer,
                    ),
                    settings,
                )
        except KeyError as error:
            _lost(event, f"{error.args[0]} any more")
        except Exception:
            _log.exception(
                "lost: event %s for %s broke the local cloud", event.request_id, event.function_arn
            )

    def _try(self, event: _Event, deployed: Deployed, settings: AsyncSettings) -> Condition | None:
        """One attempt; None if there will be another."""
        left = event.accepted + settings.age_s - time.monotonic()
        if left <= 0:
            return "EventAgeExceeded"
        if deployed.reserved_concurrency == 0:
            return "ZeroReservedConcurrency"
        try:
            answer = self._run(
                event.function_arn,
                event.payload,
                request_id=event.request_id,
                trace_header=event.trace_header,
            )
        except ApiError as error:
            answer = Invocation(
                payload=failure(error.code, error.message), error="Unhandled", status=error.status
            )
        if answer.status == 429:
            delay = self._retry_s * min(2**event.throttles, _LONGEST_THROTTLE_DELAY)
            event.throttles += 1
            self._later(event, min(delay, left))
            return None
        event.attempts += 1
        event.answer = answer
        if answer.error is None:
            return "Success"
        if event.attempts > settings.retries:
            return "RetriesExhausted"
        self._later(event, min(self._retry_s * event.attempts, left))
        return None


def _lost(event: _Event, reason: str) -> None:
    _log.warning("lost: event %s for %s: %s", event.request_id, event.function_arn, reason)
