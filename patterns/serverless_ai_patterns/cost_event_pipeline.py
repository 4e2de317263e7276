"""What documents cost that go through an event pipeline on AWS: from settings and stated assumptions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from serverless_ai_patterns.aws import prices
from serverless_ai_patterns.aws.prices import Price
from serverless_ai_patterns.cost import UsageLine, thousand, tokens
from serverless_ai_patterns.event_pipeline import EventPipelineSettings
from serverless_ai_patterns.models import Model
from serverless_ai_patterns.validation import in_range, typed


@dataclass(frozen=True, kw_only=True, slots=True)
class Documents:
    """What an average document is taken to be. Change it to what your dashboard shows."""

    input_tokens: int = 1500
    output_tokens: int = 150
    characters: int = 6000
    """Of text, for services that are paid by it."""
    pages: int = 3
    minutes: int = 5
    """Of sound."""
    duration_ms: int = 2500
    """Of the function, waiting for the model or service included."""
    log_bytes: int = 800
    traced_percent: int = 5

    def __post_init__(self) -> None:
        typed(self)
        for field, high in _LIMITS.items():
            in_range(self, field, 0, high)


_LIMITS: Final = {
    "input_tokens": 1_000_000,
    "output_tokens": 128_000,
    "characters": 10_000_000,
    "pages": 3_000,
    "minutes": 240,
    "duration_ms": 540_000,
    "log_bytes": 1_000_000,
    "traced_percent": 100,
}


def per_thousand_documents(
    settings: EventPipelineSettings, model: Model, documents: Documents | None = None
) -> list[UsageLine]:
    """A thousand uploads through the pipeline, meter by meter, at list price, each processed at once.

    Not counted: data transfer, free tiers, custom metrics, what is stored. Raises ValueError when the model
    is asked and its price is unknown; `dataclasses.replace` it with your own.
    """
    d = Documents() if documents is None else documents
    batch, gb = settings.batching.size, settings.function.memory_mb / 1024
    lines = [
        # Result looked for before and after, content read; a result written under a condition.
        thousand("Objects, reads", prices.OBJECT_READS, 3e-6, "3 requests"),
        thousand("Objects, writes", prices.OBJECT_WRITES, 1e-6, "1 request"),
        thousand("Queue", prices.QUEUE_REQUESTS, 3e-6, "3 requests: sent, received, deleted"),
        thousand("Completion events", prices.EVENTS, 1e-6, "1 event"),
        thousand("Function, requests", prices.LAMBDA_REQUESTS, 1e-6 / batch, _of_batch("1 call", batch)),
        thousand(
            "Function, duration",
            prices.LAMBDA_ARM,
            d.duration_ms / 1000 * gb / batch,
            _of_batch(f"{d.duration_ms} ms at {settings.function.memory_mb} MB", batch),
        ),
        thousand("Table, writes", prices.DYNAMODB_WRITES, 2e-6, "2 write units: claimed, recorded"),
        thousand("Table, reads", prices.DYNAMODB_READS, 1e-6, "1 read unit"),
        thousand("Logs", prices.LOGS_INGESTED, d.log_bytes / 1e9, f"{d.log_bytes} bytes"),
        thousand("Traces", prices.TRACES, d.traced_percent / 100 / 1e6, f"{d.traced_percent} % sampled"),
    ]
    if settings.uses_model:
        if model.input_usd is None or model.output_usd is None:
            raise ValueError(f"no price is known for model {model.id}; set its input_usd and output_usd")
        return [*lines, *tokens(model, d.input_tokens, d.output_tokens)]
    units = max(3, -(-d.characters // 100))
    services: Mapping[str, tuple[Price, float, str]] = {
        "ocr": (prices.TEXTRACT_PAGES, d.pages / 1000, f"{d.pages} pages"),
        "image_labels": (prices.REKOGNITION_IMAGES, 1e-3, "1 image"),
        "moderate": (prices.REKOGNITION_IMAGES, 1e-3, "1 image"),
        "entities": (prices.COMPREHEND_UNITS, units, f"{units} units of text"),
        "transcribe": (prices.TRANSCRIBE_MINUTES, d.minutes, f"{d.minutes} minutes"),
    }
    service = services.get(settings.processor_name)
    return [*lines, *([thousand("AI service", *service)] if service else [])]


def _of_batch(each: str, size: int) -> str:
    return each if size == 1 else f"{each} a batch of {size}, its share"
