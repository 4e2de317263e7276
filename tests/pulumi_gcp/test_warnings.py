"""What a program is warned of before anything is deployed."""

from __future__ import annotations

import pytest

from serverless_ai_patterns.function_llm import FunctionLlmSettings, Jwt, Llm
from serverless_ai_pulumi.gcp import FunctionLlm

GONE = "gemini-2.5-flash"
"""End of life 2026-10-20, by the registry."""


def test_the_usual_deployment_warns_of_nothing(usual):
    assert usual.warnings == []


@pytest.mark.parametrize("preview", [True, False])
@pytest.mark.parametrize("model", [GONE, f"europe-west1/{GONE}"])
def test_a_model_past_its_end_of_life_makes_a_warning_once(deploy, model, preview):
    settings = FunctionLlmSettings(llm=Llm(model=model))
    (warning,) = deploy(lambda: FunctionLlm("chat", settings), preview=preview).warnings
    assert GONE in warning
    assert "end of life on 2026-10-20" in warning


def test_an_issuer_that_only_the_local_cloud_takes_makes_a_warning(deploy):
    auth = Jwt(issuer="http://127.0.0.1:4566/_local/issuer", audience=("chat",))
    (warning,) = deploy(lambda: FunctionLlm("chat", FunctionLlmSettings(auth=auth))).warnings
    assert "http://127.0.0.1:4566/_local/issuer is not https" in warning
