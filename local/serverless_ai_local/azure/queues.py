"""Messages of Storage queues: hidden while they are being worked on, counted each time they are fetched."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

RETENTION_S: Final = 7 * 86_400
MAX_VISIBILITY_S: Final = 7 * 86_400
MAX_MESSAGE_BYTES: Final = 64 * 1024


class GoneError(Exception):
    """No such message."""


class ReceiptError(GoneError):
    """The pop receipt is an old one: somebody else has the message, or has hidden it for another while."""


@dataclass(slots=True)
class Message:
    """Times are Unix seconds; `expires_at` 0 is never."""

    id: str
    text: str
    inserted_at: float
    expires_at: float
    visible_at: float
    receipt: str = field(default_factory=lambda: uuid.uuid4().hex)
    dequeues: int = 0


class Queues:
    """Messages by the id of their queue's resource. Thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._queues: dict[str, list[Message]] = {}
        self._changed = threading.Condition()

    def put(self, queue: str, text: str, *, hidden_s: float = 0, ttl_s: float = RETENTION_S) -> Message:
        """`ttl_s` -1: it never expires."""
        now = self._clock()
        message = Message(
            id=str(uuid.uuid4()),
            text=text,
            inserted_at=now,
            expires_at=0 if ttl_s < 0 else now + ttl_s,
            visible_at=now + hidden_s,
        )
        with self._changed:
            self._queues.setdefault(queue.lower(), []).append(message)
            self._changed.notify_all()
        return message

    def get(self, queue: str, count: int, hidden_s: float) -> list[Message]:
        """Fetch and hide up to `count` messages."""
        with self._changed:
            found = self._visible(queue)[:count]
            for message in found:
                message.dequeues += 1
                message.receipt = uuid.uuid4().hex
                message.visible_at = self._clock() + hidden_s
            return [_copy(message) for message in found]

    def peek(self, queue: str, count: int) -> list[Message]:
        with self._changed:
            return [_copy(message) for message in self._visible(queue)[:count]]

    def delete(self, queue: str, id_: str, receipt: str) -> None:
        """Raises `GoneError`, `ReceiptError`."""
        with self._changed:
            held = self._held(queue, id_, receipt)
            self._queues[queue.lower()].remove(held)

    def update(self, queue: str, id_: str, receipt: str, hidden_s: float, text: str | None) -> Message:
        """Hide it for another while, and change its text if one is given. Raises as `delete`."""
        with self._changed:
            message = self._held(queue, id_, receipt)
            message.receipt, message.visible_at = uuid.uuid4().hex, self._clock() + hidden_s
            message.text = message.text if text is None else text
            self._changed.notify_all()
            return _copy(message)

    def count(self, queue: str) -> int:
        """About how many there are, hidden ones too."""
        with self._changed:
            return len(self._live(queue))

    def clear(self, queue: str) -> None:
        with self._changed:
            self._queues.pop(queue.lower(), None)

    def wait(self, seconds: float) -> None:
        """Until something was put into any queue, or the time is up."""
        with self._changed:
            self._changed.wait(seconds)

    def _held(self, queue: str, id_: str, receipt: str) -> Message:
        for message in self._live(queue):
            if message.id == id_:
                if message.receipt != receipt:
                    raise ReceiptError(id_)
                return message
        raise GoneError(id_)

    def _live(self, queue: str) -> list[Message]:
        now = self._clock()
        there = self._queues.get(queue.lower(), [])
        there[:] = [one for one in there if not 0 < one.expires_at <= now]
        return there

    def _visible(self, queue: str) -> list[Message]:
        now = self._clock()
        return [one for one in self._live(queue) if one.visible_at <= now]


def _copy(message: Message) -> Message:
    return Message(
        id=message.id,
        text=message.text,
        inserted_at=message.inserted_at,
        expires_at=message.expires_at,
        visible_at=message.visible_at,
        receipt=message.receipt,
        dequeues=message.dequeues,
    )
