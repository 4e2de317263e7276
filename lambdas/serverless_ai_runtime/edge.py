"""What the entry points of all clouds share: when to have replied, who is turned away, what an event asks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, cast

from serverless_ai_runtime.core.ports import Deadline
from serverless_ai_runtime.core.replies import Rejection

REPLY_S: Final = 0.5
REPLY_SHARE: Final = 0.1
"""Time kept for the reply to leave: the smaller of half a second and a tenth of what there is."""


class UnknownEventError(ValueError):
    """The event is none of those that this function is wired to."""


class UnauthenticatedError(Rejection):
    """401: the gateway let a request through without saying whose it is."""

    status = 401

    def __init__(self, needed: str) -> None:
        super().__init__("unauthenticated", f"the request carries no identity: {needed} is needed")


def reply_deadline(seconds: float) -> Deadline:
    """When the core must have answered in an invocation that may take `seconds` more."""
    return Deadline(seconds - min(REPLY_S, REPLY_SHARE * seconds))


def event_message(data: Any) -> str:
    """What an event asks: the `message` in its data if that is a string, else all data as compact JSON."""
    text = cast("Mapping[str, Any]", data).get("message") if isinstance(data, dict) else None
    return text if isinstance(text, str) else json.dumps(data, ensure_ascii=False, separators=(",", ":"))
