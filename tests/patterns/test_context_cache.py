"""A context cache that has to be asked for: of models that take the question, and of no others."""

from __future__ import annotations

import pytest

from serverless_ai_patterns.rag import Answers, RagSettings
from serverless_ai_patterns.rag.handler import query_config
from serverless_ai_runtime.config_rag import RagQueryConfig


def config(model: str, *, asked: bool) -> RagQueryConfig:
    return query_config(RagSettings(answers=Answers(context_cache=asked)), [], model=model, store="records")


@pytest.mark.parametrize(
    "model",
    [
        "us.amazon.nova-micro-v1:0",
        "anthropic.claude-sonnet-5-5",
        "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-haiku-5-5",
    ],
)
def test_claude_and_nova_can_be_asked(model: str) -> None:
    assert config(model, asked=True).context_cache is True
    assert config(model, asked=False).context_cache is False


@pytest.mark.parametrize("model", ["meta.llama3-1-8b-instruct-v1:0", "gpt-5.4-nano", "gemini-3.5-flash-lite"])
def test_others_are_refused_with_what_is_allowed(model: str) -> None:
    with pytest.raises(ValueError, match=r"Answers\.context_cache must be False with the model") as caught:
        config(model, asked=True)
    assert "amazon.nova- or anthropic.claude-" in str(caught.value)
    assert "keep it by themselves" in str(caught.value)
    assert config(model, asked=False).context_cache is False
