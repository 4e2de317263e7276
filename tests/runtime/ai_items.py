"""Items as AI services are given them, and how each purpose is configured."""

from __future__ import annotations

import time
from typing import Any

from serverless_ai_runtime.core.event_pipeline.ports import Source, Started, Unprocessable
from serverless_ai_runtime.core.objects import ObjectRef
from serverless_ai_runtime.core.ports import Deadline

TOKEN = "0123456789abcdef0123456789abcdef"
OPTIONS = {
    "ocr": {},
    "image_labels": {"min_confidence": 70},
    "transcribe": {"language": "en-US"},
    "moderate": {"threshold": 50},
    "entities": {"language": "en"},
}


def file(name: str, content: bytes = b"content") -> Source:
    """An object of the bucket `uploads`."""

    def load(most: int) -> bytes:
        if len(content) > most:
            raise Unprocessable("too_large", f"at most {most}")
        return content

    return Source(name, ObjectRef("uploads", f"in/{name}"), load, "", TOKEN)


def text(words: str) -> Source:
    """A message."""
    return Source("", None, lambda most: words.encode(), words, TOKEN)


def completed(service: Any, source: Source, within_s: float = 10) -> Any:
    """What comes of an item, of a job as well."""
    found = service.analyse(source, Deadline(5))
    end = time.monotonic() + within_s
    while isinstance(found, Started) and time.monotonic() < end:
        time.sleep(0.1)
        found = service.collect(found.handle, Deadline(5))
    return found
