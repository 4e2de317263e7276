"""Jobs of the local AI services: done at once, said to be running for a moment, then told of."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

TAKES_S: Final = 0.5
"""So long a job is running, as a real one takes seconds or minutes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What a job came to: a value, or a code and why there is none."""

    value: Any = None
    code: str = ""
    message: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """One job of an owner: an account, a project."""

    id: str
    owner: str
    begun_at: float
    about: Any
    """What whoever began it said of it."""
    outcome: Outcome

    @property
    def running(self) -> bool:
        return time.time() < self.begun_at + TAKES_S


class Jobs:
    """Jobs by their owners and ids. Thread-safe."""

    def __init__(self) -> None:
        self._jobs: dict[tuple[str, str], Job] = {}
        self._timers: set[threading.Timer] = set()
        self._lock = threading.Lock()

    def begin(
        self,
        owner: str,
        work: Callable[[], Outcome],
        about: Any = None,
        *,
        name: str = "",
        ended: Callable[[Job], None] | None = None,
    ) -> Job:
        """Do the work; what came out is told later, to `ended` as well. A job with a `name` is begun once."""
        id_ = name or str(uuid.uuid4())
        outcome = work()
        job = Job(id=id_, owner=owner.lower(), begun_at=time.time(), about=about, outcome=outcome)
        with self._lock:
            found = self._jobs.setdefault((job.owner, id_), job)
        if found is job and ended is not None:
            self._tell_later(job, ended)
        return found

    def _tell_later(self, job: Job, ended: Callable[[Job], None]) -> None:
        def tell() -> None:
            with self._lock:
                self._timers.discard(timer)
            ended(job)

        timer = threading.Timer(TAKES_S, tell)
        timer.daemon = True
        with self._lock:
            self._timers.add(timer)
        timer.start()

    def stop(self) -> None:
        """Tell nobody any more."""
        with self._lock:
            timers, self._timers = self._timers, set()
        for timer in timers:
            timer.cancel()

    def get(self, owner: str, id_: str) -> Job | None:
        with self._lock:
            return self._jobs.get((owner.lower(), id_))
