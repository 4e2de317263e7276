"""Entities of text and whether it is unfit, by Comprehend, in pieces that it takes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from serverless_ai_runtime.adapters.aws.ai.source import asked
from serverless_ai_runtime.adapters.aws.service import Service
from serverless_ai_runtime.core.event_pipeline.given import (
    as_promised,
    entities_value,
    moderation_value,
    no_jobs,
)
from serverless_ai_runtime.core.event_pipeline.ports import Source
from serverless_ai_runtime.core.event_pipeline.texts import pieces, text_of
from serverless_ai_runtime.core.ports import Deadline

_TARGET: Final = "Comprehend_20171127"
ENTITY_BYTES: Final = 100_000
"""Of one text of DetectEntities (Comprehend developer guide, quotas, 2026-11)."""
SEGMENT_BYTES: Final = 1_000
SEGMENTS: Final = 10
"""Of DetectToxicContent: segments of a kilobyte, ten in a call (the same page)."""


class Entities:
    """Entities of text in `language`."""

    def __init__(self, service: Service, language: str) -> None:
        self._service, self._language = service, language

    def analyse(self, source: Source, deadline: Deadline) -> dict[str, Any]:
        every = pieces(text_of(source, deadline), ENTITY_BYTES)
        return entities_value(one for piece in every for one in self._found(piece, deadline))

    def collect(self, handle: str, deadline: Deadline) -> dict[str, Any]:
        no_jobs("Comprehend", handle)

    def _found(self, text: str, deadline: Deadline) -> list[tuple[str, str, float]]:
        request = {"Text": text, "LanguageCode": self._language}
        answer = asked(self._service, _TARGET, "DetectEntities", request, deadline)
        with as_promised(self._service, "DetectEntities"):
            return [(str(one["Type"]), str(one["Text"]), float(one["Score"])) for one in answer["Entities"]]


class Toxicity:
    """Categories of unfit text from `threshold` percent on. English only, as the service is."""

    def __init__(self, service: Service, threshold: int) -> None:
        self._service, self._threshold = service, threshold

    def analyse(self, source: Source, deadline: Deadline) -> dict[str, Any]:
        batches = _batches(list(pieces(text_of(source, deadline), SEGMENT_BYTES)))
        scores = (score for batch in batches for score in self._scores(batch, deadline))
        return moderation_value(scores, self._threshold)

    def collect(self, handle: str, deadline: Deadline) -> dict[str, Any]:
        no_jobs("Comprehend", handle)

    def _scores(self, batch: list[str], deadline: Deadline) -> list[tuple[str, float]]:
        request = {"TextSegments": [{"Text": one} for one in batch], "LanguageCode": "en"}
        answer = asked(self._service, _TARGET, "DetectToxicContent", request, deadline)
        with as_promised(self._service, "DetectToxicContent"):
            results = answer["ResultList"]
            if len(results) != len(batch):
                raise ValueError(f"{len(results)} results of {len(batch)} segments")
            return [
                (str(label["Name"]), float(label["Score"]))
                for result in results
                for label in result["Labels"]
            ]


def _batches(segments: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(segments), SEGMENTS):
        yield segments[start : start + SEGMENTS]
