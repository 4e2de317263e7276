"""CloudWatch metrics of functions, queues and endpoints, kept in moto so that every SDK reads them."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from moto.cloudwatch.models import MetricDatum, cloudwatch_backends
from moto.sqs.models import sqs_backends

from serverless_ai_local.aws.emf import Datum
from serverless_ai_local.aws.moto_backends import ACCOUNT
from serverless_ai_local.functions.deployed import Deployed
from serverless_ai_local.functions.job import Job, Outcome

LAMBDA: Final = "AWS/Lambda"
SQS: Final = "AWS/SQS"
API_GATEWAY: Final = "AWS/ApiGateway"
EVENTS: Final = "AWS/Events"
REPEAT_S: Final = 60.0
"""A queue whose depth does not change is written down once in this time."""


class Metrics:
    """Writes data points."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._depths: dict[str, tuple[tuple[int, ...], float]] = {}

    def put(self, region: str, datum: Datum) -> None:
        """Add the values of one metric."""
        moment = time.time() if datum.timestamp is None else datum.timestamp
        stamp = datetime.fromtimestamp(moment, UTC).replace(tzinfo=None)  # moto's times have no zone
        dimensions = [{"Name": name, "Value": value} for name, value in datum.dimensions.items()]
        data = cloudwatch_backends[ACCOUNT][region].metric_data
        for value in datum.values:
            made: Any = MetricDatum(datum.namespace, datum.name, value, dimensions, stamp, datum.unit)
            data.append(made)

    def one(  # noqa: PLR0917 - a data point has so many parts
        self,
        region: str,
        namespace: str,
        name: str,
        value: float,
        dimensions: Mapping[str, str],
        unit: str = "Count",
    ) -> None:
        """Add one value, now."""
        datum = Datum(namespace=namespace, name=name, values=(value,), dimensions=dimensions, unit=unit)
        self.put(region, datum)

    # -- functions (host.Observer and destinations.Failures) ------------------------------------------
    def finished(self, deployed: Deployed, job: Job, outcome: Outcome, running: int) -> None:
        """One invocation of a function."""
        del job
        dimensions = {"FunctionName": deployed.name}
        values = {
            "Invocations": 1.0,
            "Errors": 0.0 if outcome.status == "success" else 1.0,
            "ConcurrentExecutions": float(running),
        }
        for name, value in values.items():
            self.one(deployed.region, LAMBDA, name, value, dimensions)
        self.one(deployed.region, LAMBDA, "Duration", outcome.duration_ms, dimensions, "Milliseconds")

    def throttled(self, deployed: Deployed) -> None:
        """An invocation over a concurrency limit."""
        self.count(deployed, "Throttles")

    def count(self, deployed: Deployed, metric: str) -> None:
        """Add one to a metric of a function, e.g. `DeadLetterErrors`."""
        self.one(deployed.region, LAMBDA, metric, 1.0, {"FunctionName": deployed.name})

    # -- endpoints ------------------------------------------------------------------------------------
    def request(
        self,
        region: str,
        *,
        api_id: str,
        stage: str,
        status: int,
        latency_ms: float,
        integration_ms: float | None,
    ) -> None:
        """One request to an HTTP API. `integration_ms` is None when it did not reach the integration."""
        dimensions = {"ApiId": api_id, "Stage": stage}
        self.one(region, API_GATEWAY, "Count", 1.0, dimensions)
        self.one(region, API_GATEWAY, "4xx", float(400 <= status < 500), dimensions)
        self.one(region, API_GATEWAY, "5xx", float(status >= 500), dimensions)
        self.one(region, API_GATEWAY, "Latency", latency_ms, dimensions, "Milliseconds")
        if integration_ms is not None:
            self.one(region, API_GATEWAY, "IntegrationLatency", integration_ms, dimensions, "Milliseconds")

    # -- queues ---------------------------------------------------------------------------------------
    def sample_queues(self) -> None:
        """Write down how many messages each queue holds, if that has changed or was said a minute ago."""
        now = time.monotonic()
        for region, backend in list(sqs_backends[ACCOUNT].items()):
            for name, queue in list(backend.queues.items()):
                depth = (
                    int(queue.approximate_number_of_messages),
                    int(queue.approximate_number_of_messages_not_visible),
                    int(queue.approximate_number_of_messages_delayed),
                )
                if self._unchanged(queue.queue_arn, depth, now):
                    continue
                for suffix, value in zip(("Visible", "NotVisible", "Delayed"), depth, strict=True):
                    metric = f"ApproximateNumberOfMessages{suffix}"
                    self.one(region, SQS, metric, float(value), {"QueueName": name})

    def _unchanged(self, queue_arn: str, depth: tuple[int, ...], now: float) -> bool:
        with self._lock:
            known, said = self._depths.get(queue_arn, ((), 0.0))
            if known == depth and now - said < REPEAT_S:
                return True
            self._depths[queue_arn] = depth, now
            return False
