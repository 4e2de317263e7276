"""Function + LLM on Google Cloud: what the function is told, how large it is, and what its APIs are."""

from __future__ import annotations

from typing import Final

from serverless_ai_patterns.function_llm import FunctionLlmSettings, Jwt
from serverless_ai_patterns.function_llm.handler import handler_config
from serverless_ai_patterns.function_settings import FunctionSettings, WorkerSettings
from serverless_ai_patterns.gcp.events import DELIVERIES, subscription_filter
from serverless_ai_patterns.gcp.gateway import check_audiences
from serverless_ai_patterns.models import Model
from serverless_ai_patterns.unix_cron import unix_cron
from serverless_ai_runtime.config import GcpEdgeConfig, to_env

COLLECTION: Final = "records"
"""The collection of the state database that holds the pattern's records."""

CONCURRENCY: Final = 40
"""Requests that one instance answers at the same time: they wait for the model, not for a CPU."""
THREADS: Final = "THREADS"
"""The variable that tells functions-framework how many threads gunicorn has (default: 4 a CPU)."""
MAX_INSTANCES: Final = 1000
"""Cloud Run's limit of instances of one revision. Source: https://cloud.google.com/run/quotas, 2026-11."""
MAX_RETENTION_DAYS: Final = 3650
"""Cloud Logging's limit. Source: https://cloud.google.com/logging/quotas, 2026-11."""

# Most MiB of memory that goes with this many CPUs. Less than one CPU would mean one request at a time.
# Source: https://cloud.google.com/run/docs/configuring/services/memory-limits, 2026-11.
_CPUS: Final = ((4096, 1), (8192, 2), (16384, 4))

GUARDRAIL: Final = "BLOCK_LOW_AND_ABOVE"
"""Threshold of the safety settings that go with every call when a guardrail is asked for; without one the
model's own defaults hold. No resource is made. Source: HarmBlockThreshold of the Vertex AI API, 2026-11."""

_APIS: Final[tuple[str, ...]] = (
    "aiplatform.googleapis.com",
    "artifactregistry.googleapis.com",
    "cloudbuild.googleapis.com",
    "cloudfunctions.googleapis.com",
    "cloudtrace.googleapis.com",
    "iam.googleapis.com",
    "logging.googleapis.com",
    "monitoring.googleapis.com",
    "run.googleapis.com",
    "storage.googleapis.com",
)
_SECRETS_API: Final = "secretmanager.googleapis.com"
_GATEWAY_APIS: Final[tuple[str, ...]] = (
    "apigateway.googleapis.com",
    "servicecontrol.googleapis.com",
    "servicemanagement.googleapis.com",
)


def apis(settings: FunctionLlmSettings, *, secrets: bool = False) -> list[str]:
    """The APIs that must be enabled in the project, sorted. `secrets`: variables come from Secret Manager."""
    events = settings.events
    needed: set[str] = set(_APIS)
    if settings.needs_store:
        needed.add("firestore.googleapis.com")
    if events.schedule or events.bus_filter or events.destination:
        needed.add("pubsub.googleapis.com")
    if events.schedule:
        needed.add("cloudscheduler.googleapis.com")
    if isinstance(settings.auth, Jwt):
        needed.update(_GATEWAY_APIS)
    if secrets:
        needed.add(_SECRETS_API)
    return sorted(needed)


def check(settings: FunctionLlmSettings) -> None:
    """Raise ValueError for a setting that Google Cloud cannot have."""
    days = settings.function.log_retention_days
    if days > MAX_RETENTION_DAYS:
        raise ValueError(
            f"function.log_retention_days must be at most {MAX_RETENTION_DAYS} on Google Cloud, got {days}"
        )
    if settings.events.schedule is not None:
        unix_cron(settings.events.schedule, cloud="Google Cloud")
    if settings.events.bus_filter is not None:
        subscription_filter(settings.events.bus_filter)
    if isinstance(settings.auth, Jwt):
        check_audiences(settings.auth)


def cpus(function: FunctionSettings | WorkerSettings) -> int:
    """CPUs of an instance with this much memory."""
    return next(count for most_mb, count in _CPUS if function.memory_mb <= most_mb)


def instances(settings: FunctionLlmSettings) -> int:
    """Most instances: as set, or as many as what one rate limit lets through can keep busy.

    Each instance holds the rate limit by itself, so that a bound on instances is one on the whole endpoint.
    """
    if settings.function.max_concurrency is not None:
        return settings.function.max_concurrency
    throttle = settings.throttle
    in_flight = throttle.burst + throttle.requests_per_second * settings.function.timeout_s
    return min(MAX_INSTANCES, -(-in_flight // CONCURRENCY))


def store(project: str, database: str) -> str:
    """The collection of the pattern's records, as Firestore's REST API names it."""
    return f"projects/{project}/databases/{database}/documents/{COLLECTION}"


def environment(
    settings: FunctionLlmSettings,
    model: Model,
    *,
    project: str,
    store: str = "",
    destination: str = "",
    dead_letters: str = "",
    gateway: str = "",
    deliverer: str = "",
) -> dict[str, str]:
    """The function's variables; an empty string is "not made".

    `store` is what the function of that name here returns, `destination` and `dead_letters` are topics
    (projects/P/topics/T), `gateway` and `deliverer` accounts' unique ids.
    """
    pattern = handler_config(
        settings,
        model=model.id,
        model_endpoint=f"projects/{project}/locations/{model.regions[0]}",
        store=store,
        destination=destination,
        guardrail_id=GUARDRAIL if settings.llm.guardrail else "",
    )
    edge = GcpEdgeConfig(
        gateway=gateway,
        deliverer=deliverer,
        requests_per_second=settings.throttle.requests_per_second,
        burst=settings.throttle.burst,
        timeout_s=settings.function.timeout_s,
        dead_letters=dead_letters,
        max_deliveries=DELIVERIES,
    )
    return {**to_env(pattern), **to_env(edge), THREADS: str(CONCURRENCY)}
