"""Configuration -> core with adapters: the only place that asks which cloud this is; imports what is used."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from serverless_ai_runtime import config
from serverless_ai_runtime.config import ConfigError, FunctionLlmConfig, ModelSettings
from serverless_ai_runtime.core.ports import ChatModel, KeyValueStore, Publisher, World
from serverless_ai_runtime.telemetry import Telemetry, by_level, by_severity, embedded, plain

if TYPE_CHECKING:
    from serverless_ai_runtime.config_event_pipeline import EventPipelineConfig
    from serverless_ai_runtime.core.budget import Budget
    from serverless_ai_runtime.core.event_pipeline.ports import AiService, DeadLetters, Later
    from serverless_ai_runtime.core.function_llm import FunctionLlm
    from serverless_ai_runtime.core.idempotency import Once
    from serverless_ai_runtime.core.objects import ObjectStore
    from serverless_ai_runtime.core.sessions import Sessions

Env = Mapping[str, str] | None


class App(NamedTuple):
    """A core and how it is watched; lives as long as the process, and with it its connections."""

    core: FunctionLlm
    telemetry: Telemetry


class Adapters(Protocol):
    """What a cloud must offer."""

    def chat_model(self, settings: ModelSettings) -> ChatModel: ...

    def store(self, name: str) -> KeyValueStore: ...

    def publisher(self, destination: str) -> Publisher: ...


class PipelineAdapters(Adapters, Protocol):
    """What a cloud must offer for the event pipeline as well."""

    def objects(self, settings: config.WorkPlaces) -> ObjectStore: ...

    def ai_service(self, settings: EventPipelineConfig) -> AiService: ...

    def announcements(self, settings: EventPipelineConfig) -> Publisher: ...

    def dead_letters(self, settings: config.WorkPlaces) -> DeadLetters: ...

    def later(self, settings: config.WorkPlaces) -> Later | None: ...


class Remembering(Protocol):
    """Sessions and budgets; part of more than one pattern's configuration."""

    @property
    def history_turns(self) -> int: ...

    @property
    def session_ttl_s(self) -> int: ...

    @property
    def caller_tokens_per_day(self) -> int: ...

    @property
    def total_tokens_per_day(self) -> int: ...


WORLD: Final = World(
    now=time.time,
    sleep=time.sleep,
    random=lambda: int.from_bytes(os.urandom(6), "big") / 2**48,
    token=lambda: os.urandom(16).hex(),
)


def function_llm(cloud: str, env: Env = None) -> App:
    """The Function + LLM pattern as configured; raises `ConfigError` naming the variable that is wrong."""
    from serverless_ai_runtime.core.function_llm import FunctionLlm, Limits

    settings = config.from_env(FunctionLlmConfig, env)
    adapters = adapters_of(cloud, env)
    if not settings.model:
        raise ConfigError(f"{config.PREFIX}MODEL is empty; it must be the id of a model")
    limits = Limits(settings.system_prompt, settings.max_output_tokens, settings.context_tokens)
    store = _store(settings, adapters)
    try:
        core = FunctionLlm(
            adapters.chat_model(settings),
            limits,
            sessions=sessions_of(settings, store),
            budget=budget_of(settings, store),
            once=_once(store),
            publisher=adapters.publisher(settings.destination) if settings.destination else None,
        )
    except ValueError as error:
        raise ConfigError(f"{config.PREFIX}SYSTEM_PROMPT, {config.PREFIX}CONTEXT_TOKENS: {error}") from None
    return App(core, telemetry_of(cloud, settings.log_content, env))


def telemetry_of(cloud: str, log_content: bool, env: Env) -> Telemetry:
    """Logs and metrics as this cloud reads them."""
    return Telemetry(
        config.function_name(env),
        log_content=log_content,
        world=WORLD,
        metrics=embedded if cloud == "aws" else plain,
        head=by_severity if cloud == "gcp" else by_level,
    )


def publishers(cloud: str, env: Env = None) -> Callable[[str], Publisher]:
    """Makes publishers for what an entry point itself sends, such as dead letters."""
    return adapters_of(cloud, env).publisher


def _store(settings: FunctionLlmConfig, adapters: Adapters) -> KeyValueStore | None:
    if settings.store:
        return adapters.store(settings.store)
    if settings.history_turns or settings.caller_tokens_per_day or settings.total_tokens_per_day:
        raise ConfigError(f"{config.PREFIX}STORE is empty, but sessions or token budgets need a store")
    return None


def sessions_of(settings: Remembering, store: KeyValueStore | None) -> Sessions | None:
    """Memory of conversations, if there is one."""
    if store is None or not settings.history_turns:
        return None
    from serverless_ai_runtime.core.sessions import Sessions

    return Sessions(store, WORLD, history_turns=settings.history_turns, ttl_s=settings.session_ttl_s)


def budget_of(settings: Remembering, store: KeyValueStore | None) -> Budget | None:
    """The token budgets, if there are any."""
    if store is None or not (settings.caller_tokens_per_day or settings.total_tokens_per_day):
        return None
    from serverless_ai_runtime.core.budget import Budget

    return Budget(
        store,
        WORLD,
        caller_limit=settings.caller_tokens_per_day,
        total_limit=settings.total_tokens_per_day,
    )


def _once(store: KeyValueStore | None) -> Once | None:
    if store is None:
        return None
    from serverless_ai_runtime.core.idempotency import Once

    return Once(store, WORLD)


def adapters_of(cloud: str, env: Env) -> PipelineAdapters:
    """The adapters of this cloud."""
    if cloud == "aws":
        from serverless_ai_runtime.adapters.aws.factory import AwsAdapters

        return AwsAdapters(WORLD, env)
    if cloud == "azure":
        from serverless_ai_runtime.adapters.azure.factory import AzureAdapters

        return AzureAdapters(WORLD, env)
    if cloud == "gcp":
        from serverless_ai_runtime.adapters.gcp.factory import GcpAdapters

        return GcpAdapters(WORLD, env)
    raise ValueError(f"cloud must be aws, azure or gcp, got {cloud!r}")
