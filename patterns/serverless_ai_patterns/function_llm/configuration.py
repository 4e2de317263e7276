"""Settings and the names of what was made -> what the handler reads: written once for every tool and cloud."""

from __future__ import annotations

from serverless_ai_patterns.function_llm.settings import FunctionLlmSettings
from serverless_ai_runtime.config import FunctionLlmConfig


def function_llm_config(
    settings: FunctionLlmSettings,
    *,
    model_id: str,
    store: str = "",
    destination: str = "",
    guardrail_id: str = "",
    guardrail_version: str = "",
) -> FunctionLlmConfig:
    """The handler's configuration; a name left empty means that the deployment has no such part."""
    return FunctionLlmConfig(
        model=model_id,
        system_prompt=settings.llm.system_prompt,
        max_output_tokens=settings.llm.max_output_tokens,
        context_tokens=settings.llm.context_tokens,
        history_turns=settings.sessions.history_turns,
        session_ttl_s=settings.sessions.ttl_hours * 3600,
        caller_tokens_per_day=settings.budget.caller_tokens_per_day,
        total_tokens_per_day=settings.budget.total_tokens_per_day,
        store=store,
        destination=destination,
        guardrail_id=guardrail_id,
        guardrail_version=guardrail_version,
        log_content=settings.function.log_content,
    )
