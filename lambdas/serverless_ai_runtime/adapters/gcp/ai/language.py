"""Entities of text and whether it is unfit, by Natural Language, in pieces that it takes."""

from __future__ import annotations

from typing import Any, Final

from serverless_ai_runtime.adapters.gcp.ai.answers import FINAL
from serverless_ai_runtime.adapters.service import Service
from serverless_ai_runtime.core.event_pipeline.given import (
    as_promised,
    entities_value,
    judged,
    moderation_value,
    no_jobs,
)
from serverless_ai_runtime.core.event_pipeline.ports import Source
from serverless_ai_runtime.core.event_pipeline.texts import pieces, text_of
from serverless_ai_runtime.core.ports import Deadline

PIECE_BYTES: Final = 100_000
"""Of one text; the limit is 1,000,000 bytes.

Source: https://cloud.google.com/natural-language/quotas, read 2026-11.
"""


class Entities:
    """Entities of text in `language`."""

    def __init__(self, service: Service, language: str) -> None:
        self._service, self._language = service, language

    def analyse(self, source: Source, deadline: Deadline) -> dict[str, Any]:
        every = pieces(text_of(source, deadline), PIECE_BYTES)
        return entities_value(one for piece in every for one in self._ask(piece, deadline))

    def collect(self, handle: str, deadline: Deadline) -> dict[str, Any]:
        no_jobs("Natural Language", handle)

    def _ask(self, text: str, deadline: Deadline) -> list[tuple[str, str, float]]:
        document = {"type": "PLAIN_TEXT", "languageCode": self._language, "content": text}
        request = {"document": document, "encodingType": "UTF8"}
        with judged(FINAL):
            answer = self._service.post_json(
                "AnalyzeEntities", "/v2/documents:analyzeEntities", request, deadline
            )
        with as_promised(self._service, "AnalyzeEntities"):
            return [
                (str(entity["type"]), str(entity["name"]), _surest(entity))
                for entity in answer.get("entities") or ()
            ]


class TextModeration:
    """Categories of unfit text from `threshold` percent on."""

    def __init__(self, service: Service, threshold: int) -> None:
        self._service, self._threshold = service, threshold

    def analyse(self, source: Source, deadline: Deadline) -> dict[str, Any]:
        every = pieces(text_of(source, deadline), PIECE_BYTES)
        scores = (score for piece in every for score in self._scores(piece, deadline))
        return moderation_value(scores, self._threshold)

    def _scores(self, text: str, deadline: Deadline) -> list[tuple[str, float]]:
        request = {"document": {"type": "PLAIN_TEXT", "content": text}}
        with judged(FINAL):
            answer = self._service.post_json("ModerateText", "/v2/documents:moderateText", request, deadline)
        with as_promised(self._service, "ModerateText"):
            return [
                (str(one["name"]), float(one.get("confidence", 0))) for one in answer["moderationCategories"]
            ]


def _surest(entity: dict[str, Any]) -> float:
    """The best probability of its mentions."""
    return max((float(one.get("probability", 0)) for one in entity.get("mentions") or ()), default=0.0)
