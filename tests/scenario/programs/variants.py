"""The deployments that the scenario looks at: one pattern, three settings, the same on every target."""

from __future__ import annotations

from serverless_ai_patterns.function_llm import (
    Events,
    FunctionLlmSettings,
    FunctionSettings,
    Jwt,
    Llm,
    Sessions,
    Throttle,
    TokenBudget,
)

AUDIENCE = "chat"
# Enough for the local model's answers; timeouts are short so that a model that is down is seen quickly.
FUNCTION = FunctionSettings(timeout_s=8, memory_mb=256, log_retention_days=7)


def variants(issuer: str) -> dict[str, FunctionLlmSettings]:
    """Name -> settings. `main` has every part, `tight` small limits, `jwt` bearer tokens and no memory."""
    return {
        "main": FunctionLlmSettings(
            llm=Llm(max_output_tokens=300, guardrail=True),
            sessions=Sessions(history_turns=4, ttl_hours=1),
            throttle=Throttle(requests_per_second=500, burst=1000),
            function=FUNCTION,
            events=Events(
                schedule="rate(1 day)",
                schedule_message="Water the plants at noon. When must I water the plants?",
                bus_filter={"source": ["shop"], "detail-type": ["OrderPlaced"]},
                destination=True,
            ),
        ),
        "tight": FunctionLlmSettings(
            llm=Llm(max_output_tokens=200),
            sessions=Sessions(history_turns=0),
            budget=TokenBudget(caller_tokens_per_day=450, total_tokens_per_day=100_000),
            throttle=Throttle(requests_per_second=2, burst=4),
            function=FUNCTION,
        ),
        "jwt": FunctionLlmSettings(
            llm=Llm(max_output_tokens=300),
            auth=Jwt(issuer=issuer, audience=(AUDIENCE,)),
            throttle=Throttle(requests_per_second=500, burst=1000),
            function=FUNCTION,
        ),
    }
