"""Messages of Pub/Sub, and those that wait in a subscription to be pulled."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """`data` in base64."""

    id: str
    data: str
    attributes: Mapping[str, str]
    published: datetime

    def wire(self) -> dict[str, Any]:
        """As in a reply to `pull`."""
        found: dict[str, Any] = {"messageId": self.id, "publishTime": _stamp(self.published)}
        return {
            **({"data": self.data} if self.data else {}),
            **({"attributes": dict(self.attributes)} if self.attributes else {}),
            **found,
        }

    def pushed(self) -> dict[str, Any]:
        """As in a push request: both spellings, as Pub/Sub sends them."""
        return {**self.wire(), "message_id": self.id, "publish_time": _stamp(self.published)}


@dataclass(slots=True)
class Held:
    """A message of one subscription."""

    message: Message
    ack_id: str = ""
    attempt: int = 0
    free_at: float = field(default=0.0)


class Queue:
    """Messages to be pulled: taken for a while, and back again unless they are acknowledged."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._held: list[Held] = []
        self._ids = itertools.count(1)
        self._lock = threading.Lock()

    def put(self, message: Message) -> None:
        with self._lock:
            self._held.append(Held(message))

    def take(self, most: int, deadline_s: float) -> list[Held]:
        """At most that many, which nobody else gets within the deadline."""
        with self._lock:
            now = self._clock()
            found = [one for one in self._held if one.free_at <= now][:most]
            for one in found:
                one.attempt, one.ack_id, one.free_at = (
                    one.attempt + 1,
                    f"ack-{next(self._ids)}",
                    now + deadline_s,
                )
            return found

    def acknowledge(self, ack_id: str) -> None:
        """Done with; an old id does nothing."""
        with self._lock:
            self._held = [one for one in self._held if one.ack_id != ack_id or one.free_at <= self._clock()]

    def extend(self, ack_id: str, seconds: float) -> None:
        """Another deadline from now; 0 gives it back."""
        with self._lock:
            for one in self._held:
                if one.ack_id == ack_id:
                    one.free_at = self._clock() + seconds


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
