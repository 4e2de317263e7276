"""What a deployment costs: idle, from the resources it made; in use, from settings and stated assumptions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from serverless_ai_patterns.aws import prices
from serverless_ai_patterns.aws.prices import Price
from serverless_ai_patterns.azure import prices as azure
from serverless_ai_patterns.function_llm import FunctionLlmSettings
from serverless_ai_patterns.gcp import prices as gcp
from serverless_ai_patterns.models import Model
from serverless_ai_patterns.validation import in_range, typed


class CostLine(NamedTuple):
    """One resource in a month in which nobody calls."""

    name: str
    type: str
    usd: float
    why: str
    source: str


class UsageLine(NamedTuple):
    """One meter of a thousand requests."""

    meter: str
    usd: float
    why: str
    source: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Traffic:
    """What an average request is taken to be. Change it to what your dashboard shows."""

    input_tokens: int = 800
    """System prompt, history and message."""
    output_tokens: int = 250
    duration_ms: int = 2000
    session_kb: int = 4
    log_bytes: int = 1500
    """Handler and access log together."""
    traced_percent: int = 5
    """X-Ray samples the first request of a second and this share of the others."""

    def __post_init__(self) -> None:
        typed(self)
        for field, high in _TRAFFIC_LIMITS.items():
            in_range(self, field, 0, high)


_TRAFFIC_LIMITS = {
    "input_tokens": 1_000_000,
    "output_tokens": 128_000,
    "duration_ms": 900_000,
    "session_kb": 400,
    "log_bytes": 1_000_000,
    "traced_percent": 100,
}


def idle_monthly(resources: Iterable[tuple[str, str, Mapping[str, Any]]]) -> list[CostLine]:
    """A line for each resource (name, CloudFormation or Pulumi type, properties), free ones included.

    Raises `prices.UnpricedError`, a ValueError, for a resource of unknown price: none can hide its cost.
    """
    deployed = list(resources)
    peers = {name: (kind, properties) for name, kind, properties in deployed}
    return [CostLine(name, kind, *_idle(kind, properties, peers)) for name, kind, properties in deployed]


def _idle(
    kind: str, properties: Mapping[str, Any], peers: Mapping[str, tuple[str, Mapping[str, Any]]]
) -> prices.Idle:
    """By the cloud that the type says: Pulumi's begin with their package. Only Azure has dynamic ones."""
    elsewhere = {"azure-native": azure, "gcp": gcp, "pulumi-python": azure}.get(kind.partition(":")[0])
    return prices.idle(kind, properties, peers) if elsewhere is None else elsewhere.idle(kind, properties)


def per_thousand_requests(
    settings: FunctionLlmSettings, model: Model, traffic: Traffic | None = None
) -> list[UsageLine]:
    """A thousand requests to Function + LLM on AWS, meter by meter, at list price.

    Not counted: data transfer, free tiers, and custom metrics (0.30 USD each in a month with any traffic).
    Raises ValueError when the model's price is unknown; `dataclasses.replace` it with your own.
    """
    t = Traffic() if traffic is None else traffic
    if model.input_usd is None or model.output_usd is None:
        raise ValueError(f"no price is known for model {model.id}; set its input_usd and output_usd")
    gb_seconds = t.duration_ms * settings.function.memory_mb / 1024  # a thousand requests of t.duration_ms
    lines = [
        thousand("Endpoint", prices.HTTP_API, 1e-6, "1 request"),
        thousand("Function, requests", prices.LAMBDA_REQUESTS, 1e-6, "1 call"),
        thousand(
            "Function, duration",
            prices.LAMBDA_ARM,
            gb_seconds / 1000,
            f"{t.duration_ms} ms at {settings.function.memory_mb} MB",
        ),
        thousand("Logs", prices.LOGS_INGESTED, t.log_bytes / 1e9, f"{t.log_bytes} bytes"),
        thousand("Traces", prices.TRACES, t.traced_percent / 100 / 1e6, f"{t.traced_percent} % sampled"),
        *tokens(model, t.input_tokens, t.output_tokens),
    ]
    if settings.needs_store:
        lines += _store(settings, t)
    if settings.llm.guardrail:
        characters = 4 * (t.input_tokens + t.output_tokens)
        units = -(-characters // 1000)
        lines.append(thousand("Guardrail", prices.GUARDRAIL_CONTENT, units / 1000, f"{units} text units"))
    return lines


def tokens(model: Model, input_tokens: int, output_tokens: int) -> list[UsageLine]:
    """What the model takes for a thousand calls of so many tokens each."""
    meters = (("in", input_tokens, model.input_usd), ("out", output_tokens, model.output_usd))
    return [
        thousand(
            f"Tokens {direction}",
            Price(usd or 0.0, f"million tokens {direction}, {model.name or model.id}", model.source),
            count / 1e6,
            f"{count} tokens",
        )
        for direction, count, usd in meters
    ]


def _store(settings: FunctionLlmSettings, traffic: Traffic) -> list[UsageLine]:
    budgets = [settings.budget.caller_tokens_per_day, settings.budget.total_tokens_per_day]
    kept = settings.sessions.history_turns > 0
    # A budget is reserved before the call and settled after it; a consistent read takes one unit per 4 KB.
    writes = 2 * sum(map(bool, budgets)) + (traffic.session_kb if kept else 0)
    reads = -(-traffic.session_kb // 4) if kept else 0
    return [
        thousand("Table, writes", prices.DYNAMODB_WRITES, writes / 1e6, f"{writes} write units"),
        thousand("Table, reads", prices.DYNAMODB_READS, reads / 1e6, f"{reads} read units"),
    ]


def thousand(meter: str, price: Price, units_per_request: float, each: str) -> UsageLine:
    """One meter of a thousand requests, each of which takes so many of the price's units."""
    why = f"{each} each; {price.usd:g} USD a {price.unit}"
    return UsageLine(meter, 1000 * units_per_request * price.usd, why, price.source)
