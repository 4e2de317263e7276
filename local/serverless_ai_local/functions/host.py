"""Runs deployed functions: synchronously here, asynchronously through `asynchronous.AsyncQueue`."""

from __future__ import annotations

import json
import secrets
import shutil
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from serverless_ai_local.aws.api import ApiError, Invocation
from serverless_ai_local.aws.service_roles import ServiceRoles
from serverless_ai_local.functions import deployed as deployments
from serverless_ai_local.functions.concurrency import Concurrency
from serverless_ai_local.functions.deployed import Deployed
from serverless_ai_local.functions.environment import Environment, EnvironmentGone
from serverless_ai_local.functions.guard import Guard
from serverless_ai_local.functions.job import Job, Outcome, Trace, failure
from serverless_ai_local.functions.platform_log import EnvironmentLog, stream_name
from serverless_ai_local.functions.pool import Pool
from serverless_ai_local.functions.task_root import Runtime, TaskRoot, UnrunnableError
from serverless_ai_local.functions.variables import variables

SERVICE: Final = "lambda.amazonaws.com"
UNHANDLED: Final = "Unhandled"
REAP_S: Final = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What bounds environments. The defaults are AWS's, but for `idle_s`, of which AWS says nothing."""

    account_concurrency: int = 1000
    idle_s: float = 300.0


class LogSink(Protocol):
    """Takes the log lines of an environment (Unix milliseconds, message)."""

    def write(self, deployed: Deployed, stream: str, events: Sequence[tuple[int, str]]) -> None: ...


class Observer(Protocol):
    """Is told what became of every invocation, for metrics and traces."""

    def finished(self, deployed: Deployed, job: Job, outcome: Outcome, running: int) -> None:
        """`running`: how many invocations of the function ran at the time, this one included."""
        ...

    def throttled(self, deployed: Deployed) -> None: ...


class SyncHost:
    """The synchronous half: `invoke`."""

    def __init__(
        self,
        *,
        roles: ServiceRoles,
        endpoint: str,
        logs: LogSink,
        observers: Sequence[Observer] = (),
        runtime: Runtime = "own",
        limits: Limits | None = None,
    ) -> None:
        """`endpoint` is where the functions find the local cloud."""
        self._roles, self._endpoint, self._logs = roles, endpoint, logs
        self._observers, self._limits = observers, limits or Limits()
        self._runtime: Runtime = runtime
        self._concurrency = Concurrency(self._limits.account_concurrency)
        self._directory = Path(tempfile.mkdtemp(prefix="serverless-ai-functions-"))
        self._guard = Guard(self._directory)
        self._pool = Pool(self._start, self._directory)
        self._stopped = threading.Event()
        threading.Thread(target=self._reap, daemon=True).start()

    def invoke(
        self,
        function_arn: str,
        payload: bytes,
        *,
        request_id: str = "",
        client_context: str | None = None,
        trace_header: str = "",
        on_chunk: Callable[[bytes], None] | None = None,
    ) -> Invocation:
        """Run a function and wait for its answer.

        An empty payload is an empty event. Raises KeyError if there is no such function, and `ApiError` if
        Lambda cannot assume its role.
        """
        if self._stopped.is_set():
            raise ApiError("ServiceException", "the local cloud is stopping", 500)
        deployed = deployments.read(function_arn)
        reason = self._concurrency.enter(deployed, deployments.reserved(deployed.account, deployed.region))
        if reason is not None:
            for observer in self._observers:
                observer.throttled(deployed)
            return throttle(deployed, reason)
        job = Job(
            request_id=request_id or str(uuid.uuid4()),
            payload=payload or b"{}",
            function_arn=function_arn,
            trace=trace_of(trace_header, active=deployed.tracing),
            client_context=client_context,
            on_chunk=on_chunk,
        )
        running = self._concurrency.running(deployed.arn)
        try:
            outcome, log = self._run(deployed, job)
        except UnrunnableError as error:
            body = failure("Runtime.Unrunnable", str(error))
            return Invocation(
                payload=body, error=UNHANDLED, version=deployed.version, request_id=job.request_id
            )
        finally:
            self._concurrency.leave(deployed)
        for observer in self._observers:
            observer.finished(deployed, job, outcome, running)
        return Invocation(
            payload=outcome.payload,
            error=None if outcome.status == "success" else UNHANDLED,
            log=log,
            version=deployed.version,
            request_id=job.request_id,
        )

    def stop(self) -> None:
        """End every function process and remove what was unpacked."""
        self._stopped.set()
        self._pool.close()
        self._guard.close()
        shutil.rmtree(self._directory, ignore_errors=True)

    def environments(self) -> list[Environment]:
        """Execution environments that have a process now."""
        return self._pool.running()

    def _run(self, deployed: Deployed, job: Job) -> tuple[Outcome, str]:
        while True:
            environment = self._pool.take(deployed)
            try:
                return environment.invoke(job)
            except EnvironmentGone:
                continue
            finally:
                self._pool.give_back(environment)

    def _start(self, deployed: Deployed, root: TaskRoot) -> Environment:
        credentials = self._roles.credentials(deployed.role, SERVICE, deployed.name)
        stream = stream_name(deployed, uuid.uuid4().hex)
        log = EnvironmentLog(deployed, lambda events: self._logs.write(deployed, stream, events))
        command = root.command(deployed, self._runtime)
        environment = Environment(deployed, command, root.code, log, self._guard)
        try:
            environment.start(
                variables(
                    deployed,
                    credentials=credentials,
                    address=environment.address,
                    task_root=str(root.code),
                    endpoint=self._endpoint,
                    stream=stream,
                )
            )
        except OSError as error:
            raise UnrunnableError(f"{deployed.name}: {command[0]} cannot be started: {error}") from error
        return environment

    def _reap(self) -> None:
        while not self._stopped.wait(REAP_S):
            self._pool.reap(self._limits.idle_s, exists)


def exists(function_arn: str) -> bool:
    """Whether the function, version or alias is deployed."""
    try:
        deployments.read(function_arn)
    except KeyError:
        return False
    return True


def throttle(deployed: Deployed, reason: str) -> Invocation:
    """The answer to an invocation over a concurrency limit."""
    body = json.dumps({"Reason": reason, "Type": "User", "message": "Rate Exceeded."}).encode()
    return Invocation(payload=body, error="TooManyRequestsException", status=429, version=deployed.version)


def trace_of(header: str, *, active: bool) -> Trace:
    """The trace of an invocation: the caller's, or a new one. With active tracing every one is sampled."""
    fields = dict(part.strip().split("=", 1) for part in header.split(";") if "=" in part)
    root = fields.get("Root") or f"1-{int(time.time()):08x}-{secrets.token_hex(12)}"
    sampled = fields["Sampled"] == "1" if fields.get("Sampled") in ("0", "1") else active
    return Trace(root=root, parent=secrets.token_hex(8), sampled=sampled)
