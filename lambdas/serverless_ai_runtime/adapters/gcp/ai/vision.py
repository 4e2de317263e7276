"""What is in an image, and whether it is unfit, by Cloud Vision."""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Mapping
from typing import Any, Final

from serverless_ai_runtime.adapters.gcp.ai.answers import FINAL
from serverless_ai_runtime.adapters.gcp.ai.language import TextModeration
from serverless_ai_runtime.adapters.service import Service
from serverless_ai_runtime.core.event_pipeline.given import (
    as_promised,
    content_of,
    judged,
    moderation_value,
    no_jobs,
)
from serverless_ai_runtime.core.event_pipeline.ports import Source, Unprocessable
from serverless_ai_runtime.core.ports import Deadline

MOST_MB: Final = 7
"""In base64 it is a third more, of the 10 MB that a request may have
(https://cloud.google.com/vision/quotas, read 2026-11)."""
MOST_LABELS: Final = 50
IMAGES: Final = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
CATEGORIES: Final = ("adult", "medical", "racy", "spoof", "violence")
UNKNOWN: Final = "UNKNOWN"
LIKELIHOODS: Final[Mapping[str, float]] = {
    UNKNOWN: 0.0,
    "VERY_UNLIKELY": 0.05,
    "UNLIKELY": 0.25,
    "POSSIBLE": 0.5,
    "LIKELY": 0.75,
    "VERY_LIKELY": 0.95,
}
"""The service says words; scores are the middle of what each may mean."""
_INVALID_ARGUMENT: Final = 3
"""Of google.rpc.Code, where an image of a batch is refused."""


class ImageLabels:
    """Labels of at least `min_confidence` percent."""

    def __init__(self, service: Service, min_confidence: int) -> None:
        self._service, self._least = service, min_confidence / 100

    def analyse(self, source: Source, deadline: Deadline) -> dict[str, Any]:
        wanted = {"type": "LABEL_DETECTION", "maxResults": MOST_LABELS}
        answer = _annotated(self._service, source, wanted, deadline)
        with as_promised(self._service, "AnnotateImages"):
            found = answer.get("labelAnnotations") or ()  # left out where there is none
            labels = [{"name": one["description"], "confidence": round(one["score"], 4)} for one in found]
        return {"labels": [label for label in labels if label["confidence"] >= self._least]}

    def collect(self, handle: str, deadline: Deadline) -> dict[str, Any]:
        no_jobs("Cloud Vision", handle)


class Moderation:
    """Images by Cloud Vision, text by Natural Language; a category counts from `threshold` percent on."""

    def __init__(self, service: Service, text: TextModeration, threshold: int) -> None:
        self._service, self._text, self._threshold = service, text, threshold

    def analyse(self, source: Source, deadline: Deadline) -> dict[str, Any]:
        if not source.name.lower().endswith(IMAGES):
            return self._text.analyse(source, deadline)
        answer = _annotated(self._service, source, {"type": "SAFE_SEARCH_DETECTION"}, deadline)
        with as_promised(self._service, "AnnotateImages"):
            found = answer["safeSearchAnnotation"]
            scores = [(name, LIKELIHOODS[found.get(name, UNKNOWN)]) for name in CATEGORIES]
        return moderation_value(scores, self._threshold)

    def collect(self, handle: str, deadline: Deadline) -> dict[str, Any]:
        no_jobs("Cloud Vision", handle)


def _annotated(
    service: Service, source: Source, wanted: Mapping[str, Any], deadline: Deadline
) -> Mapping[str, Any]:
    """What the service says of the one image; raises `Unprocessable` if it cannot read it."""
    content = b2a_base64(content_of(source, "Cloud Vision", MOST_MB), newline=False).decode()
    request = {"requests": [{"image": {"content": content}, "features": [wanted]}]}
    with judged(FINAL):
        answer = service.post_json("AnnotateImages", "/v1/images:annotate", request, deadline)
    with as_promised(service, "AnnotateImages"):
        (one,) = answer["responses"]
        failure: Mapping[str, Any] = one.get("error") or {}
    if failure.get("code") == _INVALID_ARGUMENT:
        raise Unprocessable("unsupported_type", f"Cloud Vision: {failure.get('message')}")
    if failure:
        raise service.malformed("AnnotateImages", f"{failure}")
    return one
