"""What a program is warned of before anything is deployed."""

from __future__ import annotations

import pytest

from serverless_ai_patterns.function_llm import FunctionLlmSettings, Jwt, Llm
from serverless_ai_pulumi.azure import FunctionLlm

CLIENT = "11111111-2222-3333-4444-555555555555"
GONE = "o4-mini"
"""End of life 2026-11-19, by the registry."""


def test_the_usual_deployment_warns_of_nothing(usual):
    assert usual.warnings == []


@pytest.mark.parametrize("preview", [True, False])
def test_a_model_past_its_end_of_life_makes_a_warning_once(deploy, preview):
    settings = FunctionLlmSettings(llm=Llm(model=GONE))
    (warning,) = deploy(
        lambda: FunctionLlm("chat", settings, entra_client_id=CLIENT), preview=preview
    ).warnings
    assert "o4-mini@2025-04-16" in warning
    assert "end of life on 2026-11-19" in warning


def test_an_issuer_that_only_the_local_cloud_takes_makes_a_warning(deploy):
    auth = Jwt(issuer="http://127.0.0.1:4566/_local/issuer", audience=("chat",))
    (warning,) = deploy(lambda: FunctionLlm("chat", FunctionLlmSettings(auth=auth))).warnings
    assert "http://127.0.0.1:4566/_local/issuer is not https" in warning
