"""Entities of text by Azure Language, in pieces that it takes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from serverless_ai_runtime.adapters.azure.ai.source import FINAL
from serverless_ai_runtime.adapters.service import Service
from serverless_ai_runtime.core.event_pipeline.given import as_promised, entities_value, judged, no_jobs
from serverless_ai_runtime.core.event_pipeline.ports import Source, Unprocessable
from serverless_ai_runtime.core.event_pipeline.texts import pieces, text_of
from serverless_ai_runtime.core.ports import Deadline

PIECE_BYTES: Final = 5_000
"""Of one text; the limit is 5120 characters."""
DOCUMENTS: Final = 5
"""Texts in one call (Azure Language, data limits, 2026-11)."""
_PATH: Final = "/language/:analyze-text?api-version=2023-04-01"


class Entities:
    """Entities of text in `language`."""

    def __init__(self, service: Service, language: str) -> None:
        self._service, self._language = service, language

    def analyse(self, source: Source, deadline: Deadline) -> dict[str, Any]:
        batches = _batches(list(pieces(text_of(source, deadline), PIECE_BYTES)))
        return entities_value(one for batch in batches for one in self._ask(batch, deadline))

    def collect(self, handle: str, deadline: Deadline) -> dict[str, Any]:
        no_jobs("Azure Language", handle)

    def _ask(self, texts: list[str], deadline: Deadline) -> list[tuple[str, str, float]]:
        documents = [
            {"id": str(number), "language": self._language, "text": text} for number, text in enumerate(texts)
        ]
        request = {
            "kind": "EntityRecognition",
            "parameters": {"modelVersion": "latest"},
            "analysisInput": {"documents": documents},
        }
        with judged(FINAL):
            answer = self._service.post_json("AnalyzeText", _PATH, request, deadline)
        with as_promised(self._service, "AnalyzeText"):
            for failed in answer["results"]["errors"]:
                error = failed["error"]
                raise Unprocessable("refused_by_service", f"Azure Language: {error['message']}")
            return [
                (str(one["category"]), str(one["text"]), float(one["confidenceScore"]))
                for document in answer["results"]["documents"]
                for one in document["entities"]
            ]


def _batches(texts: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(texts), DOCUMENTS):
        yield texts[start : start + DOCUMENTS]
