"""Body of a push delivery of Pub/Sub -> the event in it."""

from __future__ import annotations

import json
from binascii import a2b_base64
from collections.abc import Mapping
from typing import Any, Final, NamedTuple, cast

from serverless_ai_runtime.edge import UnknownEventError, event_message

_KNOWN: Final = (
    'it must be {"message": {"data", "messageId", "attributes"}, "subscription", "deliveryAttempt"}, '
    "with data in base64"
)


class Delivery(NamedTuple):
    id: str
    """The producer's attribute `id`, or else what Pub/Sub calls the message: the same over redeliveries."""
    data: str
    attributes: Mapping[str, str]
    attempt: int
    """The how manieth it is; 0 where the subscription has no dead-letter topic, and nobody counts."""

    def message(self) -> str:
        """What the event asks; raises `UnknownEventError`."""
        try:
            data = json.loads(self.data)
        except (ValueError, RecursionError):
            raise UnknownEventError("the message's data is not JSON") from None
        return event_message(data)


def parse(body: bytes) -> Delivery:
    """The delivery in `body`; raises `UnknownEventError`."""
    try:
        envelope = cast("Mapping[str, Any]", json.loads(body))
        message = envelope["message"]
        data = a2b_base64(message.get("data", ""), strict_mode=True).decode("utf-8", "replace")
        attributes = dict(message.get("attributes") or {})
        event_id, attempt = attributes.get("id") or message["messageId"], envelope.get("deliveryAttempt", 0)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        raise UnknownEventError(f"the body is not a push delivery of Pub/Sub; {_KNOWN}") from None
    if not isinstance(attempt, int) or not all(map(_is_text, (event_id, *attributes, *attributes.values()))):
        raise UnknownEventError(f"the body is not quite a push delivery of Pub/Sub; {_KNOWN}")
    return Delivery(event_id, data, attributes, attempt)


def _is_text(value: object) -> bool:
    return isinstance(value, str)
