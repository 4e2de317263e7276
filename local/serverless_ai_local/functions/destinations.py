"""Where an asynchronous invocation ends: its destination's record, and the dead-letter queue."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal, Protocol

from serverless_ai_local.aws import arns
from serverless_ai_local.aws.api import Invocation
from serverless_ai_local.aws.delivery import Deliveries, Role, Undeliverable, dumps
from serverless_ai_local.functions.deployed import Deployed
from serverless_ai_local.functions.settings import AsyncSettings
from serverless_ai_local.plain import is_mapping

Condition = Literal["Success", "RetriesExhausted", "EventAgeExceeded", "ZeroReservedConcurrency"]
_ERROR_MESSAGE_BYTES: Final = 1024
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """An asynchronous invocation that will not be tried again."""

    deployed: Deployed
    request_id: str
    payload: bytes
    condition: Condition
    invoke_count: int
    answer: Invocation | None
    """Of the last attempt that ran; None if none did."""

    def record(self) -> dict[str, Any]:
        """What destinations get (Lambda developer guide, "Invocation record")."""
        record: dict[str, Any] = {
            "version": "1.0",
            "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "requestContext": {
                "requestId": self.request_id,
                "functionArn": self.deployed.key,
                "condition": self.condition,
                "approximateInvokeCount": self.invoke_count,
            },
            "requestPayload": _parsed(self.payload),
        }
        if self.answer is not None:
            context: dict[str, Any] = {
                "statusCode": self.answer.status,
                "executedVersion": self.answer.version,
            }
            if self.answer.error is not None:
                context["functionError"] = self.answer.error
            record |= {"responseContext": context, "responsePayload": _parsed(self.answer.payload)}
        return record


class Failures(Protocol):
    """Counts what could not be handed over (metric names of AWS/Lambda)."""

    def count(self, deployed: Deployed, metric: str) -> None: ...


class Destinations:
    """Sends, as the function's role, what became of an event."""

    def __init__(self, deliveries: Deliveries, failures: Failures) -> None:
        self._deliveries, self._failures = deliveries, failures

    def settle(self, ended: Ended, settings: AsyncSettings) -> None:
        """Tell the destination, and of a failure the dead-letter queue. A lost event is said to be lost."""
        success = ended.condition == "Success"
        destination = settings.on_success if success else settings.on_failure
        kept = (
            self._try(ended, destination, "DestinationDeliveryFailures", self._record)
            if destination
            else False
        )
        if success:
            return
        if settings.dead_letters:
            kept |= self._try(ended, settings.dead_letters, "DeadLetterErrors", self._dead_letter)
        if not kept:
            _log.warning(
                "lost: event %s of function %s (%s after %d attempts) reached no destination and no queue",
                ended.request_id,
                ended.deployed.name,
                ended.condition,
                ended.invoke_count,
            )

    def _try(
        self, ended: Ended, target: str, metric: str, send: Callable[[Ended, arns.Arn, Role], None]
    ) -> bool:
        try:
            send(ended, arns.parse(target), Role(arn=ended.deployed.role, session=ended.deployed.name))
        except Undeliverable as error:
            self._failures.count(ended.deployed, metric)
            _log.warning(
                "event %s of %s did not reach %s: %s", ended.request_id, ended.deployed.name, target, error
            )
            return False
        return True

    def _record(self, ended: Ended, target: arns.Arn, role: Role) -> None:
        record = ended.record()
        if target.service == "sqs":
            self._deliveries.queue(target, dumps(record), role)
        elif target.service == "sns":
            self._deliveries.topic(target, dumps(record), role)
        elif target.service == "lambda":
            self._deliveries.function(target, dumps(record).encode(), role)
        else:
            outcome = "Success" if ended.condition == "Success" else "Failure"
            entry = {
                "Source": "lambda",
                "DetailType": f"Lambda Function Invocation Result - {outcome}",
                "Detail": dumps(record),
                "Resources": [target.text, ended.deployed.key],
            }
            self._deliveries.bus(target, entry, role)

    def _dead_letter(self, ended: Ended, target: arns.Arn, role: Role) -> None:
        message = ended.answer.payload if ended.answer is not None else ended.condition.encode()
        attributes: dict[str, str | int] = {
            "RequestID": ended.request_id,
            "ErrorCode": ended.answer.status if ended.answer is not None else 429,
            "ErrorMessage": _message(message)[:_ERROR_MESSAGE_BYTES],
        }
        body = ended.payload.decode(errors="replace")
        if target.service == "sqs":
            self._deliveries.queue(target, body, role, attributes=attributes)
        else:
            self._deliveries.topic(target, body, role, attributes=attributes)


def _parsed(payload: bytes) -> Any:
    try:
        return json.loads(payload)
    except ValueError:
        return payload.decode(errors="replace")


def _message(payload: bytes) -> str:
    parsed = _parsed(payload)
    found = parsed.get("errorMessage") if is_mapping(parsed) else None
    return str(found) if found else payload.decode(errors="replace") or "unknown"
