"""What EventBridge does with an event that matched a rule: shape it, hand it over, keep what could not be."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any, Final

from moto.events.models import Rule

from serverless_ai_local.aws import arns, event_input
from serverless_ai_local.aws.api import ApiError
from serverless_ai_local.aws.arns import Arn
from serverless_ai_local.aws.attempts import Attempts, Failure
from serverless_ai_local.aws.calls import section
from serverless_ai_local.aws.delivery import NO_PERMISSIONS, Deliveries, Role, Sender, Undeliverable
from serverless_ai_local.aws.metrics import EVENTS, Metrics
from serverless_ai_local.aws.resource_policies import Service
from serverless_ai_local.aws.service_roles import ServiceRoles

PRINCIPAL: Final = "events.amazonaws.com"
KINDS: Final = ("lambda function", "sqs queue", "sns topic", "events event-bus", "logs log-group")
KNOWN: Final = frozenset(
    {
        "Id", "Arn", "RoleArn", "Input", "InputPath", "InputTransformer", "RetryPolicy", "DeadLetterConfig",
        "SqsParameters",
    }
)  # fmt: skip
_log = logging.getLogger(__name__)


def require_target(target: Mapping[str, Any]) -> None:
    """Raise `ApiError` if the local cloud cannot deliver to this target, or would ignore a part of it."""
    unknown = sorted(set(target) - KNOWN)
    if unknown:
        raise ApiError(
            "ValidationException", f"target {target.get('Id')}: {unknown[0]} is not offered locally"
        )
    try:
        kind = _kind(arns.parse(str(target.get("Arn"))))
    except ValueError as error:
        message = f"Parameter {target.get('Arn')} is not valid. Reason: {error}"
        raise ApiError("ValidationException", message) from None
    if kind not in KINDS:
        raise ApiError(
            "ValidationException",
            f"target {target.get('Id')}: {kind} is not offered locally; these are: {', '.join(KINDS)}",
        )


class EventTargets:
    """Delivers events to the targets of rules."""

    def __init__(
        self, deliveries: Deliveries, attempts: Attempts, roles: ServiceRoles, metrics: Metrics
    ) -> None:
        self._deliveries, self._attempts = deliveries, attempts
        self._roles, self._metrics = roles, metrics

    def deliver(self, rule: Rule, event: Mapping[str, Any]) -> None:
        """Hand the event to every target of the rule, in the background."""
        for target in list(rule.targets):
            text = event_input.shape(target, event, rule_arn=rule.arn)
            self._attempts.later(
                lambda _, target=target, text=text: self._send(rule, target, text, event),
                target.get("RetryPolicy") or {},
                lambda failure, target=target, text=text: self._dead(rule, target, text, failure),
            )

    def _send(self, rule: Rule, target: Mapping[str, Any], text: str, event: Mapping[str, Any]) -> None:
        arn = arns.parse(target["Arn"])
        sender = self._sender(rule, target)
        if arn.service == "lambda":
            self._deliveries.function(arn, text.encode(), sender)
        elif arn.service == "sqs":
            group = section(target, "SqsParameters").get("MessageGroupId", "")
            self._deliveries.queue(arn, text, sender, group=group)
        elif arn.service == "sns":
            self._deliveries.topic(arn, text, sender)
        elif arn.service == "logs":
            self._deliveries.log_group(arn, text, sender)
        else:
            entry = {
                "Source": event["source"],
                "DetailType": event["detail-type"],
                "Detail": json.dumps(event["detail"]),
                "Resources": event["resources"],
            }
            self._deliveries.bus(arn, entry, sender)

    def _sender(self, rule: Rule, target: Mapping[str, Any]) -> Sender:
        role_arn = target.get("RoleArn")
        if not role_arn:
            return Service(principal=PRINCIPAL, source_arn=rule.arn)
        try:
            self._roles.require_trust(role_arn, PRINCIPAL, rule.arn)
        except ApiError as error:
            raise Undeliverable(NO_PERMISSIONS, error.message) from error
        return Role(arn=role_arn, session="events")

    def _dead(self, rule: Rule, target: Mapping[str, Any], text: str, failure: Failure) -> None:
        self._metrics.one(rule.region_name, EVENTS, "FailedInvocations", 1.0, {"RuleName": rule.name})
        queue = section(target, "DeadLetterConfig").get("Arn")
        if not queue:
            _log.warning("lost: an event of rule %s for %s: %s", rule.name, target["Arn"], failure.message)
            return
        attributes: dict[str, str | int] = {
            "RULE_ARN": rule.arn,
            "TARGET_ARN": target["Arn"],
            "ERROR_CODE": failure.code,
            "ERROR_MESSAGE": failure.message,
            "RETRY_ATTEMPTS": str(failure.attempts - 1),
        }
        if failure.exhausted:
            attributes["EXHAUSTED_RETRY_CONDITION"] = failure.exhausted
        service = Service(principal=PRINCIPAL, source_arn=rule.arn)
        try:
            self._deliveries.queue(arns.parse(queue), text, service, attributes=attributes)
        except Undeliverable as error:
            _log.warning(
                "lost: an event of rule %s for %s: %s; and %s",
                rule.name,
                target["Arn"],
                failure.message,
                error,
            )


def _kind(arn: Arn) -> str:
    """`lambda function` and the like; SQS and SNS have only one kind of resource."""
    only = {"sqs": "queue", "sns": "topic"}
    return f"{arn.service} {only.get(arn.service) or arn.resource.replace('/', ':').split(':')[0]}"
