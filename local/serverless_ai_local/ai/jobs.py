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
    """Jobs by their ids. Thread-safe."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
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
        job = Job(id=id_, owner=owner.lower(), begun_at=time.time(), about=about, outcome=work())
        with self._lock:
            found = self._jobs.setdefault(id_, job)
        if found is job and ended is not None:
            timer = threading.Timer(TAKES_S, ended, (job,))
            timer.daemon = True
            timer.start()
        return found

    def get(self, owner: str, id_: str) -> Job | None:
        with self._lock:
            job = self._jobs.get(id_)
        return job if job is not None and job.owner == owner.lower() else None
