"""Dead letters in a Storage queue: each is put into the pipeline's queue, then deleted."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final, cast

from serverless_ai_patterns.dead_letters import PATIENCE_S, DeadLetter, login
from serverless_ai_runtime.adapters.azure.queue import MOST_MESSAGES, RESOURCE, StorageQueue, unpacked
from serverless_ai_runtime.adapters.azure.service import azure
from serverless_ai_runtime.adapters.service import Service
from serverless_ai_runtime.core.ports import Deadline
from serverless_ai_runtime.http import HttpClient
from serverless_ai_runtime.wiring import WORLD

_SHAPE: Final = "https://ACCOUNT.queue.core.windows.net/NAME"
HIDDEN_S: Final = 60.0


class StorageDeadLetterQueue:
    """`dead_letters` and `queue` are the URLs that the stack's outputs give."""

    def __init__(self, dead_letters: str, queue: str) -> None:
        """Raises ValueError for what is no queue's URL, `NotLoggedIn`."""
        for url in filter(None, (dead_letters, queue)):
            if not url.startswith(("https://", "http://127.0.0.1:")):
                raise ValueError(f"a queue must be named by its URL, {_SHAPE}; got {url!r}")
        cloud = azure(HttpClient(WORLD), WORLD, login.azure(RESOURCE))
        self._dead = StorageQueue(Service(cloud, "StorageQueue", dead_letters, RESOURCE))
        self._queue = StorageQueue(Service(cloud, "StorageQueue", queue, RESOURCE))

    def look(self, most: int) -> list[DeadLetter]:
        found = self._dead.take(min(most, MOST_MESSAGES), HIDDEN_S, Deadline(PATIENCE_S))
        for message in found:
            self._dead.give_back(message, 0, Deadline(PATIENCE_S))
        return [_letter(message.text) for message in found]

    def redrive(self, moved: Callable[[int], None]) -> int:
        count = 0
        while True:
            messages = self._dead.take(MOST_MESSAGES, HIDDEN_S, Deadline(PATIENCE_S))
            if not messages:
                return count
            for message in messages:
                self._queue.put(message.text, Deadline(PATIENCE_S))
                self._dead.delete(message, Deadline(PATIENCE_S))
                count += 1
                moved(count)


def _letter(text: str) -> DeadLetter:
    try:
        value: Any = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict) or "code" not in value:
        return DeadLetter("", "", text)
    envelope = cast("dict[str, Any]", value)
    body = unpacked(str(envelope["packed"])) if "packed" in envelope else str(envelope.get("payload", ""))
    return DeadLetter(str(envelope["code"]), str(envelope.get("reason", "")), body)
