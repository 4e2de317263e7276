"""EventBridge Scheduler: schedules that fire by the clock or by hand, as the role that each names."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from moto.scheduler.models import Schedule, scheduler_backends
from werkzeug.wrappers import Response

from serverless_ai_local.aws import arns
from serverless_ai_local.aws.api import ApiError, Call, Handler, Operations
from serverless_ai_local.aws.attempts import Attempts, Failure
from serverless_ai_local.aws.calls import parameters, section
from serverless_ai_local.aws.delivery import NO_PERMISSIONS, Deliveries, Role, Undeliverable, dumps
from serverless_ai_local.aws.moto_backends import ACCOUNT
from serverless_ai_local.aws.schedule_expressions import ScheduleError, parse
from serverless_ai_local.aws.service_roles import ServiceRoles

PRINCIPAL: Final = "scheduler.amazonaws.com"
SERVICES: Final = ("lambda", "sqs", "sns", "events")
TARGET_FIELDS: Final = frozenset(
    {"Arn", "RoleArn", "Input", "RetryPolicy", "DeadLetterConfig", "SqsParameters", "EventBridgeParameters"}
)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Fired:
    """One execution of a schedule."""

    schedule_arn: str
    target: Mapping[str, Any]
    execution_id: str
    scheduled_time: datetime

    @property
    def time(self) -> str:
        """When it was due."""
        return self.scheduled_time.strftime("%Y-%m-%dT%H:%M:%SZ")

    def input(self, attempt: int) -> str:
        """What the target gets."""
        text = self.target.get("Input")
        if text is None:
            return dumps(self._default())
        for name, value in {
            "execution-id": self.execution_id,
            "scheduled-time": self.time,
            "schedule-arn": self.schedule_arn,
            "attempt-number": str(attempt),
        }.items():
            text = text.replace(f"<aws.scheduler.{name}>", value)
        return text

    def _default(self) -> dict[str, Any]:
        arn = arns.parse(self.schedule_arn)
        return {
            "version": "0",
            "id": self.execution_id,
            "detail-type": "Scheduled Event",
            "source": "aws.scheduler",
            "account": arn.account,
            "time": self.time,
            "region": arn.region,
            "resources": [self.schedule_arn],
            "detail": "{}",
        }


class Scheduler:
    """Operations of `scheduler`; `forward` hands a call to moto, which keeps the schedules."""

    def __init__(
        self, deliveries: Deliveries, attempts: Attempts, roles: ServiceRoles, forward: Handler, region: str
    ) -> None:
        """`region` is the one that `fire` looks in."""
        self._deliveries, self._attempts, self._roles = deliveries, attempts, roles
        self._forward, self._region = forward, region

    def operations(self) -> Operations:
        """See `api.Operations`."""
        return {("scheduler", name): self._put for name in ("CreateSchedule", "UpdateSchedule")}

    def fire(self, group: str, name: str) -> tuple[str, Failure | None]:
        """Run a schedule now, whatever its expression and state.

        Returns the execution's id and why its target was not reached. KeyError: there is no such schedule.
        """
        groups = scheduler_backends[ACCOUNT][self._region].schedule_groups
        found: Any = groups.get(group)
        schedule: Schedule | None = found.schedules.get(name) if found is not None else None
        if schedule is None:
            raise KeyError(f"there is no schedule {group}/{name}")
        fired = _fired(schedule, datetime.now(UTC))
        failure = self._attempts.now(
            lambda attempt: self._send(fired, attempt),
            section(fired.target, "RetryPolicy"),
            lambda failure: self._dead(fired, failure),
        )
        return fired.execution_id, failure

    def due(self, schedule: Schedule, moment: datetime) -> None:
        """The clock says that a schedule is due."""
        fired = _fired(schedule, moment)
        self._attempts.later(
            lambda attempt: self._send(fired, attempt),
            section(fired.target, "RetryPolicy"),
            lambda failure: self._dead(fired, failure),
        )

    def _put(self, call: Call) -> Response:
        given = parameters(call)
        group = given.get("GroupName") or "default"
        if group not in scheduler_backends[call.account][call.region].schedule_groups:
            raise ApiError("ResourceNotFoundException", f"Schedule group {group} does not exist.", 404)
        try:
            parse(given["ScheduleExpression"], given.get("ScheduleExpressionTimezone") or "UTC")
        except ScheduleError as error:
            raise ApiError("ValidationException", f"Invalid Schedule Expression: {error}") from None
        target: dict[str, Any] = given["Target"]
        unknown = sorted(set(target) - TARGET_FIELDS)
        if unknown:
            raise ApiError("ValidationException", f"Target.{unknown[0]} is not offered locally")
        try:
            service = arns.parse(target["Arn"]).service
        except ValueError as error:
            raise ApiError("ValidationException", f"Target.Arn: {error}") from None
        if service not in SERVICES:
            message = (
                f"a target {target['Arn']} is not offered locally; these services are: {', '.join(SERVICES)}"
            )
            raise ApiError("ValidationException", message)
        try:
            self._roles.require_trust(target["RoleArn"], PRINCIPAL, _group_arn(call.region, group))
        except ApiError:
            message = (
                "The execution role you provide must allow AWS EventBridge Scheduler to assume the role."
            )
            raise ApiError("ValidationException", message) from None
        return self._forward(call)

    def _send(self, fired: Fired, attempt: int) -> None:
        arn, text = arns.parse(fired.target["Arn"]), fired.input(attempt)
        role = self._role(fired)
        if arn.service == "lambda":
            self._deliveries.function(arn, text.encode(), role)
        elif arn.service == "sqs":
            group = section(fired.target, "SqsParameters").get("MessageGroupId", "")
            self._deliveries.queue(arn, text, role, group=group)
        elif arn.service == "sns":
            self._deliveries.topic(arn, text, role)
        else:
            shape = section(fired.target, "EventBridgeParameters")
            entry = {"Source": shape.get("Source"), "DetailType": shape.get("DetailType"), "Detail": text}
            self._deliveries.bus(arn, entry, role)

    def _role(self, fired: Fired) -> Role:
        arn = arns.parse(fired.schedule_arn)
        role_arn = fired.target["RoleArn"]
        try:
            self._roles.require_trust(role_arn, PRINCIPAL, _group_arn(arn.region, arn.resource.split("/")[1]))
        except ApiError as error:
            raise Undeliverable(NO_PERMISSIONS, error.message) from error
        return Role(arn=role_arn, session=fired.execution_id)

    def _dead(self, fired: Fired, failure: Failure) -> None:
        queue = section(fired.target, "DeadLetterConfig").get("Arn")
        if not queue:
            _log.warning("lost: an execution of %s: %s", fired.schedule_arn, failure.message)
            return
        attributes: dict[str, str | int] = {
            "ERROR_CODE": failure.code,
            "ERROR_MESSAGE": failure.message,
            "EXECUTION_ID": fired.execution_id,
            "IS_PAYLOAD_TRUNCATED": "false",
            "RETRY_ATTEMPTS": str(failure.attempts - 1),
            "SCHEDULED_TIME": fired.time,
            "SCHEDULE_ARN": fired.schedule_arn,
            "TARGET_ARN": fired.target["Arn"],
        }
        if failure.exhausted:
            attributes["EXHAUSTED_RETRY_CONDITION"] = failure.exhausted
        try:
            role = self._role(fired)
            self._deliveries.queue(
                arns.parse(queue), fired.input(failure.attempts), role, attributes=attributes
            )
        except Undeliverable as error:
            _log.warning("lost: an execution of %s: %s; and %s", fired.schedule_arn, failure.message, error)


def _fired(schedule: Schedule, moment: datetime) -> Fired:
    return Fired(
        schedule_arn=schedule.arn,
        target=dict(schedule.target),
        execution_id=str(uuid.uuid4()),
        scheduled_time=moment,
    )


def _group_arn(region: str, group: str) -> str:
    return f"arn:aws:scheduler:{region}:{ACCOUNT}:schedule-group/{group}"
