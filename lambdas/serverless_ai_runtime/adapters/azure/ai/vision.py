"""What is in an image, by Azure Vision's Image Analysis."""

from __future__ import annotations

from typing import Any, Final

from serverless_ai_runtime.adapters.azure.ai.source import FINAL, octets
from serverless_ai_runtime.adapters.service import Service
from serverless_ai_runtime.core.event_pipeline.given import as_promised, content_of, judged, no_jobs
from serverless_ai_runtime.core.event_pipeline.ports import Source
from serverless_ai_runtime.core.ports import Deadline

MOST_MB: Final = 20
_PATH: Final = "/computervision/imageanalysis:analyze?api-version=2024-02-01&features=tags"


class ImageLabels:
    """Tags of at least `min_confidence` percent."""

    def __init__(self, service: Service, min_confidence: int) -> None:
        self._service, self._least = service, min_confidence / 100

    def analyse(self, source: Source, deadline: Deadline) -> dict[str, Any]:
        content = content_of(source, "Azure Vision", MOST_MB)
        with judged(FINAL):
            response = self._service.call(
                "AnalyzeImage", "POST", _PATH, deadline, headers=octets, body=content
            )
        answer = self._service.parsed("AnalyzeImage", response)
        with as_promised(self._service, "AnalyzeImage"):
            found = answer["tagsResult"]["values"]
            labels = [{"name": tag["name"], "confidence": round(tag["confidence"], 4)} for tag in found]
        return {"labels": [label for label in labels if label["confidence"] >= self._least]}

    def collect(self, handle: str, deadline: Deadline) -> dict[str, Any]:
        no_jobs("Azure Vision", handle)
