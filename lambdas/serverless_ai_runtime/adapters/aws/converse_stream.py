"""The events of Bedrock's ConverseStream -> pieces of text, and in the end the whole answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, cast

from serverless_ai_runtime.adapters.aws.errors import classify
from serverless_ai_runtime.adapters.aws.eventstream import EventStreamError, Message, decode
from serverless_ai_runtime.adapters.aws.service import Service
from serverless_ai_runtime.core.ports import Answer

_OPERATION = "ConverseStream"


def read(
    service: Service, chunks: Iterable[bytes], answer: Callable[[str, object, Mapping[str, Any]], Answer]
) -> Iterator[str | Answer]:
    """The text as it comes, then `answer` of text, stop reason and usage. Raises `ServiceError`."""
    texts: list[str] = []
    stop_reason: object = None
    try:
        for message in decode(chunks):
            event, body = _event(service, message)
            if event == "contentBlockDelta":
                text = body["delta"].get("text", "")
                if text:
                    texts.append(text)
                    yield text
            elif event == "messageStop":
                stop_reason = body["stopReason"]
            elif event == "metadata":
                yield answer("".join(texts), stop_reason, body["usage"])
                return
    except EventStreamError as error:
        raise service.malformed(_OPERATION, str(error)) from None
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise service.malformed(_OPERATION, f"not a ConverseStream event: {error!r}") from None
    raise service.malformed(_OPERATION, "the stream ended before the answer was complete")


def _event(service: Service, message: Message) -> tuple[str, Mapping[str, Any]]:
    headers = message.headers
    kind = headers.get(":message-type")
    if kind == "error":
        code, text = str(headers.get(":error-code", "")), str(headers.get(":error-message", ""))
        raise classify(service.name, _OPERATION, 0, code, text)
    body = cast("object", json.loads(message.payload or b"{}"))
    if not isinstance(body, dict):
        raise TypeError("the payload is not a JSON object")
    fields = cast("dict[str, Any]", body)
    if kind == "exception":
        code = str(headers.get(":exception-type", ""))
        raise classify(
            service.name, _OPERATION, 0, code[:1].upper() + code[1:], str(fields.get("message", ""))
        )
    return str(headers.get(":event-type", "")), fields
