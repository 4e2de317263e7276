"""What all stored records share: keys and sizes that every store takes, and patience with conflicts."""

from __future__ import annotations

import json
from typing import Any, Final

from serverless_ai_runtime.core.ports import Deadline, World

MAX_RECORD_BYTES: Final = 350_000
"""Of a record's value as JSON. The smallest limit of the clouds is DynamoDB's 400 KB, names included."""

_FIRST_PAUSE_S: Final = 0.02
_WRITE_S: Final = 0.05
"""Time that must be left after a pause for reading and writing again."""


def digest(text: str) -> str:
    """A key part for any text from outside: fixed length, harmless characters; the text is not stored."""
    from hashlib import sha256  # a stateless endpoint never needs it

    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def whole_characters(text: str) -> str:
    """The text with U+FFFD for each half of a surrogate pair, that services refuse."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def json_bytes(value: Any) -> int:
    """Size of `value` in a store."""
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


def pause(attempt: int, world: World, deadline: Deadline, longest_s: float = 0.5) -> bool:
    """Wait a moment, longer with each attempt (full jitter); False, at once, if time does not allow it."""
    wait = world.random() * min(longest_s, _FIRST_PAUSE_S * 2 ** min(attempt, 16))
    if wait + _WRITE_S >= deadline.remaining():
        return False
    world.sleep(wait)
    return True
