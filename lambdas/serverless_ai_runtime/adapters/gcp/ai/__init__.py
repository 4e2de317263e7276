"""Google's AI services, one module each, and which of them does what."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from serverless_ai_runtime.adapters.gcp.storage import StorageObjects
    from serverless_ai_runtime.adapters.service import Service
    from serverless_ai_runtime.config_event_pipeline import EventPipelineConfig
    from serverless_ai_runtime.core.event_pipeline.ports import AiService

_USE: Final = ("serviceusage.services.use",)
"""Vision and Natural Language have no permissions of their own: using the project's services suffices."""
PERMISSIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "ocr": (
        "documentai.processors.processOnline",
        "documentai.processors.processBatch",
        "documentai.operations.getLegacy",
    ),
    "image_labels": _USE,
    "transcribe": ("speech.recognizers.recognize", "speech.operations.get"),
    "moderate": _USE,
    "entities": _USE,
}
"""What each purpose needs on the project.

Source: https://cloud.google.com/iam/docs/roles-permissions, 2026-11.
"""
APIS: Final[Mapping[str, tuple[str, ...]]] = {
    "ocr": ("documentai.googleapis.com",),
    "image_labels": ("vision.googleapis.com",),
    "transcribe": ("speech.googleapis.com",),
    "moderate": ("language.googleapis.com", "vision.googleapis.com"),
    "entities": ("language.googleapis.com",),
}
"""What must be enabled for each."""

ServiceOf = Callable[[str, str], "Service"]
"""(name, host) -> a service."""


def make(settings: EventPipelineConfig, service: ServiceOf, objects: StorageObjects) -> AiService:
    """The service behind the configured processor."""
    import json

    from serverless_ai_runtime import config

    options = json.loads(settings.options)
    if settings.processor == "ocr":
        from serverless_ai_runtime.adapters.gcp.ai.document_ai import Ocr

        processor = config.gcp_name(
            "ai_endpoint", settings.ai_endpoint, "projects", "locations", "processors"
        )
        host = f"{processor.split('/')[3]}-documentai.googleapis.com"
        return Ocr(service("DocumentAi", host), objects, processor, settings.results)
    if settings.processor == "transcribe":
        from serverless_ai_runtime.adapters.gcp.ai.speech import Transcriber

        place = config.gcp_name("ai_endpoint", settings.ai_endpoint, "projects", "locations")
        location = place.split("/")[3]
        host = "speech.googleapis.com" if location == "global" else f"{location}-speech.googleapis.com"
        return Transcriber(service("Speech", host), place, options["language"])
    if settings.processor == "image_labels":
        from serverless_ai_runtime.adapters.gcp.ai.vision import ImageLabels

        return ImageLabels(service("Vision", "vision.googleapis.com"), options["min_confidence"])
    language = service("NaturalLanguage", "language.googleapis.com")
    if settings.processor == "moderate":
        from serverless_ai_runtime.adapters.gcp.ai.language import TextModeration
        from serverless_ai_runtime.adapters.gcp.ai.vision import Moderation

        text = TextModeration(language, options["threshold"])
        return Moderation(service("Vision", "vision.googleapis.com"), text, options["threshold"])
    from serverless_ai_runtime.adapters.gcp.ai.language import Entities

    return Entities(language, options["language"])
