"""The policies that queues, topics, functions, event buses and logs carry: may this service do that?"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from moto.awslambda.exceptions import UnknownFunctionException
from moto.awslambda.models import lambda_backends
from moto.events.models import events_backends
from moto.logs.models import logs_backends
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends

from serverless_ai_local.aws.arns import Arn
from serverless_ai_local.aws.iam.policy import allows_service

_ELEMENTS = ("Sid", "Effect", "Action", "Principal", "Resource", "Condition")


@dataclass(frozen=True, kw_only=True, slots=True)
class Service:
    """A service that acts in its own name, and for which resource."""

    principal: str
    """E.g. `events.amazonaws.com`."""
    source_arn: str
    """E.g. the rule."""


def allow(target: Arn, service: Service, action: str) -> bool:
    """Whether a policy of the target lets the service do this. A target that is not there allows nothing."""
    return any(
        allows_service(
            document,
            service=service.principal,
            action=action,
            resource=target.text,
            source_arn=service.source_arn,
            source_account=target.account,
        )
        for document in _DOCUMENTS[target.service](target)
    )


def _of_queue(target: Arn) -> Sequence[Mapping[str, Any]]:
    queue = sqs_backends[target.account][target.region].queues.get(target.resource)
    text: Any = queue.policy if queue is not None else None
    return [json.loads(text)] if text else []


def _of_topic(target: Arn) -> Sequence[Mapping[str, Any]]:
    topic = sns_backends[target.account][target.region].topics.get(target.text)
    return [json.loads(topic.policy)] if topic is not None else []


def _of_function(target: Arn) -> Sequence[Mapping[str, Any]]:
    name = target.resource.split(":")[1]
    try:
        function = lambda_backends[target.account][target.region].get_function(name)
    except UnknownFunctionException:
        return []
    statements: list[dict[str, Any]] = function.policy.statements
    return [{"Statement": [{key: one[key] for key in _ELEMENTS if key in one} for one in statements]}]


def _of_bus(target: Arn) -> Sequence[Mapping[str, Any]]:
    bus = events_backends[target.account][target.region].event_buses.get(
        target.resource.removeprefix("event-bus/")
    )
    text = bus.policy if bus is not None else None
    return [json.loads(text)] if text else []


def _of_logs(target: Arn) -> Sequence[Mapping[str, Any]]:
    policies = logs_backends[target.account][target.region].resource_policies
    return [json.loads(one.policy_document) for one in list(policies.values())]


_DOCUMENTS = {
    "sqs": _of_queue,
    "sns": _of_topic,
    "lambda": _of_function,
    "events": _of_bus,
    "logs": _of_logs,
}
