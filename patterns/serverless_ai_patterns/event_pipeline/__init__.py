"""Event pipeline: documents, images, video and messages in, results out, nothing lost."""

from serverless_ai_patterns.event_pipeline.processors import (
    Classify,
    Custom,
    Entities,
    Extract,
    ImageLabels,
    Moderate,
    Ocr,
    Summarize,
    Transcribe,
    Translate,
)
from serverless_ai_patterns.event_pipeline.settings import (
    AuditLog,
    Batching,
    EventPipelineSettings,
    PipelineModel,
    Results,
    Sources,
    Uploads,
)
from serverless_ai_patterns.function_settings import WorkerSettings

__all__ = [
    "AuditLog",
    "Batching",
    "Classify",
    "Custom",
    "Entities",
    "EventPipelineSettings",
    "Extract",
    "ImageLabels",
    "Moderate",
    "Ocr",
    "PipelineModel",
    "Results",
    "Sources",
    "Summarize",
    "Transcribe",
    "Translate",
    "Uploads",
    "WorkerSettings",
]
