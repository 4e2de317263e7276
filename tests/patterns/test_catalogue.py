"""The catalogue: one slug and one class name a pattern, everywhere."""

from __future__ import annotations

import pytest

from serverless_ai_patterns.catalogue import CATALOGUE, find
from serverless_ai_patterns.function_llm import FunctionLlmSettings


def test_a_pattern_is_found_by_its_slug() -> None:
    pattern = find("function_llm")
    assert (pattern.class_name, pattern.settings) == ("FunctionLlm", FunctionLlmSettings)
    assert pattern.settings() == FunctionLlmSettings()


@pytest.mark.parametrize("slug", ["", "functionllm", "FunctionLlm", "function-llm", "../function_llm"])
def test_an_unknown_slug_is_refused_with_those_there_are(slug: str) -> None:
    with pytest.raises(ValueError, match=r"pattern must be one of function_llm"):
        find(slug)


def test_slugs_are_unique_and_every_pattern_has_a_cloud() -> None:
    slugs = [pattern.slug for pattern in CATALOGUE]
    assert len(set(slugs)) == len(slugs)
    assert all(pattern.clouds and pattern.summary for pattern in CATALOGUE)
