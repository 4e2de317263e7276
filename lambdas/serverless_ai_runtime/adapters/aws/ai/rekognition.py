"""What is in an image, and whether it is unfit, by Rekognition."""

from __future__ import annotations

from typing import Any, Final

from serverless_ai_runtime.adapters.aws.ai.comprehend import Toxicity
from serverless_ai_runtime.adapters.aws.ai.source import asked, in_bucket
from serverless_ai_runtime.adapters.aws.service import Service
from serverless_ai_runtime.core.event_pipeline.given import as_promised, moderation_value, no_jobs
from serverless_ai_runtime.core.event_pipeline.ports import Source
from serverless_ai_runtime.core.ports import Deadline

_TARGET: Final = "RekognitionService"


class ImageLabels:
    """Labels of at least `min_confidence` percent."""

    def __init__(self, service: Service, min_confidence: int) -> None:
        self._service, self._min_confidence = service, min_confidence

    def analyse(self, source: Source, deadline: Deadline) -> dict[str, Any]:
        request = {"Image": in_bucket(source, "Rekognition"), "MinConfidence": self._min_confidence}
        answer = asked(self._service, _TARGET, "DetectLabels", request, deadline)
        with as_promised(self._service, "DetectLabels"):
            labels = [
                {"name": str(one["Name"]), "confidence": round(one["Confidence"] / 100, 4)}
                for one in answer["Labels"]
            ]
        return {"labels": labels}

    def collect(self, handle: str, deadline: Deadline) -> dict[str, Any]:
        no_jobs("Rekognition", handle)


class Moderation:
    """Images by Rekognition, text by Comprehend; a category counts from `threshold` percent on."""

    def __init__(self, service: Service, text: Toxicity, threshold: int) -> None:
        self._service, self._text, self._threshold = service, text, threshold

    def analyse(self, source: Source, deadline: Deadline) -> dict[str, Any]:
        if not source.name.lower().endswith((".png", ".jpg", ".jpeg")):
            return self._text.analyse(source, deadline)
        request = {"Image": in_bucket(source, "Rekognition"), "MinConfidence": self._threshold}
        answer = asked(self._service, _TARGET, "DetectModerationLabels", request, deadline)
        with as_promised(self._service, "DetectModerationLabels"):
            scores = [(str(one["Name"]), one["Confidence"] / 100) for one in answer["ModerationLabels"]]
        return moderation_value(scores, self._threshold)

    def collect(self, handle: str, deadline: Deadline) -> dict[str, Any]:
        no_jobs("Rekognition", handle)
