"""The events of a streamed chat completion -> pieces of text, and in the end the whole answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, cast

from serverless_ai_runtime.adapters.azure.errors import classify
from serverless_ai_runtime.adapters.service import Service
from serverless_ai_runtime.adapters.sse import EventTooLong, decode
from serverless_ai_runtime.core.ports import Answer

_DONE = "[DONE]"


def read(
    service: Service,
    operation: str,
    chunks: Iterable[bytes],
    answer: Callable[[str, object, Mapping[str, Any]], Answer],
) -> Iterator[str | Answer]:
    """The text as it comes, then `answer` of text, finish reason and usage. Raises `ServiceError`."""
    texts: list[str] = []
    stop_reason: object = None
    usage: Any = None
    try:
        for data in decode(chunks):
            if data == _DONE:
                yield answer("".join(texts), stop_reason, usage)
                return
            event = _event(service, operation, data)
            usage = event.get("usage") or usage
            for choice in event["choices"]:  # none in the first event (filter results) and the last (usage)
                stop_reason = choice.get("finish_reason") or stop_reason
                text = choice["delta"].get("content")
                if text:
                    texts.append(text)
                    yield text
    except EventTooLong as error:
        raise service.malformed(operation, str(error)) from None
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:
        raise service.malformed(operation, f"not an event of a chat completion: {error!r}") from None
    raise service.malformed(operation, "the stream ended before the answer was complete")


def _event(service: Service, operation: str, data: str) -> Mapping[str, Any]:
    event = cast("object", json.loads(data))
    if not isinstance(event, dict):
        raise TypeError("the event is not a JSON object")
    fields = cast("dict[str, Any]", event)
    if "error" in fields:
        error = fields["error"]
        code, message = str(error.get("code") or error.get("type")), str(error.get("message"))
        raise classify(service.name, operation, 0, code, message)
    return fields
