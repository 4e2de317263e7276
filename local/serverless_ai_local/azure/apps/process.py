"""The process of one app from the host's side: started, asked, killed."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Final

from serverless_ai_local.functions.guard import Guard, kill_group

WORKER: Final = Path(__file__).with_name("worker.py")
START_S: Final = 60.0
LogLine = Callable[[str], None]


class AppError(Exception):
    """The app cannot run or did not answer; the text says why."""


class AppProcess:
    """One worker; invocations run in its threads at the same time."""

    def __init__(self, root: Path, environment: Mapping[str, str], log: LogLine, guard: Guard) -> None:
        """Start it. Raises `AppError` with its own words if it cannot load the app."""
        self._guard, self._log = guard, log
        reading, writing = os.pipe()
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-B", "-u", "-X", "utf8", str(WORKER), str(root), str(writing)],
            cwd=root,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            pass_fds=(writing,),
            start_new_session=True,
        )
        os.close(writing)
        guard.add(self._process.pid)
        self._waiting: dict[str, queue.SimpleQueue[Mapping[str, Any]]] = {}
        self._lock = threading.Lock()
        self._ready: queue.SimpleQueue[Mapping[str, Any]] = queue.SimpleQueue()
        self._alive = True
        replies = os.fdopen(reading, encoding="utf-8")
        threading.Thread(target=self._read_replies, args=(replies,), daemon=True).start()
        threading.Thread(target=self._read_log, args=(self._process.stdout,), daemon=True).start()
        self.functions = self._indexed()

    @property
    def alive(self) -> bool:
        return self._alive

    @property
    def pid(self) -> int:
        return self._process.pid

    def invoke(
        self, function: str, trigger: Mapping[str, Any], timeout_s: float, trace_parent: str = ""
    ) -> Mapping[str, Any]:
        """The answer: `ok` with `result`, or `error` and `type`. Raises `AppError` for none in time."""
        id_ = str(uuid.uuid4())
        answer: queue.SimpleQueue[Mapping[str, Any]] = queue.SimpleQueue()
        request = {"id": id_, "function": function, "trigger": trigger, "trace_parent": trace_parent}
        with self._lock:
            if not self._alive or self._process.stdin is None:
                raise AppError("the process of the app has ended")
            self._waiting[id_] = answer
            try:
                self._process.stdin.write(json.dumps(request) + "\n")
                self._process.stdin.flush()
            except OSError as error:
                del self._waiting[id_]
                raise AppError(f"the process of the app has ended: {error}") from error
        try:
            found = answer.get(timeout=timeout_s)
        except queue.Empty:
            # As the Functions host does: a function that takes too long takes its worker with it.
            self.kill()
            raise AppError(f"Timeout value of {timeout_s:g} s exceeded by function {function}") from None
        finally:
            with self._lock:
                self._waiting.pop(id_, None)
        if found.get("gone"):
            raise AppError("the process of the app ended during the invocation")
        return found

    def kill(self) -> None:
        """End it with everything that it started."""
        kill_group(self._process.pid)
        self._process.wait()
        self._guard.remove(self._process.pid)

    def _indexed(self) -> Sequence[Mapping[str, Any]]:
        try:
            first = self._ready.get(timeout=START_S)
        except queue.Empty:
            self.kill()
            raise AppError(f"the app did not start within {START_S:g} s") from None
        if "functions" not in first:
            self.kill()
            raise AppError(str(first.get("failed") or "the process of the app ended while it started"))
        return first["functions"]

    def _read_replies(self, replies: IO[str]) -> None:
        with replies:
            for line in replies:
                answer = json.loads(line)
                waiting = self._waiting.get(answer["id"]) if "id" in answer else self._ready
                if waiting is not None:
                    waiting.put(answer)
        with self._lock:
            self._alive = False
            left = list(self._waiting.values())
        for waiting in (self._ready, *left):
            waiting.put({"gone": True})

    def _read_log(self, output: IO[str] | None) -> None:
        if output is not None:
            with output:
                for line in output:
                    self._log(line.rstrip("\n"))
