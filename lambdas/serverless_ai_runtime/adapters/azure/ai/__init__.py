"""Azure's AI services, one module each: all of them are spoken to at one account of Foundry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from serverless_ai_runtime.adapters.service import Service
    from serverless_ai_runtime.config_event_pipeline import EventPipelineConfig
    from serverless_ai_runtime.core.event_pipeline.ports import AiService

RESOURCE: Final = "https://cognitiveservices.azure.com"
ROLE: Final = "Cognitive Services User"
_ACCOUNT: Final = "Microsoft.CognitiveServices/accounts"
DATA_ACTIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "ocr": (
        f"{_ACCOUNT}/FormRecognizer/documentmodels:analyze/action",
        f"{_ACCOUNT}/FormRecognizer/documentmodels/analyzeresults/read",
    ),
    "image_labels": (f"{_ACCOUNT}/ComputerVision/imageanalysis:analyze/action",),
    "transcribe": (
        f"{_ACCOUNT}/SpeechServices/speechrest/transcriptions/write",
        f"{_ACCOUNT}/SpeechServices/speechrest/transcriptions/read",
    ),
    "moderate": (f"{_ACCOUNT}/ContentSafety/*",),
    "entities": (f"{_ACCOUNT}/Language/analyze-text/action",),
}
"""What each purpose uses of that role."""


def make(settings: EventPipelineConfig, service: Service) -> AiService:
    """The service behind the configured processor; `service.url` is the account's."""
    import json

    options = json.loads(settings.options)
    if settings.processor == "ocr":
        from serverless_ai_runtime.adapters.azure.ai.document_intelligence import Ocr

        return Ocr(service)
    if settings.processor == "image_labels":
        from serverless_ai_runtime.adapters.azure.ai.vision import ImageLabels

        return ImageLabels(service, options["min_confidence"])
    if settings.processor == "transcribe":
        from serverless_ai_runtime.adapters.azure.ai.speech import Transcriber

        return Transcriber(service, settings.objects, options["language"])
    if settings.processor == "moderate":
        from serverless_ai_runtime.adapters.azure.ai.content_safety import Moderation

        return Moderation(service, options["threshold"])
    from serverless_ai_runtime.adapters.azure.ai.language import Entities

    return Entities(service, options["language"])
