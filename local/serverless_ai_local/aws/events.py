"""EventBridge: events that are put on a bus reach the targets of the rules they match."""

from __future__ import annotations

import json
import logging
import threading
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from moto.events.models import Rule, events_backends
from werkzeug.wrappers import Response

from serverless_ai_local.aws import arns, event_input
from serverless_ai_local.aws.api import ApiError, Call, Handler, Operations
from serverless_ai_local.aws.arns import Arn
from serverless_ai_local.aws.calls import parameters, reply
from serverless_ai_local.aws.event_patterns import PatternError, compile_pattern
from serverless_ai_local.aws.event_targets import EventTargets, require_target
from serverless_ai_local.aws.schedule_expressions import ScheduleError, parse

MAX_ENTRIES: Final = 10
MAX_BYTES: Final = 1024 * 1024
"""Of all entries of one call together."""
_TIME: Final = "%Y-%m-%dT%H:%M:%SZ"
_REQUIRED: Final = ("Source", "DetailType", "Detail")
_log = logging.getLogger(__name__)


class Events:
    """Operations of `events`; `forward` hands a call to moto, which keeps buses, rules and targets."""

    def __init__(self, targets: EventTargets, forward: Handler) -> None:
        self._targets, self._forward = targets, forward
        self._lock = threading.Lock()
        self._duplicates = 0
        self._take_over()

    def operations(self) -> Operations:
        """See `api.Operations`."""
        offered: dict[str, Handler] = {
            "PutEvents": self._put_events,
            "PutRule": self._put_rule,
            "PutTargets": self._put_targets,
            "TestEventPattern": self._test_pattern,
        }
        return {("events", name): handler for name, handler in offered.items()}

    def duplicate(self, times: int) -> None:
        """Deliver the next event this many times more: EventBridge promises at least once, and no more."""
        with self._lock:
            self._duplicates += times

    def put(self, bus: Arn, entry: Mapping[str, Any]) -> str:
        """Put one entry of PutEvents on a bus; returns the event's id. The entry has been checked."""
        event = _event(bus, entry)
        self._deliver(bus.resource.removeprefix("event-bus/"), event)
        return event["id"]

    def happened(self, event: Mapping[str, Any]) -> None:
        """An event of a service of the cloud: it comes on the default bus."""
        self._deliver("default", event)

    def _deliver(self, bus: str, event: Mapping[str, Any]) -> None:
        with self._lock:
            deliveries, self._duplicates = 1 + self._duplicates, 0
        backend = events_backends[event["account"]][event["region"]]
        for rule in list(backend.event_buses[bus].rules.values()):
            if rule.state == "ENABLED" and _matches(rule, event):
                for _ in range(deliveries):
                    self._targets.deliver(rule, event)

    def _take_over(self) -> None:
        """Let events of moto's own services take the way of all others: moto hands them to its rules."""

        def send_to_targets(
            rule: Rule, original_event: Mapping[str, Any], transform_input: bool = True
        ) -> None:
            del transform_input
            moment = datetime.fromtimestamp(float(original_event["time"]), UTC)
            event = {name: value for name, value in original_event.items() if name != "ingestion-time"}
            event |= {"id": str(uuid.uuid4()), "time": moment.strftime(_TIME)}
            if rule.state == "ENABLED" and _matches(rule, event):
                self._targets.deliver(rule, event)

        Rule.send_to_targets = send_to_targets  # pyright: ignore[reportAttributeAccessIssue]

    def _put_events(self, call: Call) -> Response:
        entries: list[dict[str, Any]] = parameters(call)["Entries"]
        if not 1 <= len(entries) <= MAX_ENTRIES:
            raise ApiError(
                "ValidationException", f"PutEvents takes 1 to {MAX_ENTRIES} entries, got {len(entries)}"
            )
        if sum(len(str(entry.get("Detail", "")).encode()) for entry in entries) > MAX_BYTES:
            raise ApiError(
                "ValidationException", "Total size of the entries in the request is over the limit."
            )
        results: list[dict[str, str]] = []
        for entry in entries:
            refusal = _refusal(entry)
            if refusal is not None:
                results.append(refusal)
                continue
            results.append({"EventId": self.put(_bus(call, entry.get("EventBusName")), entry)})
        failed = sum("ErrorCode" in result for result in results)
        return reply({"FailedEntryCount": failed, "Entries": results})

    def _put_rule(self, call: Call) -> Response:
        given = parameters(call)
        if given.get("EventPattern"):
            _compiled(given["EventPattern"])
        expression = given.get("ScheduleExpression")
        if expression:
            try:
                if expression.startswith("at("):
                    raise ScheduleError(
                        "rules take rate(...) and cron(...); at(...) is EventBridge Scheduler's"
                    )
                parse(expression)
            except ScheduleError as error:
                message = f"Parameter ScheduleExpression is not valid. Reason: {error}"
                raise ApiError("ValidationException", message) from None
        return self._forward(call)

    def _put_targets(self, call: Call) -> Response:
        for target in parameters(call)["Targets"]:
            require_target(target)
            try:
                event_input.require(target)
            except event_input.InputError as error:
                raise ApiError("ValidationException", f"target {target.get('Id')}: {error}") from None
        return self._forward(call)

    def _test_pattern(self, call: Call) -> Response:
        given = parameters(call)
        try:
            event = json.loads(given["Event"])
        except ValueError as error:
            raise ApiError(
                "ValidationException", f"Event is not valid. Reason: it is not JSON: {error}"
            ) from None
        return reply({"Result": _compiled(given["EventPattern"])(event)})


def _compiled(pattern: str) -> Callable[[Mapping[str, Any]], bool]:
    try:
        return compile_pattern(pattern)
    except PatternError as error:
        message = f"Event pattern is not valid. Reason: {error}"
        raise ApiError("InvalidEventPatternException", message) from None


def _matches(rule: Rule, event: Mapping[str, Any]) -> bool:
    pattern = rule.event_pattern.dump()
    if not pattern:
        return False  # only a schedule
    try:
        return compile_pattern(pattern)(event)
    except PatternError as error:
        _log.warning("rule %s has a pattern that cannot be understood: %s", rule.name, error)
        return False


def _bus(call: Call, name_or_arn: str | None) -> Arn:
    name = (name_or_arn or "default").rsplit("/", 1)[-1]
    if name not in events_backends[call.account][call.region].event_buses:
        raise ApiError("ResourceNotFoundException", f"Event bus {name} does not exist.")
    return arns.parse(f"arn:aws:events:{call.region}:{call.account}:event-bus/{name}")


def _refusal(entry: Mapping[str, Any]) -> dict[str, str] | None:
    for field in _REQUIRED:
        if not entry.get(field):
            reason = f"Parameter {field} is not valid. Reason: {field} is a required argument."
            return {"ErrorCode": "InvalidArgument", "ErrorMessage": reason}
    try:
        detail = json.loads(entry["Detail"])
    except ValueError:
        return {"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."}
    if not isinstance(detail, dict):
        return {"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed: it must be an object."}
    return None


def _event(bus: Arn, entry: Mapping[str, Any]) -> dict[str, Any]:
    moment = entry.get("Time")
    if isinstance(moment, int | float):
        moment = datetime.fromtimestamp(moment, UTC)
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": entry["DetailType"],
        "source": entry["Source"],
        "account": bus.account,
        "time": (moment or datetime.now(UTC)).strftime(_TIME),
        "region": bus.region,
        "resources": list(entry.get("Resources") or []),
        "detail": json.loads(entry["Detail"]),
    }
