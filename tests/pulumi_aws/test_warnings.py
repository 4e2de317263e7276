"""What a program is warned of before anything is deployed."""

from __future__ import annotations

from datetime import date

import pulumi
import pytest

from serverless_ai_patterns.function_llm import FunctionLlmSettings, Jwt, Llm
from serverless_ai_patterns.models import Model
from serverless_ai_pulumi._model_life import warn_of_old_model
from serverless_ai_pulumi.aws import FunctionLlm

GONE = "anthropic.claude-sonnet-4-20250514-v1:0"
"""End of life 2026-10-14, by the registry."""


def test_the_usual_deployment_warns_of_nothing(usual):
    assert usual.warnings == []


@pytest.mark.parametrize("preview", [True, False])
def test_a_model_past_its_end_of_life_makes_a_warning_once(deploy, preview):
    settings = FunctionLlmSettings(llm=Llm(model=GONE))
    (warning,) = deploy(lambda: FunctionLlm("chat", settings), preview=preview).warnings
    assert GONE in warning
    assert "end of life on 2026-10-14" in warning


@pytest.mark.parametrize(
    ("today", "warned"), [("2027-02-28", False), ("2027-03-01", True), ("2030-01-01", True)]
)
def test_the_warning_starts_on_the_last_day(deploy, today, warned):
    model = Model(id="some.model", base_id="some.model", end_of_life="2027-03-01")

    def program():
        component = pulumi.ComponentResource("test:index:Thing", "thing")
        warn_of_old_model(component, model, date.fromisoformat(today))

    assert bool(deploy(program).warnings) is warned


def test_a_model_without_an_end_makes_no_warning(deploy):
    def program():
        component = pulumi.ComponentResource("test:index:Thing", "thing")
        warn_of_old_model(component, Model(id="some.model", base_id="some.model"), date.max)

    assert deploy(program).warnings == []


def test_an_issuer_that_only_the_local_cloud_takes_makes_a_warning(deploy):
    auth = Jwt(issuer="http://127.0.0.1:4566/_local/issuer", audience=("chat",))
    (warning,) = deploy(lambda: FunctionLlm("chat", FunctionLlmSettings(auth=auth))).warnings
    assert "http://127.0.0.1:4566/_local/issuer is not https" in warning
