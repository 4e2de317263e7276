"""Attempts to deliver, and dead letters when they fail: what EventBridge and Scheduler have in common."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

from serverless_ai_local.aws.delivery import Undeliverable

DEFAULT_RETRIES: Final = 185
DEFAULT_AGE_S: Final = 86_400
_LONGEST_DELAY: Final = 60
_WORKERS: Final = 32
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """A delivery that was given up."""

    code: str
    message: str
    attempts: int
    exhausted: str = ""
    """`MaximumRetryAttempts` or `MaximumEventAgeInSeconds`; empty if trying again would not have helped."""


class Attempts:
    """Runs deliveries in the background, each with its retry policy."""

    def __init__(self, *, retry_s: float) -> None:
        """`retry_s`: seconds before the first retry; each further one waits twice as long, up to 60 times."""
        self._retry_s = retry_s
        self._stopped = threading.Event()
        self._workers = ThreadPoolExecutor(_WORKERS, thread_name_prefix="delivery")

    def later(
        self, send: Callable[[int], None], policy: Mapping[str, Any], dead: Callable[[Failure], None]
    ) -> None:
        """Like `now`, in the background."""
        self._workers.submit(self._safely, send, policy, dead)

    def now(
        self, send: Callable[[int], None], policy: Mapping[str, Any], dead: Callable[[Failure], None]
    ) -> Failure | None:
        """Deliver with retries. `send` gets the attempt's number (from 1); `dead` gets what was given up."""
        failure = self._try(send, policy)
        if failure is not None:
            dead(failure)
        return failure

    def stop(self) -> None:
        """Begin nothing more; a delivery that waits for its next attempt fails at once."""
        self._stopped.set()
        self._workers.shutdown(wait=False, cancel_futures=True)

    def _safely(
        self, send: Callable[[int], None], policy: Mapping[str, Any], dead: Callable[[Failure], None]
    ) -> None:
        try:
            self.now(send, policy, dead)
        except Exception:
            _log.exception("lost: a delivery broke the local cloud")

    def _try(self, send: Callable[[int], None], policy: Mapping[str, Any]) -> Failure | None:
        retries = int(policy.get("MaximumRetryAttempts", DEFAULT_RETRIES))
        until = time.monotonic() + float(policy.get("MaximumEventAgeInSeconds", DEFAULT_AGE_S))
        attempt = 0
        while True:
            attempt += 1
            try:
                send(attempt)
                return None
            except Undeliverable as error:
                return Failure(code=error.code, message=error.message, attempts=attempt)
            except Exception as error:
                _log.exception("a delivery failed; it is tried again")
                code, message = type(error).__name__, str(error)
            if attempt > retries:
                return Failure(code=code, message=message, attempts=attempt, exhausted="MaximumRetryAttempts")
            delay = self._retry_s * min(2 ** (attempt - 1), _LONGEST_DELAY)
            if time.monotonic() + delay > until or self._stopped.wait(delay):
                return Failure(
                    code=code, message=message, attempts=attempt, exhausted="MaximumEventAgeInSeconds"
                )
