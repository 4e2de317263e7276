"""SQS queues that many threads use at once: moto's own records, under a lock, with SQS's rules on receipts.

moto keeps a queue as a list that every operation walks and some replace: two readers could be given the same
message, and a message that came in while another was deleted was lost.
"""

from __future__ import annotations

import json
import time
import weakref
from collections.abc import Mapping
from threading import Condition
from typing import Any, Final, cast

from moto.core.utils import unix_time_millis
from moto.sqs.exceptions import QueueDoesNotExist, ReceiptHandleIsInvalid, SQSException
from moto.sqs.models import Message, Queue, SQSBackend, sqs_backends

from serverless_ai_local.admin import AdminCall
from serverless_ai_local.aws import arns
from serverless_ai_local.aws.moto_backends import ACCOUNT
from serverless_ai_local.plain import is_mapping

LOOK_S: Final = 0.1
"""A waiting reader looks again this often: delayed messages, and those that nobody deleted, come by time."""
NOT_IN_FLIGHT: Final = "AWS.SimpleQueueService.MessageNotInflight"
ALLOW: Final = "RedriveAllowPolicy"

_homes: weakref.WeakKeyDictionary[Message, str] = weakref.WeakKeyDictionary()
_receive = SQSBackend.receive_message
_purge = SQSBackend.purge_queue
_add = Queue.add_message
_set = Queue._set_attributes  # pyright: ignore[reportPrivateUsage]
_set_dead_letters = Queue._setup_dlq  # pyright: ignore[reportPrivateUsage]


def take_over() -> None:
    """Put the functions below in the place of moto's."""
    if Queue.add_message is _added:
        return
    if ALLOW not in Queue.BASE_ATTRIBUTES:
        Queue.BASE_ATTRIBUTES.append(ALLOW)
    replaced: dict[Any, dict[str, Any]] = {
        Queue: {
            "redrive_allow_policy": None,
            "messages": property(visible),
            "approximate_number_of_messages_delayed": property(_delayed),
            "approximate_number_of_messages_not_visible": property(_in_flight),
            "add_message": _added,
            "delete_message": _deleted,
            "_set_attributes": _attributes,
            "_setup_dlq": _dead_letters,
        },
        SQSBackend: {
            "receive_message": _received,
            "change_message_visibility": _changed,
            "purge_queue": _purged,
        },
    }
    for owner, members in replaced.items():
        for name, value in members.items():
            setattr(owner, name, value)


def lock(queue: Queue) -> Condition:
    """Held by whoever reads or changes the queue's messages; told when there is something to look at."""
    return queue._messages_lock  # pyright: ignore[reportPrivateUsage]


def stored(queue: Queue) -> list[Message]:
    """Every message of the queue, whoever has it."""
    return queue._messages  # pyright: ignore[reportPrivateUsage]


def home(message: Message) -> str:
    """ARN of the queue that the message was sent to first."""
    return _homes.get(message, "")


def visible(queue: Queue) -> list[Message]:
    """Messages that a reader may be given."""
    now = unix_time_millis()
    return [one for one in stored(queue) if one.visible_at < now and one.delayed_until <= now]


def _delayed(queue: Queue) -> int:
    now = unix_time_millis()
    return sum(one.delayed_until > now for one in stored(queue))


def _in_flight(queue: Queue) -> int:
    now = unix_time_millis()
    return sum(one.visible_at >= now for one in stored(queue))


def _added(queue: Queue, message: Message) -> None:
    with lock(queue):
        _homes.setdefault(message, queue.queue_arn)
        _add(queue, message)


def receive(queue: Queue, count: int, wait_s: float, hidden_s: int, attributes: list[str]) -> list[Message]:
    """At most `count` messages, after at most `wait_s`, each hidden from other readers for `hidden_s`."""
    backend = sqs_backends[queue.account_id][queue.region]
    until = time.monotonic() + wait_s
    with lock(queue):
        while True:
            found = _receive(backend, queue.name, count, 0, hidden_s, attributes)
            left = until - time.monotonic()
            if found or left <= 0:
                return found
            lock(queue).wait(min(left, LOOK_S))


def _received(
    backend: SQSBackend, queue_name: str, count: int, wait_s: int, hidden_s: int, *names: list[str] | None
) -> list[Message]:
    attributes = [name for some in names for name in some or ()]
    return receive(backend.get_queue(queue_name), count, wait_s, hidden_s, attributes)


def _deleted(queue: Queue, receipt_handle: str) -> None:
    """A receipt that is not the message's last one deletes nothing: somebody else has the message by now."""
    with lock(queue):
        if receipt_handle in queue.deleted_messages:
            return
        message = _held_by(queue, receipt_handle)
        if message.receipt_handle == receipt_handle:
            queue.pending_messages.discard(message)
            queue.deleted_messages.update(one for one in message.all_receipt_handles if one)
            stored(queue).remove(message)
            lock(queue).notify_all()


