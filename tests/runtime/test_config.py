"""What infrastructure writes is what the function reads; what is missing or malformed is named."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serverless_ai_runtime import config, wiring
from serverless_ai_runtime.config import ConfigError, FunctionLlmConfig, from_env, to_env

STATELESS = FunctionLlmConfig("m", "", 10, 1000, 0, 0, 0, 0, "", "", "", "", log_content=False)
LAMBDA = {
    "AWS_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "key",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_SESSION_TOKEN": "token",
}


@given(st.builds(FunctionLlmConfig))
def test_any_configuration_survives_the_environment(settings: FunctionLlmConfig) -> None:
    assert from_env(FunctionLlmConfig, to_env(settings)) == settings


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("HISTORY_TURNS", "ten", "whole number"),
        ("HISTORY_TURNS", "", "whole number"),
        ("HISTORY_TURNS", "1.5", "whole number"),
        ("LOG_CONTENT", "yes", "true or false"),
        ("LOG_CONTENT", "True", "true or false"),
    ],
)
def test_a_malformed_value_is_named_with_what_is_allowed(name: str, value: str, allowed: str) -> None:
    env = to_env(STATELESS) | {config.PREFIX + name: value}
    with pytest.raises(ConfigError, match=f"{config.PREFIX}{name} must be .*{allowed}"):
        from_env(FunctionLlmConfig, env)


def test_a_field_of_an_unknown_kind_is_an_error_and_not_a_string() -> None:
    class Odd(NamedTuple):
        number: float  # what annotations look like where they are postponed

    with pytest.raises(TypeError, match=r"NUMBER: a field must be"):
        from_env(Odd, {config.PREFIX + "NUMBER": "1.5"})


@pytest.mark.parametrize("name", FunctionLlmConfig._fields)
def test_a_missing_variable_is_named(name: str) -> None:
    env = to_env(STATELESS)
    del env[config.PREFIX + name.upper()]
    with pytest.raises(ConfigError, match=config.PREFIX + name.upper()):
        wiring.function_llm("aws", env | LAMBDA)


@pytest.mark.parametrize("name", ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
def test_what_lambda_must_give_is_named(name: str) -> None:
    with pytest.raises(ConfigError, match=name):
        wiring.function_llm("aws", {**to_env(STATELESS), **LAMBDA, name: ""})


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        (STATELESS._replace(model=""), "MODEL"),
        (STATELESS._replace(history_turns=1), "STORE"),
        (STATELESS._replace(caller_tokens_per_day=1), "STORE"),
        (STATELESS._replace(total_tokens_per_day=1), "STORE"),
        (STATELESS._replace(system_prompt="long " * 1000), "SYSTEM_PROMPT"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_configuration_that_cannot_work_fails_at_the_start(settings: FunctionLlmConfig, name: str) -> None:
    with pytest.raises(ConfigError, match=config.PREFIX + name):
        wiring.function_llm("aws", to_env(settings) | LAMBDA)


def test_an_unknown_cloud_is_an_error_with_its_name() -> None:
    with pytest.raises(ValueError, match="'moon'"):
        wiring.function_llm("moon", to_env(STATELESS))


def test_endpoints_are_the_clouds_own_unless_the_environment_says_otherwise() -> None:
    assert config.aws_endpoint("sqs", "sqs.aws", {}) == "https://sqs.aws"
    everywhere = {"AWS_ENDPOINT_URL": "http://here/"}
    assert config.aws_endpoint("sqs", "sqs.aws", everywhere) == "http://here"
    one = everywhere | {"AWS_ENDPOINT_URL_BEDROCK_RUNTIME": "http://there"}
    assert config.aws_endpoint("bedrock-runtime", "b.aws", one) == "http://there"


def test_the_world_outside_is_real() -> None:
    world = wiring.WORLD
    assert 1.7e9 < world.now() < 1e10
    assert all(0 <= world.random() < 1 for _ in range(100))
    tokens = {world.token() for _ in range(1000)}
    assert len(tokens) == 1000
    assert all(len(token) == 32 and not token.strip("0123456789abcdef") for token in tokens)
