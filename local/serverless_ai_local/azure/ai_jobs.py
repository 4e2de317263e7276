"""Jobs of the local AI services of Azure: begun at once, done after a moment, read by who may."""

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
    """One job of the account with this id."""

    account: str
    begun_at: float
    about: Any
    """What whoever began it said of it."""
    outcome: Outcome

    @property
    def running(self) -> bool:
        return time.time() < self.begun_at + TAKES_S


class Jobs:
    """Jobs by their ids. Thread-safe."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()

    def begin(self, account: str, work: Callable[[], Outcome], about: Any = None) -> str:
        """Do the work, and tell the job's id; its outcome is told later."""
        id_ = str(uuid.uuid4())
        job = Job(account=account.lower(), begun_at=time.time(), about=about, outcome=work())
        with self._lock:
            self._jobs[id_] = job
        return id_

    def get(self, account: str, id_: str) -> Job | None:
        with self._lock:
            job = self._jobs.get(id_)
        return job if job is not None and job.account == account.lower() else None
