"""Whether an image or text is unfit, by Content Safety."""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Mapping
from typing import Any, Final

from serverless_ai_runtime.adapters.azure.ai.source import FINAL
from serverless_ai_runtime.adapters.service import Service
from serverless_ai_runtime.core.event_pipeline.given import (
    as_promised,
    content_of,
    judged,
    moderation_value,
    no_jobs,
)
from serverless_ai_runtime.core.event_pipeline.ports import Source
from serverless_ai_runtime.core.event_pipeline.texts import pieces, text_of
from serverless_ai_runtime.core.ports import Deadline

MOST_MB: Final = 4
TEXT_BYTES: Final = 10_000
"""Of one text; the limit is as many characters."""
WORST: Final = 7
"""Severities are 0 to 7; of an image 0, 2, 4 and 6."""
IMAGES: Final = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
_VERSION: Final = "api-version=2024-09-01"


class Moderation:
    """A category counts from `threshold` percent of the worst severity on."""

    def __init__(self, service: Service, threshold: int) -> None:
        self._service, self._threshold = service, threshold

    def analyse(self, source: Source, deadline: Deadline) -> dict[str, Any]:
        if source.name.lower().endswith(IMAGES):
            content = b2a_base64(content_of(source, "Content Safety", MOST_MB), newline=False).decode()
            return moderation_value(
                self._scores("image", {"image": {"content": content}}, deadline), self._threshold
            )
        scores = (
            score
            for piece in pieces(text_of(source, deadline), TEXT_BYTES)
            for score in self._scores("text", {"text": piece, "outputType": "EightSeverityLevels"}, deadline)
        )
        return moderation_value(scores, self._threshold)

    def collect(self, handle: str, deadline: Deadline) -> dict[str, Any]:
        no_jobs("Content Safety", handle)

    def _scores(self, kind: str, request: Mapping[str, Any], deadline: Deadline) -> list[tuple[str, float]]:
        """Of each category, 0 to 1."""
        with judged(FINAL):
            answer = self._service.post_json(
                "Analyze", f"/contentsafety/{kind}:analyze?{_VERSION}", request, deadline
            )
        with as_promised(self._service, "Analyze"):
            return [
                (str(one["category"]), int(one["severity"]) / WORST) for one in answer["categoriesAnalysis"]
            ]
