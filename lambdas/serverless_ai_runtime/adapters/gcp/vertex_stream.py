"""The events of Vertex AI's streamGenerateContent -> pieces of text, and in the end the whole answer."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final, cast

from serverless_ai_runtime.adapters.gcp.errors import from_status
from serverless_ai_runtime.adapters.gcp.vertex import Incomprehensible, Reading
from serverless_ai_runtime.adapters.service import Service, json_object
from serverless_ai_runtime.adapters.sse import EventTooLong, decode
from serverless_ai_runtime.core.ports import Answer, Prompt

OPERATION: Final = "StreamGenerateContent"


def read(service: Service, chunks: Iterable[bytes], prompt: Prompt) -> Iterator[str | Answer]:
    """The text as it comes, then the answer to `prompt`. Raises `ServiceError`."""
    reading = Reading(prompt)
    try:
        for data in decode(chunks):
            text = reading.add(_event(service, data))
            if text:
                yield text
        yield reading.answer()
    except EventTooLong as error:
        raise service.malformed(OPERATION, str(error)) from None
    except (*Incomprehensible, RecursionError) as error:
        raise service.malformed(OPERATION, f"not a stream of answers: {error!r}") from None


def _event(service: Service, data: str) -> dict[str, Any]:
    event = json_object(json.loads(data))
    error = event.get("error")
    if isinstance(error, dict):
        raise from_status(service.name, OPERATION, 0, cast("dict[str, Any]", error))
    return event
