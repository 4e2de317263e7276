"""How events reach a function on Google Cloud, when they are given up, and which ones pass a filter."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, cast

PATH: Final = "/events"
"""Where Pub/Sub pushes to; the function tells an event by who pushes it and not by this path alone."""
DELIVERIES: Final = 3
"""Failed deliveries before the function gives an event up and sends it to the dead letters with a reason."""
ATTEMPTS: Final = 5
"""Those before Pub/Sub itself does so, of events that never got as far; its minimum (DeadLetterPolicy)."""
FIRST_RETRY_S: Final = 10
LAST_RETRY_S: Final = 600
"""Pub/Sub's widest back-off (RetryPolicy, at most 600 s)."""
RETENTION_S: Final = 7 * 24 * 3600
"""Pub/Sub's default: an event that could not be delivered for a week is dropped."""
DEAD_LETTER_RETENTION_S: Final = 14 * 24 * 3600
"""Time for people to look at dead letters and to fetch results; Pub/Sub keeps up to 31 days."""
REPLY_S: Final = 10
"""Added to the function's timeout before a delivery counts as failed; Pub/Sub allows 10 to 600 s in all."""

FILTER_BYTES: Final = 256
"""Pub/Sub's limit. Source of the syntax: https://cloud.google.com/pubsub/docs/subscription-message-filter."""
ATTRIBUTES: Final = {"source": "source", "detail-type": "type"}
"""Key of an event pattern -> attribute that a producer gives its message."""


def schedule_message(message: str) -> str:
    """The body of a scheduled event; Pub/Sub's message id is its id, the same over redeliveries."""
    return json.dumps({"source": "schedule", "message": message}, ensure_ascii=False)


def subscription_filter(pattern: Mapping[str, Any]) -> str:
    """An event pattern as a filter on message attributes; ValueError names what Pub/Sub cannot express.

    `source` and `detail-type` are lists of texts or of `{"prefix": text}`; a filter of Pub/Sub sees
    attributes and not the message's body.
    """
    for key in pattern:
        if key not in ATTRIBUTES:
            raise ValueError(
                f"events.bus_filter.{key} cannot be matched on Google Cloud: Pub/Sub filters on attributes; "
                f"allowed: {', '.join(ATTRIBUTES)}"
            )
    terms = [_term(key, pattern[key]) for key in ATTRIBUTES if key in pattern]
    text = " AND ".join(terms)
    if len(text.encode()) > FILTER_BYTES:
        raise ValueError(f"events.bus_filter is too long: Pub/Sub takes {FILTER_BYTES} bytes, this is {text}")
    return text


def _term(key: str, allowed: Any) -> str:
    if not isinstance(allowed, list) or not allowed:
        raise ValueError(f"events.bus_filter.{key} must be a list of at least one value, got {allowed!r}")
    tests = [_test(key, one) for one in cast("list[Any]", allowed)]
    return tests[0] if len(tests) == 1 else f"({' OR '.join(tests)})"


def _test(key: str, value: Any) -> str:
    attribute = f"attributes.{ATTRIBUTES[key]}"
    if isinstance(value, str):
        return f"{attribute} = {_quoted(key, value)}"
    if isinstance(value, Mapping) and list(cast("Mapping[str, Any]", value)) == ["prefix"]:
        return f"hasPrefix({attribute}, {_quoted(key, value['prefix'])})"
    raise ValueError(
        f'events.bus_filter.{key} holds {value!r}; on Google Cloud a value is a text or {{"prefix": text}}'
    )


def _quoted(key: str, text: Any) -> str:
    if not isinstance(text, str) or not text or not text.isprintable():
        raise ValueError(f"events.bus_filter.{key} holds {text!r}; it must be a text of printable characters")
    return json.dumps(text, ensure_ascii=False)
