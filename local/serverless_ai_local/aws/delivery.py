"""Hands messages from one service to another: with a role's permission, or by the target's own policy."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from moto.awslambda.exceptions import UnknownFunctionException
from moto.awslambda.models import lambda_backends
from moto.events.models import events_backends
from moto.logs.models import logs_backends
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends

from serverless_ai_local.aws import arns, resource_policies
from serverless_ai_local.aws.api import ApiError, Functions
from serverless_ai_local.aws.arns import Arn
from serverless_ai_local.aws.resource_policies import Service
from serverless_ai_local.aws.service_roles import ServiceRoles

NO_PERMISSIONS: Final = "NO_PERMISSIONS"
NO_RESOURCE: Final = "NO_RESOURCE"
MAX_MESSAGE: Final = 1024 * 1024
"""Bytes of a message to a queue (SQS, since August 2025)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Role:
    """A service that acts as its user's role."""

    arn: str
    session: str


Sender = Role | Service
Attributes = Mapping[str, str | int]
"""Message attributes of type String and Number."""


class Undeliverable(Exception):
    """The message was not taken, and trying again would not help. `code` is EventBridge's word for it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


PutEvent = Callable[[Arn, Mapping[str, Any]], object]
"""Puts an event, in the form of an entry of PutEvents, on a bus."""


class Deliveries:
    """Sends to queues, topics, functions, event buses and log groups."""

    def __init__(self, roles: ServiceRoles, functions: Functions, put_event: PutEvent) -> None:
        self._roles, self._functions, self._put_event = roles, functions, put_event

    def queue(
        self, target: Arn, body: str, sender: Sender, *, attributes: Attributes | None = None, group: str = ""
    ) -> None:
        """Send one message. Raises `Undeliverable`, as all methods here do."""
        backend = sqs_backends[target.account][target.region]
        if target.resource not in backend.queues:
            raise Undeliverable(NO_RESOURCE, f"there is no queue {target.text}")
        self._permit(target, sender, "sqs:SendMessage")
        if len(body.encode()) > MAX_MESSAGE:
            raise Undeliverable(
                "MESSAGE_TOO_LARGE", f"a message of more than {MAX_MESSAGE} bytes for {target.text}"
            )
        typed = {
            name: {"DataType": _kind(one), "StringValue": str(one)}
            for name, one in (attributes or {}).items()
        }
        fifo = target.text.endswith(".fifo")
        backend.send_message(
            target.resource,
            body,
            message_attributes=typed,
            group_id=group if fifo else None,
            deduplication_id=str(uuid.uuid4()) if fifo else None,
        )

    def topic(
        self,
        target: Arn,
        message: str,
        sender: Sender,
        *,
        subject: str | None = None,
        attributes: Attributes | None = None,
    ) -> None:
        """Publish one message."""
        backend = sns_backends[target.account][target.region]
        if target.text not in backend.topics:
            raise Undeliverable(NO_RESOURCE, f"there is no topic {target.text}")
        self._permit(target, sender, "sns:Publish")
        typed = {name: {"Type": _kind(one), "Value": str(one)} for name, one in (attributes or {}).items()}
        backend.publish(message, target.text, subject=subject, message_attributes=typed)

    def function(self, target: Arn, payload: bytes, sender: Sender) -> None:
        """Invoke asynchronously."""
        try:
            lambda_backends[target.account][target.region].get_function(target.text)
        except UnknownFunctionException:
            raise Undeliverable(NO_RESOURCE, f"there is no function {target.text}") from None
        self._permit(target, sender, "lambda:InvokeFunction")
        self._functions.enqueue(target.text, payload)

    def bus(self, target: Arn, entry: Mapping[str, Any], sender: Sender) -> None:
        """Put one event on an event bus."""
        name = target.resource.removeprefix("event-bus/")
        if name not in events_backends[target.account][target.region].event_buses:
            raise Undeliverable(NO_RESOURCE, f"there is no event bus {target.text}")
        self._permit(target, sender, "events:PutEvents")
        self._put_event(target, entry)

    def log_group(self, target: Arn, message: str, sender: Sender) -> None:
        """Write one event into a new stream of a log group."""
        name = target.resource.removeprefix("log-group:").removesuffix(":*")
        group = arns.parse(f"arn:aws:logs:{target.region}:{target.account}:log-group:{name}:*")
        backend = logs_backends[target.account][target.region]
        if name not in backend.groups:
            raise Undeliverable(NO_RESOURCE, f"there is no log group {name}")
        self._permit(group, sender, "logs:CreateLogStream")
        self._permit(group, sender, "logs:PutLogEvents")
        stream = str(uuid.uuid4())
        backend.create_log_stream(name, stream)
        backend.put_log_events(name, stream, [{"timestamp": int(time.time() * 1000), "message": message}])

    def _permit(self, target: Arn, sender: Sender, action: str) -> None:
        if isinstance(sender, Role):
            try:
                self._roles.check(sender.arn, sender.session, action, target.text)
            except ApiError as error:
                raise Undeliverable(NO_PERMISSIONS, error.message) from error
        elif not resource_policies.allow(target, sender, action):
            who, why = sender.principal, sender.source_arn
            raise Undeliverable(NO_PERMISSIONS, f"no policy of {target.text} lets {who} {action} for {why}")


def _kind(value: str | int) -> str:
    return "Number" if isinstance(value, int) else "String"


def dumps(value: object) -> str:
    """JSON as AWS's services write it into messages: no spaces, no escapes beyond what JSON demands."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
