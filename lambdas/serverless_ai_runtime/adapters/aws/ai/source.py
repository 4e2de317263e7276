"""What AWS's AI services are told of an item, and their refusals that are final."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from serverless_ai_runtime.adapters.aws.service import Service
from serverless_ai_runtime.core.event_pipeline.given import judged, require_file
from serverless_ai_runtime.core.event_pipeline.ports import Source
from serverless_ai_runtime.core.ports import Deadline

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
    # A job's result is kept for 7 days (Textract) or 90 (Transcribe).
    "InvalidJobIdException": "unknown_job",
    "NotFoundException": "unknown_job",
}


def in_bucket(source: Source, service: str) -> dict[str, Any]:
    """An item's object as Textract and Rekognition are told; raises `Unprocessable` for a message."""
    require_file(source, service)
    assert source.ref is not None
    return {"S3Object": {"Bucket": source.ref.container, "Name": source.ref.key}}


def asked(
    service: Service, target: str, operation: str, request: Mapping[str, Any], deadline: Deadline
) -> dict[str, Any]:
    """The service's answer; raises `Unprocessable` for a refusal that is final."""
    with judged(FINAL):
        return service.post_json(operation, target, request, deadline, version="1.1")
