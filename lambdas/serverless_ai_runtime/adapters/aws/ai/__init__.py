"""AWS's AI services, one module each, and which of them does what."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from serverless_ai_runtime.adapters.aws.service import Service
    from serverless_ai_runtime.config_event_pipeline import EventPipelineConfig
    from serverless_ai_runtime.core.event_pipeline.ports import AiService
    from serverless_ai_runtime.core.objects import ObjectStore

ACTIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "ocr": (
        "textract:DetectDocumentText",
        "textract:StartDocumentTextDetection",
        "textract:GetDocumentTextDetection",
    ),
    "image_labels": ("rekognition:DetectLabels",),
    "transcribe": ("transcribe:StartTranscriptionJob", "transcribe:GetTranscriptionJob"),
    "moderate": ("rekognition:DetectModerationLabels", "comprehend:DetectToxicContent"),
    "entities": ("comprehend:DetectEntities",),
}
"""What each purpose calls."""

ServiceOf = Callable[[str, str, str], "Service"]
"""(name, endpoint, signing name) -> a service of this region."""


def make(settings: EventPipelineConfig, service: ServiceOf, objects: ObjectStore) -> AiService:
    """The service behind the configured processor."""
    import json

    options = json.loads(settings.options)
    if settings.processor == "ocr":
        from serverless_ai_runtime.adapters.aws.ai.textract import Ocr

        notify = (settings.job_topic, settings.job_role)
        return Ocr(service("Textract", "textract", "textract"), *notify)
    if settings.processor == "transcribe":
        from serverless_ai_runtime.adapters.aws.ai.transcribe import Transcriber

        return Transcriber(
            service("Transcribe", "transcribe", "transcribe"), objects, settings.results, options["language"]
        )
    if settings.processor == "image_labels":
        from serverless_ai_runtime.adapters.aws.ai.rekognition import ImageLabels

        return ImageLabels(service("Rekognition", "rekognition", "rekognition"), options["min_confidence"])
    comprehend = service("Comprehend", "comprehend", "comprehend")
    if settings.processor == "moderate":
        from serverless_ai_runtime.adapters.aws.ai.comprehend import Toxicity
        from serverless_ai_runtime.adapters.aws.ai.rekognition import Moderation

        rekognition = service("Rekognition", "rekognition", "rekognition")
        return Moderation(rekognition, Toxicity(comprehend, options["threshold"]), options["threshold"])
    from serverless_ai_runtime.adapters.aws.ai.comprehend import Entities

    return Entities(comprehend, options["language"])
