"""Execution environments, reused while they are warm and replaced when the function was deployed anew."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from serverless_ai_local.functions.deployed import Deployed
from serverless_ai_local.functions.environment import Environment
from serverless_ai_local.functions.task_root import TaskRoot, unpack

Make = Callable[[Deployed, TaskRoot], Environment]


@dataclass(kw_only=True, eq=False)
class _Generation:
    """The environments of one version of a function, as it was deployed at one time."""

    fingerprint: str
    root: TaskRoot
    idle: list[Environment] = field(default_factory=list[Environment])
    busy: int = 0
    retired: bool = False


class Pool:
    """Hands out environments; one invocation at a time each."""

    def __init__(self, make: Make, under: Path) -> None:
        """`make` starts an environment; code is unpacked `under` this directory."""
        self._make, self._under = make, under
        self._lock = threading.Lock()
        self._current: dict[str, _Generation] = {}
        self._owners: dict[Environment, _Generation] = {}
        self._closed = False

    def take(self, deployed: Deployed) -> Environment:
        """A warm environment if there is one, else a new one. Raises `UnrunnableError`."""
        with self._lock:
            generation, dropped = self._generation(deployed)
            generation.busy += 1
            found: Environment | None = None
            while generation.idle and found is None:
                candidate = generation.idle.pop()
                if candidate.alive:
                    found = candidate
                else:
                    self._owners.pop(candidate, None)
        _kill(dropped)
        if found is not None:
            return found
        try:
            made = self._make(deployed, generation.root)
        except BaseException:
            self._release(generation)
            raise
        with self._lock:
            self._owners[made] = generation
            closed = self._closed
        if closed:
            made.kill()
        return made

    def give_back(self, environment: Environment) -> None:
        """The invocation is over; an environment that is not wanted any more ends."""
        with self._lock:
            generation = self._owners[environment]
            keep = environment.alive and not generation.retired and not self._closed
            if keep:
                generation.idle.append(environment)
            else:
                del self._owners[environment]
        if not keep:
            environment.kill()
        self._release(generation)

    def reap(self, idle_s: float, wanted: Callable[[str], bool]) -> None:
        """End environments idle for this long, and all whose function (key) is not `wanted` any more."""
        with self._lock:
            dropped: list[Environment] = []
            for key, generation in list(self._current.items()):
                if not wanted(key):
                    dropped += self._retire(key)
                    continue
                old = [
                    one
                    for one in generation.idle
                    if time.monotonic() - one.idle_since > idle_s or not one.alive
                ]
                generation.idle = [one for one in generation.idle if one not in old]
                dropped += old
            for one in dropped:
                self._owners.pop(one, None)
        _kill(dropped)

    def close(self) -> None:
        """End everything, also what is busy."""
        with self._lock:
            self._closed = True
            everything = list(self._owners)
        _kill(everything)

    def running(self) -> list[Environment]:
        """Every environment that has a process."""
        with self._lock:
            return [one for one in self._owners if one.alive]

    def _generation(self, deployed: Deployed) -> tuple[_Generation, list[Environment]]:
        current = self._current.get(deployed.key)
        if current is not None and current.fingerprint == deployed.fingerprint:
            return current, []
        made = _Generation(fingerprint=deployed.fingerprint, root=unpack(deployed, self._under))
        dropped = self._retire(deployed.key)
        for one in dropped:
            self._owners.pop(one, None)
        self._current[deployed.key] = made
        return made, dropped

    def _retire(self, key: str) -> list[Environment]:
        """Take a generation out of use; returns what is to be killed now. What is busy may finish."""
        generation = self._current.pop(key, None)
        if generation is None:
            return []
        generation.retired = True
        idle, generation.idle = generation.idle, []
        if not generation.busy:
            generation.root.remove()
        return idle

    def _release(self, generation: _Generation) -> None:
        with self._lock:
            generation.busy -= 1
            done = generation.retired and not generation.busy
        if done:
            generation.root.remove()


def _kill(environments: list[Environment]) -> None:
    for one in environments:
        one.kill()
