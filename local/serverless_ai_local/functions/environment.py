"""One execution environment: a process that serves one invocation at a time, as Lambda's does."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from serverless_ai_local.functions.deployed import Deployed
from serverless_ai_local.functions.guard import Guard, kill_group
from serverless_ai_local.functions.job import Job, Outcome, Status, failure
from serverless_ai_local.functions.memory import peak_mb
from serverless_ai_local.functions.output import Output
from serverless_ai_local.functions.platform_log import EnvironmentLog
from serverless_ai_local.functions.runtime_api import TOO_LARGE, RuntimeApi

MAX_RESPONSE: Final = 6 * 1024 * 1024 + 100
"""Bytes of a buffered result (AWS: 6291556)."""
MAX_STREAM: Final = 200 * 1024 * 1024
INIT_S: Final = 10.0
"""An init may take this long, or as long as the function's timeout if that is longer."""
_WATCH_S: Final = 0.1
_END_S: Final = 5.0


class EnvironmentGone(Exception):
    """The environment ended between two jobs; this job was not begun and fits into another one."""


class Environment:
    """Starts its process when it is made. Serves until `kill`, or until a job kills it."""

    def __init__(
        self, deployed: Deployed, command: Sequence[str], root: Path, log: EnvironmentLog, guard: Guard
    ) -> None:
        """`root` is the directory of the function's code. Call `start` with the process's variables next."""
        self.deployed, self.idle_since = deployed, time.monotonic()
        self._command, self._root, self._log, self._guard = command, root, log, guard
        self._changed = threading.Condition()
        self._offered: Job | None = None
        self._running: Job | None = None
        self._begun = 0.0
        self._result: tuple[bytes, Status, bool] | None = None
        self._exit: int | None = None
        self._closed = False
        self._init_ms: float | None = None
        self._init_failure: bytes | None = None
        self._note = ""
        """What the log says of a job that ended the environment."""
        self._served = 0
        self._peak: int | None = None
        self._api = RuntimeApi(self)
        self.address = self._api.address

    def start(self, variables: Mapping[str, str]) -> None:
        """Start the process with exactly these variables."""
        self._log.init_start()
        self._started = time.monotonic()
        reading, writing = os.pipe()
        try:
            self._process = subprocess.Popen(
                self._command,
                cwd=self._root,
                env=dict(variables),
                stdin=subprocess.DEVNULL,
                stdout=writing,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError:
            os.close(reading)
            self._api.close()
            raise
        finally:
            os.close(writing)
        self._guard.add(self._process.pid)
        self._output = Output(reading, self._log)
        self._reaper = threading.Thread(target=self._reap, daemon=True)
        self._reaper.start()

    @property
    def alive(self) -> bool:
        """Whether it can take another job."""
        return self._exit is None and not self._closed

    @property
    def pid(self) -> int:
        """Of its process."""
        return self._process.pid

    def invoke(self, job: Job) -> tuple[Outcome, str]:
        """Run one job; returns its outcome and the end of its log. `EnvironmentGone`: it was not begun."""
        clock_started = time.time()
        with self._changed:
            self._result, self._running, self._offered = None, None, job
            self._changed.notify_all()
            verdict = self._wait(job)
            begun = self._running is not None
            self._offered = None
        if verdict is None and not begun and self._served:
            self.kill()
            raise EnvironmentGone
        ended = time.monotonic()
        if verdict is None or verdict[1] in ("timeout", "failure"):
            self.kill()
        payload, status, streamed = verdict or self._ended(
            job, "Runtime.ExitError", exit_reason(self._exit or 0)
        )
        outcome = Outcome(
            payload=payload,
            status=status,
            started=clock_started,
            duration_ms=(ended - self._begun) * 1000 if begun else 0.0,
            init_ms=None if self._served else (self._init_ms or (ended - self._started) * 1000),
            max_memory_mb=self._peak,
            streamed=streamed,
        )
        return outcome, self._close_job(job, outcome, begun)

    def kill(self) -> None:
        """End the process and what it started; returns when it is gone."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        kill_group(self._process.pid)
        self._reaper.join(_END_S)

    # -- the runtime's side (see runtime_api.Conversation) --------------------------------------------
    def next(self) -> tuple[bytes, Mapping[str, str]] | None:
        """Hand out the offered job; waits for one."""
        with self._changed:
            if self._init_ms is None:
                self._init_ms = (time.monotonic() - self._started) * 1000
            while self._offered is None and not self._closed:
                self._changed.wait()
            job = self._offered
            if self._closed or job is None:
                return None
            self._offered = None
            with self._log.lock:
                self._output.drain()
                self._log.start(job)
            self._running, self._begun = job, time.monotonic()
            deadline_ms = int((time.time() + self.deployed.timeout_s) * 1000)
        headers = {
            "Lambda-Runtime-Aws-Request-Id": job.request_id,
            "Lambda-Runtime-Deadline-Ms": str(deadline_ms),
            "Lambda-Runtime-Invoked-Function-Arn": job.function_arn,
            "Lambda-Runtime-Trace-Id": job.trace.header,
        }
        if job.client_context is not None:
            headers["Lambda-Runtime-Client-Context"] = job.client_context
        return job.payload, headers

    def answered(self, request_id: str, body: bytes, *, streamed: bool) -> str | None:
        """Take the result of the running job."""
        limit = MAX_STREAM if streamed else MAX_RESPONSE
        if len(body) <= limit:
            return self._take(request_id, (body, "success", streamed))
        sizes = f"({len(body)} bytes) exceeded maximum allowed payload size ({limit} bytes)"
        message = f"Response payload size {sizes}."
        return (
            self._take(request_id, (failure("Function.ResponseSizeTooLarge", message), "error", streamed))
            or TOO_LARGE
        )

    def failed(self, request_id: str, body: bytes) -> str | None:
        """Take the error of the running job."""
        return self._take(request_id, (body, "error", False))

    def chunk(self, request_id: str, data: bytes) -> None:
        """Hand on a part of a streamed result."""
        job = self._running
        if job is not None and job.request_id == request_id and job.on_chunk is not None:
            job.on_chunk(data)

    def init_failed(self, body: bytes) -> None:
        """The handler could not be loaded."""
        with self._changed:
            self._init_failure = body
            self._changed.notify_all()

    # -- inside ---------------------------------------------------------------------------------------
    def _take(self, request_id: str, result: tuple[bytes, Status, bool]) -> str | None:
        with self._changed:
            if self._running is None or self._running.request_id != request_id or self._result is not None:
                return f"no invocation {request_id} is running here"
            self._result = result
            self._changed.notify_all()
        return None

    def _wait(self, job: Job) -> tuple[bytes, Status, bool] | None:
        """Until there is a result, the time is over or the process has ended (None). Holds the condition."""
        offered_at = self._started if not self._served else time.monotonic()
        while True:
            if self._result is not None:
                return self._result
            if self._init_failure is not None:
                return self._init_failure, "failure", False
            if self._exit is not None:
                return None
            timeout = float(self.deployed.timeout_s)
            until = self._begun + timeout if self._running else offered_at + max(INIT_S, timeout)
            left = until - time.monotonic()
            if left <= 0:
                self._note = f"Task timed out after {timeout:.2f} seconds"
                return (
                    failure("Sandbox.Timedout", f"RequestId: {job.request_id} Error: {self._note}"),
                    "timeout",
                    False,
                )
            self._changed.wait(min(left, _WATCH_S))
            if self._too_big():
                return self._ended(job, "Runtime.OutOfMemory", exit_reason(-signal.SIGKILL))

    def _ended(self, job: Job, kind: str, reason: str) -> tuple[bytes, Status, bool]:
        message = f"RequestId: {job.request_id} Error: {reason}"
        self._note = f"{message}\n{kind}"
        return failure(kind, message), "failure", False

    def _too_big(self) -> bool:
        used = peak_mb(self._process.pid)
        self._peak = used if used is not None else self._peak
        return used is not None and used > self.deployed.memory_mb

    def _close_job(self, job: Job, outcome: Outcome, begun: bool) -> str:
        if self.alive:
            self._too_big()
        with self._log.lock:
            self._output.drain()
            if not begun:
                self._log.start(job)
            if self._note:
                self._log.note(job, self._note)
            tail = self._log.end(job, outcome)
        self._served += 1
        self.idle_since = time.monotonic()
        return tail

    def _reap(self) -> None:
        code = self._process.wait()
        kill_group(self._process.pid)
        self._guard.remove(self._process.pid)
        self._output.finish()
        with self._changed:
            self._exit = code
            self._changed.notify_all()
        self._api.close()


def exit_reason(code: int) -> str:
    """Lambda's words for how a process ended (negative: by a signal)."""
    if code == 0:
        return "Runtime exited without providing a reason"
    if code > 0:
        return f"Runtime exited with error: exit status {code}"
    name = signal.strsignal(-code) or f"signal {-code}"
    return f"Runtime exited with error: signal: {name.lower()}"
