"""Event source mappings: moto keeps them, and each one that is enabled has a poller."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Mapping
from typing import Any, Final

from moto.awslambda.models import EventSourceMapping, lambda_backends
from moto.sqs.models import sqs_backends
from werkzeug.wrappers import Response

from serverless_ai_local.aws import arns
from serverless_ai_local.aws.api import ApiError, Call, Functions, Handler, Operations
from serverless_ai_local.aws.calls import parameters, section
from serverless_ai_local.aws.event_patterns import PatternError, compile_pattern
from serverless_ai_local.aws.lambda_api import arn_of
from serverless_ai_local.aws.lambda_configuration import invalid
from serverless_ai_local.aws.moto_backends import ACCOUNT
from serverless_ai_local.aws.service_roles import ServiceRoles
from serverless_ai_local.functions import deployed as deployments
from serverless_ai_local.functions.queue_poller import ACTIONS, REPORT, QueuePoller

KNOWN: Final = frozenset(
    {
        "BatchSize", "Enabled", "EventSourceArn", "FilterCriteria", "FunctionName", "FunctionResponseTypes",
        "MaximumBatchingWindowInSeconds", "ScalingConfig", "Tags", "UUID",
    }
)  # fmt: skip
LOOK_S: Final = 0.5
_log = logging.getLogger(__name__)


class EventSources:
    """Operations of `lambda` for event source mappings, and the pollers. Queues are the only sources here."""

    def __init__(self, functions: Functions, roles: ServiceRoles, forward: Handler) -> None:
        self._functions, self._roles, self._forward = functions, roles, forward
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._pollers: dict[str, tuple[tuple[Any, ...], QueuePoller]] = {}

    def operations(self) -> Operations:
        """See `api.Operations`."""
        return {
            ("lambda", "CreateEventSourceMapping"): self._create,
            ("lambda", "UpdateEventSourceMapping"): self._update,
        }

    def start(self) -> None:
        """Begin to look for mappings."""
        threading.Thread(target=self._run, daemon=True, name="event sources").start()

    def stop(self) -> None:
        """Stop every poller."""
        self._stopped.set()
        with self._lock:
            for _, poller in self._pollers.values():
                poller.stop()
            self._pollers.clear()

    def look(self) -> None:
        """Let exactly the enabled mappings have a poller, with their present concurrency."""
        wanted: dict[str, tuple[tuple[Any, ...], EventSourceMapping]] = {}
        for backend in list(lambda_backends[ACCOUNT].values()):
            mappings: list[EventSourceMapping] = list(backend._event_source_mappings.values())  # pyright: ignore[reportPrivateUsage]
            for one in mappings:
                if one.enabled and ":sqs:" in one.event_source_arn:
                    wanted[one.uuid] = ((one.function_arn, json.dumps(one.scaling_config)), one)
        with self._lock:
            for uuid, (signature, poller) in list(self._pollers.items()):
                if uuid not in wanted or wanted[uuid][0] != signature:
                    poller.stop()
                    del self._pollers[uuid]
            for uuid, (signature, mapping) in wanted.items():
                if uuid not in self._pollers and not self._stopped.is_set():
                    poller = QueuePoller(mapping, self._functions, self._roles.check)
                    self._pollers[uuid] = signature, poller

    def _create(self, call: Call) -> Response:
        given = parameters(call)
        source = str(given.get("EventSourceArn", ""))
        if ":sqs:" not in source:
            raise invalid(f"the event source {source or '(none)'} is not offered locally; SQS queues are")
        function_arn = arn_of(call, given)
        self._require(given, function_arn, source)
        response = self._forward(call)
        if response.status_code < 400:
            _disarm(source)
        return response

    def _update(self, call: Call) -> Response:
        given = parameters(call)
        backend = lambda_backends[call.account][call.region]
        mapping = backend.get_event_source_mapping(given["UUID"])
        if mapping is None:
            raise ApiError("ResourceNotFoundException", "The resource you requested does not exist.", 404)
        function_arn = arn_of(call, given) if given.get("FunctionName") else mapping.function_arn
        window = {"MaximumBatchingWindowInSeconds": mapping.max_batch_window or 0}
        self._require({**window, **given}, function_arn, mapping.event_source_arn)
        return self._forward(call)

    def _require(self, given: Mapping[str, Any], function_arn: str, source: str) -> None:
        unknown = sorted(set(given) - KNOWN)
        if unknown:
            raise invalid(f"{unknown[0]} of an event source mapping is not offered locally for queues")
        _require_batch(given, source)
        filters: list[dict[str, str]] = section(given, "FilterCriteria").get("Filters") or []
        for pattern in filters:
            try:
                compile_pattern(pattern.get("Pattern", ""))
            except PatternError as error:
                raise invalid(f"Invalid filter pattern definition: {error}") from None
        deployed = deployments.read(function_arn)
        for action in ACTIONS:
            try:
                self._roles.check(deployed.role, deployed.name, action, source)
            except ApiError:
                verb = action.split(":")[1]
                raise invalid(
                    f"The provided execution role does not have permissions to call {verb} on SQS"
                ) from None
        queue: Any = _queue(source)
        if queue is not None and int(queue.visibility_timeout) < deployed.timeout_s:
            raise invalid(
                f"Queue visibility timeout: {queue.visibility_timeout} seconds is less than "
                f"Function timeout: {deployed.timeout_s} seconds"
            )

    def _run(self) -> None:
        while not self._stopped.wait(LOOK_S):
            try:
                self.look()
            except Exception:
                _log.exception("the event sources of the local cloud could not be looked at")


def _require_batch(given: Mapping[str, Any], source: str) -> None:
    size, window = given.get("BatchSize") or 10, given.get("MaximumBatchingWindowInSeconds") or 0
    fifo = source.endswith(".fifo")
    if not 1 <= size <= (10 if fifo else 10_000):
        raise invalid(f"BatchSize must be from 1 to {10 if fifo else 10_000}, got {size}")
    if size > 10 and window < 1:
        raise invalid("MaximumBatchingWindowInSeconds must be at least 1 when BatchSize is over 10")
    if fifo and window:
        raise invalid("Batching window is not supported for FIFO queues")
    if set(given.get("FunctionResponseTypes") or []) - {REPORT}:
        raise invalid(f"FunctionResponseTypes can only be {REPORT}")
    concurrency = section(given, "ScalingConfig").get("MaximumConcurrency")
    if concurrency is not None and not 2 <= concurrency <= 1000:
        raise invalid(f"ScalingConfig.MaximumConcurrency must be from 2 to 1000, got {concurrency}")


def _queue(arn_text: str) -> Any:
    arn = arns.parse(arn_text)
    return sqs_backends[arn.account][arn.region].queues.get(arn.resource)


def _disarm(source: str) -> None:
    """moto would run the function itself when a message comes in, in Docker and without a batch."""
    queue = _queue(source)
    if queue is not None:
        queue.lambda_event_source_mappings.clear()