def _changed(backend: SQSBackend, queue_name: str, receipt_handle: str, visibility_timeout: int) -> None:
    queue = backend.get_queue(queue_name)
    with lock(queue):
        if receipt_handle in queue.deleted_messages:
            raise _not_available(visibility_timeout)
        message = _held_by(queue, receipt_handle)
        if message.receipt_handle != receipt_handle:
            raise _not_available(visibility_timeout)
        if message.visible:
            raise SQSException(NOT_IN_FLIGHT, "The specified message isn't in flight.")
        message.change_visibility(visibility_timeout)
        if not int(visibility_timeout):
            message.visible_at = 0.0
            queue.pending_messages.discard(message)
        lock(queue).notify_all()


def _held_by(queue: Queue, receipt_handle: str) -> Message:
    for message in stored(queue):
        if message.had_receipt_handle(receipt_handle):
            return message
    raise ReceiptHandleIsInvalid


def _not_available(visibility_timeout: int) -> SQSException:
    return SQSException(
        "InvalidParameterValue",
        f"Value {visibility_timeout} for parameter VisibilityTimeout is invalid. Reason: Message does not "
        "exist or is not available for visibility timeout change.",
    )


def _named(call: AdminCall) -> list[Queue]:
    """Queues of the name in the path, of any region."""
    name = call.path["name"]
    found = [one for backend in sqs_backends[ACCOUNT].values() for one in backend.queues.values()]
    named = [queue for queue in found if queue.name == name]
    if not named:
        raise LookupError(f"there is no queue {name}")
    return named


def returned(call: AdminCall) -> dict[str, int]:
    """Admin: messages that were given to a reader can be received again at once, whenever they would be."""
    back = 0
    for queue in _named(call):
        with lock(queue):
            hidden = [one for one in stored(queue) if one.visible_at >= unix_time_millis()]
            for message in hidden:
                message.visible_at = 0.0
            back += len(hidden)
    return {"messages": back}


def emptied(call: AdminCall) -> dict[str, int]:
    """Admin: forget all messages of the queues of this name, as often as one likes (SQS: every 60 s)."""
    gone = 0
    for queue in _named(call):
        with lock(queue):
            gone += len(stored(queue))
            stored(queue).clear()
            queue.pending_messages.clear()
    return {"messages": gone}


def _purged(backend: SQSBackend, queue_name: str) -> None:
    with lock(backend.get_queue(queue_name)):
        _purge(backend, queue_name)


def _attributes(queue: Queue, attributes: dict[str, Any], now: float | None = None) -> None:
    """As moto's, which forgets the policy of a queue when anything else of it is changed."""
    changed = dict(attributes)
    if "Policy" not in changed:
        changed["Policy"] = queue.policy
    if ALLOW in changed:
        _require_permission(changed[ALLOW])
        changed[ALLOW] = changed[ALLOW] or None
    _set(queue, changed, now)


def _require_permission(policy: str | None) -> None:
    permission = _object(policy).get("redrivePermission", "allowAll") if policy else "allowAll"
    if permission not in ("allowAll", "denyAll", "byQueue"):
        raise SQSException(
            "InvalidParameterValue",
            f"Value {policy} for parameter {ALLOW} is invalid. Reason: redrivePermission must be allowAll, "
            "denyAll or byQueue.",
        )


def _dead_letters(queue: Queue, policy: Any) -> None:
    """As moto's, if the other queue lets this one use it."""
    _set_dead_letters(queue, policy)
    other = queue.dead_letter_queue
    if other is not None and not _may_use(other, queue):
        queue.dead_letter_queue = queue.redrive_policy = None
        raise SQSException(
            "InvalidParameterValue",
            f"Value {policy} for parameter RedrivePolicy is invalid. Reason: {other.queue_arn} does not let "
            f"{queue.queue_arn} use it as its dead-letter queue.",
        )


def _may_use(dead_letters: Queue, source: Queue) -> bool:
    text = cast("str | None", vars(dead_letters).get("redrive_allow_policy"))
    policy = _object(text or "{}")
    permission = policy.get("redrivePermission", "allowAll")
    return permission == "allowAll" or (
        permission == "byQueue" and source.queue_arn in policy.get("sourceQueueArns", [])
    )


def _object(text: str) -> Mapping[str, Any]:
    try:
        value: object = json.loads(text)
    except ValueError:
        value = None
    if not is_mapping(value):
        raise SQSException(
            "InvalidParameterValue", f"Value {text} is invalid. Reason: it must be a JSON object."
        )
    return value


def find(queue_arn: str) -> Queue:
    """The queue of this ARN. Raises `QueueDoesNotExist`, ValueError."""
    arn = arns.parse(queue_arn)
    found = sqs_backends[arn.account][arn.region].queues.get(arn.resource)
    if found is None:
        raise QueueDoesNotExist
    return found
