"""What the handler of Function + LLM is told, the same on every cloud but for names and places."""

from __future__ import annotations

from serverless_ai_patterns.function_llm.settings import FunctionLlmSettings
from serverless_ai_runtime.config import FunctionLlmConfig


def handler_config(
    settings: FunctionLlmSettings,
    *,
    model: str,
    model_endpoint: str = "",
    store: str = "",
    destination: str = "",
    guardrail_id: str = "",
    guardrail_version: str = "",
) -> FunctionLlmConfig:
    """The handler's configuration. Names and URLs may be a tool's tokens; an empty string is "not made"."""
    return FunctionLlmConfig(
        model=model,
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
        model_endpoint=model_endpoint,
    )
