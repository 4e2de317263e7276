"""The event pipeline as configured: its processor, and everything around it."""

from __future__ import annotations

import json
from typing import Any, Final, NamedTuple, cast

from serverless_ai_runtime import config
from serverless_ai_runtime.config import ConfigError
from serverless_ai_runtime.config_event_pipeline import EventPipelineConfig
from serverless_ai_runtime.core.event_pipeline.finishing import Around, Limits
from serverless_ai_runtime.core.event_pipeline.ledger import Ledger
from serverless_ai_runtime.core.event_pipeline.pipeline import EventPipeline
from serverless_ai_runtime.core.event_pipeline.ports import Processor
from serverless_ai_runtime.core.event_pipeline.results import Results
from serverless_ai_runtime.telemetry import Telemetry
from serverless_ai_runtime.wiring import WORLD, Env, PipelineAdapters, adapters_of, telemetry_of

MODEL_TASKS: Final = ("summarize", "classify", "extract", "translate")
SERVICES: Final = ("ocr", "image_labels", "transcribe", "moderate", "entities")
CUSTOM: Final = "custom"


class PipelineApp(NamedTuple):
    """A core, how it is told what to do, and how it is watched; lives as long as the process."""

    core: EventPipeline
    settings: EventPipelineConfig
    telemetry: Telemetry


class _Asked(NamedTuple):
    """What an adapter of a chat model must know."""

    model: str
    model_endpoint: str
    guardrail_id: str = ""
    guardrail_version: str = ""


def event_pipeline(cloud: str, env: Env = None) -> PipelineApp:
    """The event pipeline as configured; raises `ConfigError` naming the variable that is wrong."""
    settings = config.from_env(EventPipelineConfig, env)
    for field in ("timeout_s", "max_attempts", "max_bytes", "record_s", "batch_size"):
        if getattr(settings, field) <= 0:
            raise ConfigError(f"{config.variable(field)} must be more than 0, got {getattr(settings, field)}")
    adapters = adapters_of(cloud, env)
    objects = adapters.objects(settings)
    around = Around(
        ledger=Ledger(adapters.store(settings.store), WORLD, settings.record_s),
        inputs=objects,
        results=Results(objects, settings.results, settings.results_prefix),
        announcements=adapters.announcements(settings),
        dead_letters=adapters.dead_letters(settings),
        limits=Limits(
            settings.max_attempts, settings.max_bytes, settings.input_microusd, settings.output_microusd
        ),
        world=WORLD,
        later=adapters.later(settings),
    )
    core = EventPipeline(_processor(settings, adapters), around)
    return PipelineApp(core, settings, telemetry_of(cloud, settings.log_content, env))


def _processor(settings: EventPipelineConfig, adapters: PipelineAdapters) -> Processor:
    name, options = settings.processor, _options(settings.options)
    if name in MODEL_TASKS:
        if not settings.model:
            raise ConfigError(f"{config.variable('model')} is empty; {name} needs the id of a model")
        from serverless_ai_runtime.core.event_pipeline.model_tasks import Asking, ModelProcessor

        asking = Asking(settings.max_output_tokens, settings.context_tokens)
        model = adapters.chat_model(_Asked(settings.model, settings.model_endpoint))
        return ModelProcessor(name, options, model, asking)
    if name in SERVICES:
        from serverless_ai_runtime.core.event_pipeline.services import ServiceProcessor

        return ServiceProcessor(name, options, adapters.ai_service(settings))
    if name == CUSTOM:
        from serverless_ai_runtime.core.event_pipeline.custom import CustomProcessor, load

        return CustomProcessor(load(options["function"]))
    allowed = ", ".join((*MODEL_TASKS, *SERVICES, CUSTOM))
    raise ConfigError(f"{config.variable('processor')} must be one of {allowed}; got {name!r}")


def _options(text: str) -> dict[str, Any]:
    try:
        value: object = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise ConfigError(f"{config.variable('options')} must be a JSON object, got {text!r}")
    return cast("dict[str, Any]", value)
