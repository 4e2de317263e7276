"""Function + LLM: an authenticated endpoint, and events, answered by a language model."""

from serverless_ai_patterns.function_llm.settings import (
    Events,
    FunctionLlmSettings,
    Iam,
    Jwt,
    Llm,
    Sessions,
    Throttle,
    TokenBudget,
)
from serverless_ai_patterns.function_settings import FunctionSettings

__all__ = [
    "Events",
    "FunctionLlmSettings",
    "FunctionSettings",
    "Iam",
    "Jwt",
    "Llm",
    "Sessions",
    "Throttle",
    "TokenBudget",
]
