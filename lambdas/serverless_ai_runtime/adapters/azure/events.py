"""Text of a queue message -> the event in it: CloudEvents, Event Grid's own schema, or a schedule's turn."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple, cast

from serverless_ai_runtime.edge import UnknownEventError, event_message

_KNOWN: Final = (
    'a CloudEvent (specversion "1.0") with data, an event of Event Grid\'s schema with data, '
    'or {"source": "schedule", "id", "message"}'
)


class Event(NamedTuple):
    id: str
    """What tells it from every other event. An id of CloudEvents is unique within its source only."""
    message: str


def parse(text: str) -> Event:
    """The event in `text`; raises `UnknownEventError`."""
    event = _object(text)
    if event.get("specversion") == "1.0" and "data" in event:
        source, own = event.get("source"), event.get("id")
        return Event(f"{source}|{own}" if source and own else "", event_message(event["data"]))
    if "eventType" in event and "data" in event:
        return Event(str(event.get("id") or ""), event_message(event["data"]))
    if event.get("source") == "schedule" and "message" in event:
        return Event(str(event.get("id") or ""), event["message"])
    raise UnknownEventError(f"unknown event with the keys {sorted(event)}; it must be {_KNOWN}")


def turn(event_id: str, message: str) -> dict[str, Any]:
    """A schedule's turn, as it is put into the queue."""
    return {"source": "schedule", "id": event_id, "message": message}


def _object(text: str) -> Mapping[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise UnknownEventError(f"the message is not JSON; it must be {_KNOWN}") from None
    if not isinstance(value, dict):
        raise UnknownEventError(f"the message is not a JSON object; it must be {_KNOWN}")
    return cast("dict[str, Any]", value)
