"""Functions and everything that sets them off, put together for the composition of the local cloud."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from serverless_ai_local.admin import AdminCall, AdminRoutes
from serverless_ai_local.ai.content import ContentReader
from serverless_ai_local.aws import queues
from serverless_ai_local.aws.ai import AiServices
from serverless_ai_local.aws.alarms import Alarms
from serverless_ai_local.aws.api import Handler, Operations
from serverless_ai_local.aws.arns import Arn
from serverless_ai_local.aws.attempts import Attempts
from serverless_ai_local.aws.clock import Clock
from serverless_ai_local.aws.event_sources import EventSources
from serverless_ai_local.aws.event_targets import EventTargets
from serverless_ai_local.aws.events import Events
from serverless_ai_local.aws.lambda_api import LambdaApi
from serverless_ai_local.aws.logs import FunctionLogs
from serverless_ai_local.aws.metrics import Metrics
from serverless_ai_local.aws.object_events import ObjectEvents
from serverless_ai_local.aws.objects import Objects
from serverless_ai_local.aws.queue_moves import QueueMoves
from serverless_ai_local.aws.s3_vectors import S3Vectors
from serverless_ai_local.aws.scheduler import Scheduler
from serverless_ai_local.aws.service_roles import Checks, Issuer, ServiceRoles
from serverless_ai_local.aws.topics import Topics
from serverless_ai_local.aws.tracing import Tracing
from serverless_ai_local.aws.unoffered import Unoffered
from serverless_ai_local.functions import FunctionHost, Limits
from serverless_ai_local.functions.asynchronous import retry_seconds
from serverless_ai_local.functions.task_root import Runtime
from serverless_ai_local.plain import is_mapping


class EventDriven:
    """Lambda, EventBridge, Scheduler, metrics and alarms of one local cloud."""

    def __init__(
        self,
        *,
        url: str,
        issuer: Issuer,
        checks: Checks,
        forward: Handler,
        region: str = "us-east-1",
        runtime: Runtime | None = None,
        retry_s: float | None = None,
        limits: Limits | None = None,
    ) -> None:
        """`forward` hands a call to moto. For `runtime`, `retry_s` and `limits` see `FunctionHost`."""
        roles, limits = ServiceRoles(issuer, checks), limits or Limits()
        self.metrics = Metrics()
        self.functions = FunctionHost(
            roles=roles,
            endpoint=url,
            logs=FunctionLogs(roles, self.metrics),
            put_event=self._put_event,
            failures=self.metrics,
            observers=(self.metrics, Tracing(roles)),
            runtime=runtime,
            retry_s=retry_s,
            limits=limits,
        )
        deliveries = self.functions.deliveries
        queues.take_over()
        self._attempts = Attempts(retry_s=retry_seconds() if retry_s is None else retry_s)
        targets = EventTargets(deliveries, self._attempts, roles, self.metrics)
        self._lambda = LambdaApi(
            self.functions, roles, forward, account_concurrency=limits.account_concurrency
        )
        self._events = Events(targets, forward)
        self._object_events = ObjectEvents(self._events.happened)
        self._objects = Objects(self._object_events, checks, forward)
        self._moves = QueueMoves()
        self._topics = Topics(deliveries, self._attempts, forward)
        self._scheduler = Scheduler(deliveries, self._attempts, roles, forward, region)
        self._alarms = Alarms(self.metrics, deliveries, forward)
        self._clock = Clock(self._scheduler, targets)
        self._sources = EventSources(self.functions, roles, forward)
        self._unoffered = Unoffered(forward)
        self._vectors = S3Vectors()
        self._ai = AiServices(
            ContentReader(), checks=checks, roles=roles, deliveries=deliveries, happened=self._events.happened
        )

    def operations(self) -> Operations:
        """What these services offer themselves."""
        parts = (
            self._lambda, self._events, self._scheduler, self._alarms, self._sources, self._objects,
            self._moves, self._topics, self._unoffered, self._ai, self._vectors,
        )  # fmt: skip
        return {key: handler for part in parts for key, handler in part.operations().items()}

    def routes(self) -> AdminRoutes:
        """What can be asked of these services under /_local/."""
        return {
            **self._object_events.routes(),
            ("POST", "events/duplicate"): self._duplicate,
            ("DELETE", "queues/{name}/messages"): queues.emptied,
            ("POST", "queues/{name}/messages/return"): queues.returned,
            ("POST", "schedules/{group}/{name}/fire"): self._fire,
            ("GET", "functions/environments"): self._environments,
        }

    def processes(self) -> dict[int, str]:
        """Of functions: process -> name."""
        return {one.pid: one.deployed.name for one in self.functions.environments()}

    def start(self) -> None:
        """Let the clock and the alarms tick, and the queues be read."""
        self._clock.start()
        self._alarms.start()
        self._sources.start()

    def stop(self) -> None:
        """Stop ticking, and end every function process."""
        self._clock.stop()
        self._alarms.stop()
        self._sources.stop()
        self._moves.stop()
        self._ai.stop()
        self._object_events.stop()
        self._topics.stop()
        self._attempts.stop()
        self.functions.stop()

    def _put_event(self, bus: Arn, entry: Mapping[str, Any]) -> None:
        self._events.put(bus, entry)

    def _duplicate(self, call: AdminCall) -> dict[str, int]:
        times: object = call.body.get("times") if is_mapping(call.body) else None
        if not isinstance(times, int) or isinstance(times, bool) or not 1 <= times <= 100:
            raise ValueError(f'the body must be {{"times": N}} with N from 1 to 100, got {call.body!r}')
        self._events.duplicate(times)
        return {"times": times}

    def _fire(self, call: AdminCall) -> dict[str, Any]:
        execution, failure = self._scheduler.fire(call.path["group"], call.path["name"])
        answer: dict[str, Any] = {"execution_id": execution, "delivered": failure is None}
        return answer if failure is None else {**answer, "error": f"{failure.code}: {failure.message}"}

    def _environments(self, call: AdminCall) -> dict[str, Any]:
        del call
        found = [
            {"function": one.deployed.name, "version": one.deployed.version, "pid": one.pid}
            for one in self.functions.environments()
        ]
        return {"environments": found}
