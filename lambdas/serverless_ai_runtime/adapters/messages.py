"""What a producer's message means for the event pipeline, whatever queue or topic of a cloud it came by."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

from serverless_ai_runtime.core.event_pipeline.ports import MESSAGE, OBJECT, Item
from serverless_ai_runtime.core.objects import ObjectRef
from serverless_ai_runtime.edge import UnknownEventError, event_message


def message(value: Mapping[str, Any], message_id: str, source: str, uploads: str) -> Item:
    """A message of a producer: an item, or `{"object": {"key"}}` for one that was too large for a queue.

    `uploads` is the bucket or container that messages may refer to; "" = to none. Raises `UnknownEventError`.
    """
    claim = value.get("object")
    if set(value) <= {"object", "id"} and isinstance(claim, dict):
        key = cast("dict[str, Any]", claim).get("key")
        if not isinstance(key, str) or not key or not uploads:
            raise UnknownEventError(
                'a message that refers to an object must be like {"object": {"key": "in/a.txt"}}, '
                "and the pipeline must have a bucket of uploads"
            )
        return Item(OBJECT, f"{uploads}/{key}#{message_id}", source, ref=ObjectRef(uploads, key))
    own = value.get("id")
    return Item(
        MESSAGE, own if isinstance(own, str) and own else message_id, source, text=event_message(value)
    )


def parsed(text: str) -> dict[str, Any] | None:
    """The JSON object in `text`; None if it is anything else."""
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None
