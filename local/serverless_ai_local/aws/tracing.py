"""X-Ray segments of invocations, sent as the function's role."""

from __future__ import annotations

import json
import logging
import secrets
import threading
from typing import Any, Final

from moto.xray.models import xray_backends

from serverless_ai_local.aws.api import ApiError
from serverless_ai_local.aws.service_roles import ServiceRoles
from serverless_ai_local.functions.deployed import Deployed
from serverless_ai_local.functions.job import Job, Outcome

ACTIONS: Final = ("xray:PutTraceSegments", "xray:PutTelemetryRecords")
_log = logging.getLogger(__name__)


class Tracing:
    """Tells X-Ray of sampled invocations of functions with active tracing (see functions.host.Observer)."""

    def __init__(self, roles: ServiceRoles) -> None:
        self._roles = roles
        self._lock = threading.Lock()
        self._refused: set[str] = set()

    def finished(self, deployed: Deployed, job: Job, outcome: Outcome, running: int) -> None:
        """Send the two segments of Lambda: the service's and the function's."""
        del running
        if not (deployed.tracing and job.trace.sampled):
            return
        try:
            for action in ACTIONS:
                self._roles.check(deployed.role, deployed.name, action, "*")
        except ApiError as error:
            self._say_once(deployed, error.message)
            return
        backend = xray_backends[deployed.account][deployed.region]
        for segment in _segments(deployed, job, outcome):
            backend.process_segment(json.dumps(segment))
        record = {"Timestamp": outcome.started, "SegmentsReceivedCount": 2, "SegmentsSentCount": 2}
        backend.add_telemetry_records({"TelemetryRecords": [record], "ResourceARN": deployed.arn})

    def throttled(self, deployed: Deployed) -> None:
        """A call that ran nothing has no segment of the function."""

    def _say_once(self, deployed: Deployed, reason: str) -> None:
        with self._lock:
            if deployed.fingerprint in self._refused:
                return
            self._refused.add(deployed.fingerprint)
        _log.warning("traces of function %s are lost: %s", deployed.name, reason)


def _segments(deployed: Deployed, job: Job, outcome: Outcome) -> list[dict[str, Any]]:
    start = outcome.started
    begun = start + (outcome.init_ms or 0.0) / 1000
    end = begun + outcome.duration_ms / 1000
    aws = {"function_arn": deployed.arn, "request_id": job.request_id, "resource_names": [deployed.name]}
    common: dict[str, Any] = {"trace_id": job.trace.root, "name": deployed.name, "aws": aws}
    if outcome.status != "success":
        common["fault"] = True
    service_id = secrets.token_hex(8)
    parts = [_part("Invocation", begun, end)]
    if outcome.init_ms is not None:
        parts.insert(0, _part("Initialization", start, begun))
    return [
        {**common, "id": service_id, "origin": "AWS::Lambda", "start_time": start, "end_time": end},
        {
            **common,
            "id": job.trace.parent,
            "parent_id": service_id,
            "origin": "AWS::Lambda::Function",
            "start_time": start,
            "end_time": end,
            "subsegments": parts,
        },
    ]


def _part(name: str, start: float, end: float) -> dict[str, Any]:
    return {"id": secrets.token_hex(8), "name": name, "start_time": start, "end_time": end}
