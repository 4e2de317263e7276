"""One function app that runs: its package unpacked, its process, and what its functions are bound to."""

from __future__ import annotations

import io
import json
import shutil
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from serverless_ai_local.azure.apps.logs import FUNCTION, HOST, REQUEST
from serverless_ai_local.azure.apps.process import AppError, AppProcess
from serverless_ai_local.azure.apps.settings import HostFile
from serverless_ai_local.functions.guard import Guard

Log = Callable[[str, str, str], None]
"""Category, text, and the operation (trace id) that it belongs to, "" if none."""
HOST_FILE: Final = "host.json"


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
    ) -> None:
        """Unpack and start it. Raises `AppError` if it cannot be loaded."""
        self.name, self.environment = name, environment
        self._log, self._guard = log, guard
        self._root = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=under))
        self._lock = threading.Lock()
        self._closed = False
        try:
            with zipfile.ZipFile(io.BytesIO(package)) as archive:
                archive.extractall(self._root)
            self.host = HostFile.read((self._root / HOST_FILE).read_bytes())
            self._process = self._started()
        except (OSError, ValueError, zipfile.BadZipFile) as error:
            self.close()
            raise AppError(f"the package cannot run: {error}") from error
        except AppError:
            self.close()
            raise

    @property
    def functions(self) -> Sequence[Mapping[str, Any]]:
        """Name and bindings of each, as the app's decorators say."""
        return self._process.functions

    @property
    def pid(self) -> int:
        """Of the process that runs now, or ran last."""
        return self._process.pid

    def invoke(self, function: str, trigger: Mapping[str, Any], trace_parent: str = "") -> Mapping[str, Any]:
        """One invocation; a process that has died is started anew. Raises `AppError`."""
        with self._lock:
            if self._closed:
                raise AppError("the app was stopped")
            if not self._process.alive:
                self._process = self._started()
            process = self._process
        began, operation = time.monotonic(), trace_parent[3:35]
        answer = process.invoke(function, trigger, self.host.timeout_s, trace_parent)
        if not answer["ok"]:
            self._log(HOST, f"Executed 'Functions.{function}' (Failed): {answer['error']}", operation)
        self._log(REQUEST, json.dumps(_request(function, trigger, answer, began)), operation)
        return answer

    def close(self) -> None:
        """End it and remove its files."""
        with self._lock:
            self._closed = True
            process = getattr(self, "_process", None)
        if process is not None:
            process.kill()
        shutil.rmtree(self._root, ignore_errors=True)

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
