"""Function + LLM on Azure: what the function is told, and how many instances there may be of it."""

from __future__ import annotations

from typing import Final

from serverless_ai_patterns.azure.events import EVENTS
from serverless_ai_patterns.azure.flex import INSTANCES
from serverless_ai_patterns.azure.schedule import ncrontab
from serverless_ai_patterns.function_llm import FunctionLlmSettings
from serverless_ai_patterns.function_llm.handler import handler_config
from serverless_ai_patterns.function_llm.settings import Throttle
from serverless_ai_patterns.function_settings import FunctionSettings
from serverless_ai_runtime.config import AzureEdgeConfig, azure_settings, to_env

CONCURRENCY: Final = 16
"""Requests that one instance answers at the same time: Flex Consumption's own default for 2048 MB."""
THREADS: Final = "PYTHON_THREADPOOL_THREAD_COUNT"
"""The setting that tells the Python worker how many functions may run at once (default: 4 and its CPUs)."""


def environment(
    settings: FunctionLlmSettings,
    *,
    client_id: str,
    deployment: str,
    model_endpoint: str,
    queue_service: str,
    store_url: str = "",
    destination_url: str = "",
) -> dict[str, str]:
    """The app's settings as far as they are ours. An empty URL is "not made"."""
    pattern = handler_config(
        settings,
        model=deployment,
        model_endpoint=model_endpoint,
        store=store_url,
        destination=destination_url,
        # Content filtering is the deployment's own: there is no guardrail for the handler to name.
    )
    schedule = settings.events.schedule
    edge = AzureEdgeConfig(
        timeout_s=settings.function.timeout_s,
        queue_service=queue_service if takes_events(settings) else "",
        events_queue=EVENTS if takes_events(settings) else "",
        schedule=ncrontab(schedule) if schedule else "",
        schedule_message=settings.events.schedule_message if schedule else "",
        requests_per_second=settings.throttle.requests_per_second,
        burst=settings.throttle.burst,
    )
    return {**to_env(pattern), **azure_settings(edge, client_id), THREADS: str(CONCURRENCY)}


def takes_events(settings: FunctionLlmSettings) -> bool:
    """Whether there is another way in than HTTP."""
    return bool(settings.events.schedule or settings.events.bus_filter)


def instances(settings: FunctionLlmSettings) -> int:
    """Most instances."""
    return http_instances(settings.function, settings.throttle)


def http_instances(function: FunctionSettings, throttle: Throttle) -> int:
    """Most instances: as set, or as many as what one rate limit lets through can keep busy.

    Each instance holds the rate limit by itself, so that a bound on instances is one on the whole endpoint.
    """
    if function.max_concurrency is not None:
        return function.max_concurrency
    in_flight = throttle.burst + throttle.requests_per_second * function.timeout_s
    least, most = INSTANCES
    return min(most, max(least, -(-in_flight // CONCURRENCY)))
