"""What AWS's AI services are told of an item, and what their refusals mean for it."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any, Final, NoReturn

from serverless_ai_runtime.core.event_pipeline.ports import Source, Unprocessable
from serverless_ai_runtime.core.ports import Refused

# Codes of refusals that no further attempt mends (API references of Textract, Rekognition, Transcribe and
# Comprehend, 2026-11) -> ours.
FINAL: Final[Mapping[str, str]] = {
    "BadDocumentException": "damaged_document",
    "DocumentTooLargeException": "too_large",
    "UnsupportedDocumentException": "unsupported_type",
    "ImageTooLargeException": "too_large",
    "InvalidImageFormatException": "unsupported_type",
    "InvalidS3ObjectException": "object_missing",
    "TextSizeLimitExceededException": "too_large",
    "UnsupportedLanguageException": "unsupported_language",
}


def in_bucket(source: Source, service: str) -> dict[str, Any]:
    """An item's object as Textract and Rekognition are told; raises `Unprocessable` for a message."""
    if source.ref is None:
        raise Unprocessable("unsupported_type", f"{service} takes files: upload one, do not send a message")
    return {"S3Object": {"Bucket": source.ref.container, "Name": source.ref.key}}


@contextmanager
def judged() -> Generator[None]:
    """Turn a refusal that is the item's own fault into `Unprocessable`, with the service's own words."""
    try:
        yield
    except Refused as error:
        code = FINAL.get(error.code)
        if code is None:
            raise
        raise Unprocessable(code, str(error)) from None


def no_jobs(service: str, handle: str) -> NoReturn:
    """The `collect` of a service that starts no jobs."""
    raise Unprocessable("unknown_job", f"{service} starts no jobs, but {handle} came back")
