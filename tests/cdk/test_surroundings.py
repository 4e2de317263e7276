"""FunctionLlm beside others, under odd names, with settings that deserve a warning."""

from __future__ import annotations

import re
from datetime import date

import pytest
from aws_cdk import Stack

from serverless_ai_cdk import FunctionLlm
from serverless_ai_cdk._model import warn_of_old_model
from serverless_ai_patterns.function_llm import FunctionLlmSettings, Jwt
from serverless_ai_patterns.models import Model

HOSTILE = ["日本", "a b/../$", "x" * 240, "'; DROP TABLE--", "Default", "Resource", "Ünï", "9", "${Token}"]
OLD = Model(id="old.model-v1:0", base_id="old.model-v1:0", end_of_life="2026-10-14")


def test_two_patterns_in_one_stack_share_nothing_but_the_code(make, default, everything_settings):
    made = make(name="One")
    FunctionLlm(made.stack, "Two", everything_settings)
    template = made.synth()
    one, two = template.resources("AWS::Lambda::Function").values()
    assert one["Properties"]["Role"] != two["Properties"]["Role"]
    assert one["Properties"]["Code"] == two["Properties"]["Code"]
    assert len(template.all("AWS::ApiGatewayV2::Api")) == 2
    assert len(template.all("AWS::DynamoDB::Table")) == 2


def test_two_patterns_of_one_name_are_refused(make):
    made = make(name="Chat")
    with pytest.raises(RuntimeError, match="already a Construct with name 'Chat'"):
        FunctionLlm(made.stack, "Chat")


@pytest.mark.parametrize("name", HOSTILE)
def test_any_name_gives_a_valid_template(make, everything, everything_settings, name):
    template = make(everything_settings, name=name).synth()
    assert all(re.fullmatch(r"[A-Za-z0-9]{1,255}", logical_id) for logical_id in template.resources())
    assert len(template.resources()) == len(everything.resources())
    guardrail = template.one("AWS::Bedrock::Guardrail")["Name"]
    assert re.fullmatch(r"[0-9a-zA-Z-_]{1,50}", guardrail)
    api = template.one("AWS::ApiGatewayV2::Api")["Name"]
    assert re.fullmatch(r"[0-9a-zA-Z-_]{1,128}", api)


def test_guardrails_of_two_stacks_do_not_share_a_name(make, new_stack, everything_settings):
    first = new_stack()
    second = Stack(first.node.root, "Other")
    names = {
        make(everything_settings, stack=stack).synth().one("AWS::Bedrock::Guardrail")["Name"]
        for stack in (first, second)
    }
    assert len(names) == 2


def test_every_resource_made_is_an_attribute(make, everything_settings):
    pattern = make(everything_settings).pattern
    names = (
        "function role log_group api stage table dead_letters destination guardrail guardrail_version "
        "schedule rule dashboard alarms endpoint"
    )
    assert all(getattr(pattern, name) for name in names.split())
    assert len(pattern.alarms) == 5


def test_what_the_settings_do_not_ask_for_is_none(make):
    pattern = make().pattern
    for name in ("destination", "guardrail", "guardrail_version", "schedule", "rule"):
        assert getattr(pattern, name) is None


def test_an_issuer_without_tls_is_warned_of(make):
    made = make(FunctionLlmSettings(auth=Jwt(issuer="http://127.0.0.1:4566/_local/issuer", audience=("a",))))
    (warning,) = made.warnings()
    assert "http://127.0.0.1:4566/_local/issuer is not https" in warning


def test_the_default_and_everything_warn_of_nothing(make, everything_settings):
    assert make().warnings() == []
    assert make(everything_settings).warnings() == []


@pytest.mark.parametrize(("day", "warned"), [(13, False), (14, True), (15, True)])
def test_a_model_past_its_end_of_life_is_warned_of_from_that_day_on(make, day, warned):
    made = make()
    warn_of_old_model(made.pattern, OLD, date(2026, 10, day))
    expected = "Model old.model-v1:0 reached its end of life on 2026-10-14"
    assert [warning.startswith(expected) for warning in made.warnings()] == [True] * warned
