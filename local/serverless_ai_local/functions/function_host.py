"""Runs deployed functions, synchronously and asynchronously: the local cloud's side of `api.Functions`."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Final

from serverless_ai_local.aws.api import Invocation
from serverless_ai_local.aws.delivery import Deliveries, PutEvent
from serverless_ai_local.aws.service_roles import ServiceRoles
from serverless_ai_local.functions.asynchronous import AsyncQueue, retry_seconds
from serverless_ai_local.functions.destinations import Destinations, Failures
from serverless_ai_local.functions.environment import Environment
from serverless_ai_local.functions.host import Limits, LogSink, Observer, SyncHost
from serverless_ai_local.functions.task_root import RUNTIMES, Runtime

RUNTIME_VARIABLE: Final = "LOCAL_LAMBDA_RUNTIME"


class FunctionHost:
    """Runs functions until `stop`. What is deployed is read at each invocation: a change counts at once."""

    def __init__(
        self,
        *,
        roles: ServiceRoles,
        endpoint: str,
        logs: LogSink,
        put_event: PutEvent,
        failures: Failures,
        observers: Sequence[Observer] = (),
        runtime: Runtime | None = None,
        retry_s: float | None = None,
        limits: Limits | None = None,
    ) -> None:
        """`endpoint` is the URL of the local cloud.

        `runtime` and `retry_s` default to the environment's LOCAL_LAMBDA_RUNTIME (`own`) and
        LOCAL_ASYNC_RETRY_SECONDS (1). Raises ValueError for values that these cannot have.
        """
        retry = retry_seconds() if retry_s is None else retry_s
        self._sync = SyncHost(
            roles=roles,
            endpoint=endpoint,
            logs=logs,
            observers=observers,
            runtime=runtime or _chosen_runtime(),
            limits=limits,
        )
        self.deliveries = Deliveries(roles, self, put_event)
        destinations = Destinations(self.deliveries, failures)
        self._queue = AsyncQueue(self._sync.invoke, destinations.settle, retry_s=retry)

    def invoke(
        self,
        function_arn: str,
        payload: bytes,
        *,
        client_context: str | None = None,
        trace_header: str = "",
        on_chunk: Callable[[bytes], None] | None = None,
    ) -> Invocation:
        """Run a function and wait for its answer. Raises KeyError if there is no such function.

        `client_context` is JSON; `trace_header` the caller's X-Amzn-Trace-Id; `on_chunk` gets the parts of a
        streamed result as they come. Raises `ApiError` if Lambda cannot assume the function's role.
        """
        return self._sync.invoke(
            function_arn, payload, client_context=client_context, trace_header=trace_header, on_chunk=on_chunk
        )

    def enqueue(self, function_arn: str, payload: bytes) -> None:
        """Run a function later, with retries. Raises KeyError if there is no such function."""
        self._queue.put(function_arn, payload)

    def accept(self, function_arn: str, payload: bytes, trace_header: str = "") -> str:
        """Like `enqueue`; returns the request id under which all attempts run."""
        return self._queue.put(function_arn, payload, trace_header)

    def environments(self) -> list[Environment]:
        """Execution environments that have a process now."""
        return self._sync.environments()

    def stop(self) -> None:
        """End every function process. Events that were not processed are said to be lost."""
        self._queue.stop()
        self._sync.stop()


def _chosen_runtime() -> Runtime:
    chosen = os.environ.get(RUNTIME_VARIABLE, "own")
    if chosen not in RUNTIMES:
        raise ValueError(f"{RUNTIME_VARIABLE} must be one of {', '.join(RUNTIMES)}, got {chosen!r}")
    return chosen
