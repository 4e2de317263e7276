"""Instances of all functions: as many as requests need, none for idle ones, new ones for new revisions."""

from __future__ import annotations

import logging
import shutil
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from serverless_ai_local.functions.guard import Guard
from serverless_ai_local.gcp import types
from serverless_ai_local.gcp.registry import Registry
from serverless_ai_local.gcp.run.function import Function
from serverless_ai_local.gcp.run.instance import Instance, StartError
from serverless_ai_local.gcp.run.log import Logs
from serverless_ai_local.gcp.run.secret_variables import SecretError, filled_in
from serverless_ai_local.gcp.services.metadata import MetadataServer
from serverless_ai_local.gcp.services.secret_manager import SecretManager
from serverless_ai_local.gcp.tokens import GoogleTokens

IDLE_S: Final = 900.0
"""Cloud Run keeps an idle instance for up to 15 minutes."""
QUEUE_S: Final = 10.0
"""A request waits this long for a free place when no more instances may be made (Cloud Run: 10 s at most)."""
_log = logging.getLogger(__name__)


class NoInstanceError(Exception):
    """Every instance is full, and no more may be made."""


class Fleet:
    """Hands out instances; up to the deployed concurrency share one."""

    def __init__(
        self,
        registry: Registry,
        tokens: GoogleTokens,
        secrets: SecretManager,
        services: Mapping[str, str],
    ) -> None:
        self._registry, self._tokens = registry, tokens
        self._secrets, self._services = secrets, services
        self._root = Path(tempfile.mkdtemp(prefix="serverless-ai-run-"))
        self._guard: Guard | None = None
        """Started with the first instance."""
        self.logs = Logs()
        self._changed = threading.Condition()
        self._instances: dict[str, list[Instance]] = defaultdict(list)
        self._stopped = False
        registry.listen(self._forget)

    @contextmanager
    def instance(self, function: Function) -> Generator[Instance]:
        """A place in an instance that listens. Raises `NoInstanceError`, `StartError`."""
        taken = self._take(function)
        try:
            taken.wait()
            yield taken
        finally:
            self._give_back(taken)

    def running(self) -> list[dict[str, Any]]:
        """Instances that have a process now."""
        with self._changed:
            everything = [one for some in self._instances.values() for one in some]
        return [
            {"function": one.function.name, "revision": one.revision, "pid": one.pid}
            for one in everything
            if one.alive
        ]

    def reap(self) -> None:
        """End what has been idle for long."""
        with self._changed:
            old = [
                one
                for some in self._instances.values()
                for one in some
                if not one.in_flight and time.monotonic() - one.idle_since > IDLE_S
            ]
            self._drop(old)
        _kill(old)

    def stop(self) -> None:
        """End every process and remove what was unpacked."""
        with self._changed:
            self._stopped = True
            everything = [one for some in self._instances.values() for one in some]
            self._instances.clear()
            self._changed.notify_all()
        _kill(everything)
        if self._guard is not None:
            self._guard.close()
        shutil.rmtree(self._root, ignore_errors=True)

    def _take(self, function: Function) -> Instance:
        until = time.monotonic() + QUEUE_S
        with self._changed:
            while True:
                if self._stopped:
                    raise NoInstanceError("the local cloud is stopping")
                gone = self._retire(function)
                found = self._free(function)
                if found is not None:
                    found.in_flight += 1
                    break
                left = until - time.monotonic()
                if left <= 0:
                    raise NoInstanceError(f"all {function.most_instances} instances are busy")
                self._changed.wait(left)
        _kill(gone)
        return found

    def _free(self, function: Function) -> Instance | None:
        """An instance with a free place, made if need be. Holds the condition."""
        current = [one for one in self._instances[function.uid] if not one.retired]
        places = [one for one in current if one.in_flight < function.concurrency]
        if places:
            return max(places, key=lambda one: one.in_flight)
        if len(current) >= function.most_instances:
            return None
        secrets = self._filled_in(function)
        metadata = MetadataServer(self._tokens, function.email, function.project, function.region)
        try:
            made = Instance(
                function,
                self._root,
                metadata,
                self._services,
                secrets=secrets,
                guard=self._guarded(),
                log=lambda line: self.logs.add(function.name, line),
            )
        except BaseException:
            metadata.close()
            raise
        self._instances[function.uid].append(made)
        return made

    def _filled_in(self, function: Function) -> dict[str, str]:
        """The secrets among its variables, anew for each instance. Raises `StartError`."""
        plain = len(function.environment)
        try:
            return filled_in(function.secrets, self._secrets, function.email, after=plain)
        except SecretError as error:
            raise StartError(str(error)) from error

    def _guarded(self) -> Guard:
        if self._guard is None:
            self._guard = Guard(self._root)
        return self._guard

    def _retire(self, function: Function) -> list[Instance]:
        """Instances of other revisions and dead ones; what is busy ends when it is done."""
        gone: list[Instance] = []
        for one in list(self._instances[function.uid]):
            if one.revision != function.revision or not one.alive:
                one.retired = True
                if not one.in_flight:
                    gone.append(one)
        self._drop(gone)
        return gone

    def _give_back(self, instance: Instance) -> None:
        with self._changed:
            instance.in_flight -= 1
            instance.idle_since = time.monotonic()
            ended = not instance.in_flight and (instance.retired or not instance.alive)
            if ended:
                self._drop([instance])
            self._changed.notify_all()
        if ended:
            instance.kill()

    def _forget(self) -> None:
        """End instances of functions that are deleted."""
        kept = {one.uid for one in self._registry.all(types.FUNCTION)}
        with self._changed:
            gone = [one for uid, some in self._instances.items() if uid not in kept for one in some]
            for one in gone:
                one.retired = True
            idle = [one for one in gone if not one.in_flight]
            self._drop(idle)
        _kill(idle)

    def _drop(self, gone: list[Instance]) -> None:
        for one in gone:
            some = self._instances[one.function.uid]
            if one in some:
                some.remove(one)


def _kill(instances: list[Instance]) -> None:
    for one in instances:
        one.kill()
