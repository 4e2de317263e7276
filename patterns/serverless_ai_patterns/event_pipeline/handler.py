"""What the handler of the event pipeline is told, the same on every cloud but for names and places."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from serverless_ai_patterns.event_pipeline.processors import Custom
from serverless_ai_patterns.event_pipeline.settings import MEBIBYTE, EventPipelineSettings
from serverless_ai_patterns.models import Model
from serverless_ai_runtime.config_event_pipeline import EventPipelineConfig

DAY_S = 24 * 3600
CUSTOM_FILE = "serverless_ai_custom.py"
"""Name in the zip of the user's own processor, as the handler imports it."""


class Places(NamedTuple):
    """Names and URLs of what was made, as `EventPipelineConfig` has them; they may be a tool's tokens."""

    results: str
    store: str
    announcements: str
    queue: str
    dead_letters: str
    inputs: str = ""
    objects: str = ""
    model_endpoint: str = ""
    ai_endpoint: str = ""
    job_topic: str = ""
    job_role: str = ""


def handler_config(
    settings: EventPipelineSettings, places: Places, model: Model | None
) -> EventPipelineConfig:
    """The handler's configuration. `model` is None when the processor asks none."""
    return EventPipelineConfig(
        processor=settings.processor_name,
        options=json.dumps(settings.options, separators=(",", ":"), sort_keys=True),
        model=model.id if model else "",
        max_output_tokens=settings.model.max_output_tokens,
        context_tokens=settings.model.context_tokens,
        input_microusd=_microusd(model.input_usd if model else None),
        output_microusd=_microusd(model.output_usd if model else None),
        results_prefix=settings.results.prefix,
        record_s=settings.results.record_days * DAY_S,
        max_attempts=settings.function.max_attempts,
        max_bytes=settings.function.max_mb * MEBIBYTE,
        timeout_s=settings.function.timeout_s,
        batch_size=settings.batching.size,
        batch_wait_s=settings.batching.wait_s,
        log_content=settings.function.log_content,
        **places._asdict(),
    )


def own_files(settings: EventPipelineSettings) -> dict[str, Path]:
    """What of the user's is bundled beside the handler: path in the zip -> file."""
    processor = settings.processor
    return {CUSTOM_FILE: Path(processor.file)} if isinstance(processor, Custom) else {}


def _microusd(usd: float | None) -> int:
    return round(usd * 1_000_000) if usd else 0
