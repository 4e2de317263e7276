"""Function logs on their way into CloudWatch Logs, as the function's role; metrics are taken out of them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from contextlib import suppress

from moto.logs.exceptions import ResourceAlreadyExistsException, ResourceNotFoundException
from moto.logs.models import logs_backends

from serverless_ai_local.aws import emf
from serverless_ai_local.aws.api import ApiError
from serverless_ai_local.aws.metrics import Metrics
from serverless_ai_local.aws.service_roles import ServiceRoles
from serverless_ai_local.functions.deployed import Deployed

_log = logging.getLogger(__name__)


class FunctionLogs:
    """Takes the lines of every execution environment (see functions.host.LogSink)."""

    def __init__(self, roles: ServiceRoles, metrics: Metrics) -> None:
        self._roles, self._metrics = roles, metrics
        self._lock = threading.Lock()
        self._refused: set[str] = set()

    def write(self, deployed: Deployed, stream: str, events: Sequence[tuple[int, str]]) -> None:
        """Write events (Unix milliseconds, message). A role that may not loses them; that is said once."""
        backend = logs_backends[deployed.account][deployed.region]
        entries = [{"timestamp": moment, "message": message} for moment, message in events]
        try:
            self._make_stream(deployed, stream)
            self._check(deployed, "logs:PutLogEvents", f":log-stream:{stream}")
            backend.put_log_events(deployed.log_group, stream, entries)
        except ApiError as error:
            self._say_once(deployed, stream, error.message)
            return
        except ResourceNotFoundException:
            self._say_once(deployed, stream, f"its log group {deployed.log_group} was deleted")
            return
        for _, message in events:
            self._extract(deployed, message)

    def _make_stream(self, deployed: Deployed, stream: str) -> None:
        """Make what is missing; another thread or environment may be first."""
        backend = logs_backends[deployed.account][deployed.region]
        if deployed.log_group not in backend.groups:
            self._check(deployed, "logs:CreateLogGroup", "")
            with suppress(ResourceAlreadyExistsException):
                backend.create_log_group(deployed.log_group, {})
        if stream not in backend.groups[deployed.log_group].streams:
            self._check(deployed, "logs:CreateLogStream", f":log-stream:{stream}")
            with suppress(ResourceAlreadyExistsException):
                backend.create_log_stream(deployed.log_group, stream)

    def _check(self, deployed: Deployed, action: str, of_group: str) -> None:
        resource = (
            f"arn:aws:logs:{deployed.region}:{deployed.account}:log-group:{deployed.log_group}{of_group}"
        )
        self._roles.check(deployed.role, deployed.name, action, resource)

    def _say_once(self, deployed: Deployed, stream: str, reason: str) -> None:
        with self._lock:
            if stream in self._refused:
                return
            self._refused.add(stream)
        _log.warning("the log of function %s is lost: %s", deployed.name, reason)

    def _extract(self, deployed: Deployed, message: str) -> None:
        try:
            found = emf.metrics(message)
        except emf.EmfError as error:
            _log.warning("function %s logged metrics that CloudWatch does not take: %s", deployed.name, error)
            return
        for datum in found:
            self._metrics.put(deployed.region, datum)
