"""The event pipelines that the scenario looks at: one pattern, many settings, the same on every target."""

from __future__ import annotations

from pathlib import Path

from serverless_ai_patterns.event_pipeline import (
    Batching,
    Classify,
    Custom,
    Entities,
    EventPipelineSettings,
    Extract,
    ImageLabels,
    Moderate,
    Ocr,
    PipelineModel,
    Sources,
    Summarize,
    Transcribe,
    Translate,
    Uploads,
    WorkerSettings,
)
from serverless_ai_patterns.event_pipeline.processors import Processor

PROCESSOR = Path(__file__).parent / "processor.py"
FUNCTION = WorkerSettings(timeout_s=4, memory_mb=512, max_concurrency=8, log_retention_days=7)
UPLOADS = Sources(uploads=Uploads(prefix="in/"))
QUEUE_ONLY = Sources(uploads=None)
MODEL = PipelineModel(max_output_tokens=300)
INVOICE = {
    "type": "object",
    "properties": {
        "invoice_number": {"type": "string", "description": "Invoice number"},
        "total": {"type": "number", "description": "Total"},
    },
    "required": ["invoice_number"],
    "additionalProperties": False,
}
SERVICES: dict[str, Processor] = {
    "ocr": Ocr(),
    "labels": ImageLabels(),
    "speech": Transcribe(),
    "moderate": Moderate(threshold=60),
    "entities": Entities(),
}
"""Variants that ask an AI service of the cloud."""
SHARED_TOPIC = ("invoices", "receipts")
"""Variants that take from one topic: the first one makes it."""


def pipeline_variants() -> dict[str, EventPipelineSettings]:
    """Name -> settings.

    `main` has every source and the model, `bulk` a processor of its own that fails on demand (see
    `processor.py`), `batch` ten messages a call, `invoices` and `receipts` share a topic, and `translate` is
    named as its processor.
    """
    return {
        "main": EventPipelineSettings(
            processor=Summarize(max_words=40),
            model=MODEL,
            sources=Sources(
                uploads=Uploads(prefix="in/"),
                schedule="rate(1 day)",
                schedule_message="Water the plants at noon.",
                bus_filter={"source": ["shop"], "detail-type": ["OrderPlaced"]},
            ),
            function=FUNCTION,
        ),
        "bulk": EventPipelineSettings(
            processor=Custom(file=str(PROCESSOR)), sources=UPLOADS, function=FUNCTION
        ),
        "batch": EventPipelineSettings(
            processor=Summarize(max_words=20),
            sources=QUEUE_ONLY,
            model=MODEL,
            batching=Batching(size=10, wait_s=2),
            function=FUNCTION,
        ),
        "invoices": EventPipelineSettings(
            processor=Extract(json_schema=INVOICE),
            sources=Sources(uploads=None, topic={"kind": ["invoice"]}),
            model=MODEL,
            function=FUNCTION,
        ),
        "receipts": EventPipelineSettings(
            processor=Classify(labels=("food", "travel", "office")),
            sources=Sources(uploads=None, topic={"kind": ["receipt", "ticket"]}),
            model=MODEL,
            function=FUNCTION,
        ),
        "translate": EventPipelineSettings(
            processor=Translate(language="de"), sources=QUEUE_ONLY, model=MODEL, function=FUNCTION
        ),
    }


def service_variants() -> dict[str, EventPipelineSettings]:
    """Name -> settings of those that ask an AI service: a deployment of their own, gone after its tests."""
    return {
        name: EventPipelineSettings(processor=processor, sources=UPLOADS, function=FUNCTION)
        for name, processor in SERVICES.items()
    }


def chosen(kind: str | None) -> dict[str, EventPipelineSettings]:
    """What a program makes, as its configuration says: `services`, or without it all others."""
    return service_variants() if kind == "services" else pipeline_variants()
