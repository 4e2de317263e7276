"""One function app that runs: its package unpacked, its processes, and what its functions are bound to."""

from __future__ import annotations

import io
import json
import shutil
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from serverless_ai_local.azure.apps.logs import FUNCTION, HOST, REQUEST
from serverless_ai_local.azure.apps.process import AppError, AppProcess
from serverless_ai_local.azure.apps.settings import HostFile
from serverless_ai_local.functions.guard import Guard

Log = Callable[[str, str, str], None]
"""Category, text, and the operation (trace id) that it belongs to, "" if none."""
HOST_FILE: Final = "host.json"
MOST_INSTANCES: Final = 4
"""Of an app on this machine."""


@dataclass(slots=True)
class _Instance:
    process: AppProcess
    busy: int = 0
    """Invocations that run in it."""


class RunningApp:
    """One version of an app: a new package or new settings make a new one. Thread-safe."""

    def __init__(
        self,
        name: str,
        package: bytes,
        environment: Mapping[str, str],
        *,
        under: Path,
        log: Log,
        guard: Guard,
        instances: int,
    ) -> None:
        """Unpack and start it. Raises `AppError` if it cannot be loaded.

        `instances`: most of its processes at the same time, as deployed; this machine has a limit of its own.
        """
        self.name, self.environment = name, environment
        self.instances = max(1, min(instances, MOST_INSTANCES))
        self._log, self._guard = log, guard
        self._root = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=under))
        self._lock = threading.Lock()
        self._closed = False
        self._instances: list[_Instance] = []
        self.functions: Sequence[Mapping[str, Any]] = ()
        """Name and bindings of each, as the app's decorators say."""
        try:
            with zipfile.ZipFile(io.BytesIO(package)) as archive:
                archive.extractall(self._root)
            self.host = HostFile.read((self._root / HOST_FILE).read_bytes(), environment)
            self._instances = [_Instance(self._started())]
            self.functions = self._instances[0].process.functions
        except (OSError, ValueError, zipfile.BadZipFile) as error:
            self.close()
            raise AppError(f"the package cannot run: {error}") from error
        except AppError:
            self.close()
            raise

    @property
    def pids(self) -> Sequence[int]:
        """Of the processes that run."""
        with self._lock:
            return [one.process.pid for one in self._instances if one.process.alive]

    def invoke(
        self, function: str, trigger: Mapping[str, Any], trace_parent: str = "", *, most: int | None = None
    ) -> Mapping[str, Any]:
        """One invocation; a process that has died is started anew. Raises `AppError`.

        `most`: invocations that one instance takes at the same time; None: any number.
        """
        instance = self._instance(most)
        began, operation = time.monotonic(), trace_parent[3:35]
        try:
            answer = instance.process.invoke(function, trigger, self.host.timeout_s, trace_parent)
        finally:
            with self._lock:
                instance.busy -= 1
        if not answer["ok"]:
            self._log(HOST, f"Executed 'Functions.{function}' (Failed): {answer['error']}", operation)
        self._log(REQUEST, json.dumps(_request(function, trigger, answer, began)), operation)
        return answer

    def close(self) -> None:
        """End it and remove its files."""
        with self._lock:
            self._closed = True
            left = list(self._instances)
        for one in left:
            one.process.kill()
        shutil.rmtree(self._root, ignore_errors=True)

    def _instance(self, most: int | None) -> _Instance:
        """The one that has least to do, or another one if all have enough."""
        with self._lock:
            if self._closed:
                raise AppError("the app was stopped")
            alive = [one for one in self._instances if one.process.alive]
            found = min(alive, key=lambda one: one.busy, default=None)
            full = most is not None and found is not None and found.busy >= most
            if found is None or (full and len(alive) < self.instances):
                found = _Instance(self._started())
                self._instances = [*alive, found]
            found.busy += 1
            return found

    def _started(self) -> AppProcess:
        return AppProcess(
            self._root, self.environment, lambda line: self._log(FUNCTION, line, ""), self._guard
        )


def _request(
    function: str, trigger: Mapping[str, Any], answer: Mapping[str, Any], began: float
) -> dict[str, Any]:
    """What the host tells Application Insights of an invocation: a row of `requests`."""
    result: Mapping[str, Any] = answer.get("result") or {}
    status = result.get("status", 200) if answer["ok"] else 500
    row = {"name": function, "resultCode": str(status), "success": status < 500}
    milliseconds = round((time.monotonic() - began) * 1000)
    return {**row, "url": str(trigger.get("url", "")), "duration": milliseconds}
