"""Settings as plain data: round trip, and refusals that say where and what is allowed."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serverless_ai_patterns.function_llm import (
    Events,
    FunctionLlmSettings,
    FunctionSettings,
    Iam,
    Jwt,
    Llm,
    Sessions,
    Throttle,
    TokenBudget,
)
from serverless_ai_patterns.function_llm.settings import SYSTEM_PROMPT_BYTES
from serverless_ai_patterns.function_settings import LOG_RETENTION_DAYS
from serverless_ai_patterns.settings import from_mapping, to_mapping
from serverless_ai_runtime.config import FunctionLlmConfig, to_env

words = st.text(min_size=1, max_size=40)
audiences = st.lists(words, min_size=1, max_size=3).map(tuple)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | words, lambda v: st.lists(v) | st.dictionaries(words, v)
)
any_settings = st.builds(
    FunctionLlmSettings,
    llm=st.builds(
        Llm,
        model=words.filter(str.strip),
        system_prompt=st.text(max_size=200),
        max_output_tokens=st.integers(1, 128_000),
        context_tokens=st.integers(256, 1_000_000),
        guardrail=st.booleans(),
    ),
    sessions=st.builds(Sessions, history_turns=st.integers(0, 100), ttl_hours=st.integers(1, 8760)),
    budget=st.builds(TokenBudget, caller_tokens_per_day=st.integers(0, 10**12)),
    auth=st.just(Iam()) | st.builds(Jwt, issuer=st.just("https://issuer.example/a"), audience=audiences),
    throttle=st.builds(Throttle, requests_per_second=st.integers(1, 10_000), burst=st.integers(1, 5_000)),
    function=st.builds(
        FunctionSettings,
        max_concurrency=st.none() | st.integers(1, 1000),
        log_retention_days=st.sampled_from(LOG_RETENTION_DAYS),
        log_content=st.booleans(),
    ),
    events=st.builds(
        Events,
        schedule=st.none() | st.just("rate(1 hour)"),
        bus_filter=st.none() | st.dictionaries(words, json_values, min_size=1, max_size=3),
        destination=st.booleans(),
    ),
)


@given(any_settings)
def test_settings_survive_the_way_through_json(settings: FunctionLlmSettings) -> None:
    written = json.loads(json.dumps(to_mapping(settings)))
    assert from_mapping(FunctionLlmSettings, written) == settings


def test_an_empty_mapping_is_the_default() -> None:
    assert from_mapping(FunctionLlmSettings, {}) == FunctionLlmSettings()


def test_what_is_not_named_keeps_its_default() -> None:
    settings = from_mapping(
        FunctionLlmSettings, {"llm": {"model": "large"}, "sessions": {"history_turns": 0}}
    )
    assert settings == FunctionLlmSettings(llm=Llm(model="large"), sessions=Sessions(history_turns=0))


def test_the_kind_of_authorisation_is_the_key() -> None:
    jwt = {"jwt": {"issuer": "https://issuer.example", "audience": ["a", "b"]}}
    settings = from_mapping(FunctionLlmSettings, {"auth": jwt})
    assert settings.auth == Jwt(issuer="https://issuer.example", audience=("a", "b"))
    assert from_mapping(FunctionLlmSettings, {"auth": {"iam": {}}}).auth == Iam()


JWT = {"issuer": "https://issuer.example", "audience": ["a"]}
REFUSED: list[tuple[Any, str]] = [
    ({"lm": {}}, "settings.lm is not a setting, did you mean llm?"),
    ({"llm": {"modle": "small"}}, "settings.llm.modle is not a setting, did you mean model?"),
    ({"llm": {"xyz": 1}}, "allowed: model, system_prompt, max_output_tokens, context_tokens, guardrail"),
    ({3: {}}, "settings.3 is not a setting"),
    ({"llm": {"model": 5}}, "settings.llm.model must be text, got 5"),
    ({"llm": {"model": None}}, "settings.llm.model must be text, got None"),
    ({"llm": {"model": "  "}}, "settings.llm.model must be a model alias or id"),
    ({"llm": {"guardrail": "yes"}}, "settings.llm.guardrail must be true or false, got 'yes'"),
    ({"llm": {"max_output_tokens": 0}}, "settings.llm.max_output_tokens must be 1 to 128000, got 0"),
    ({"llm": {"max_output_tokens": 1.5}}, "settings.llm.max_output_tokens must be a whole number, got 1.5"),
    ({"llm": {"max_output_tokens": True}}, "settings.llm.max_output_tokens must be a whole number, got True"),
    ({"llm": {"max_output_tokens": "1024"}}, "must be a whole number, got '1024'"),
    ({"llm": {"system_prompt": "é" * SYSTEM_PROMPT_BYTES}}, "settings.llm.system_prompt must be at most"),
    ({"llm": None}, "settings.llm must be a mapping, got None"),
    ({"llm": ["model"]}, "settings.llm must be a mapping, got ['model']"),
    ({"auth": "iam"}, "settings.auth must be a mapping, got 'iam'"),
    ({"auth": {}}, "settings.auth must have exactly one key of iam, jwt; got none"),
    ({"auth": {"iam": {}, "jwt": JWT}}, "settings.auth must have exactly one key of iam, jwt"),
    ({"auth": {"jwtt": JWT}}, "settings.auth.jwtt is not a choice, did you mean jwt? allowed: iam, jwt"),
    ({"auth": {"iam": {"user": "x"}}}, "settings.auth.iam.user is not a setting; allowed: nothing"),
    ({"auth": {"jwt": {"audience": ["a"]}}}, "settings.auth.jwt.issuer is missing"),
    (
        {"auth": {"jwt": JWT | {"audience": "a"}}},
        "settings.auth.jwt.audience must be a tuple of text, got 'a'",
    ),
    ({"auth": {"jwt": JWT | {"audience": [1]}}}, "settings.auth.jwt.audience must be a tuple of text"),
    ({"auth": {"jwt": JWT | {"audience": []}}}, "settings.auth.jwt.audience must be a tuple of at least one"),
    (
        {"auth": {"jwt": JWT | {"audience": [""]}}},
        "settings.auth.jwt.audience must be a tuple of at least one",
    ),
    (
        {"auth": {"jwt": JWT | {"issuer": "http://issuer.example"}}},
        "settings.auth.jwt.issuer must be an https://",
    ),
    ({"auth": {"jwt": JWT | {"issuer": "http://localhost.evil.example"}}}, "must be an https:// URL"),
    ({"auth": {"jwt": JWT | {"issuer": "https://"}}}, "must be an https:// URL"),
    ({"function": {"log_retention_days": 31}}, "settings.function.log_retention_days must be one of"),
    ({"function": {"timeout_s": 30}}, "settings.function.timeout_s must be 3 to 29, got 30"),
    ({"function": {"max_concurrency": 0}}, "settings.function.max_concurrency must be 1 to 1000, got 0"),
    ({"function": {"max_concurrency": "9"}}, "max_concurrency must be a whole number or null, got '9'"),
    (
        {"events": {"schedule": "every day"}},
        "settings.events.schedule must be rate(...), cron(...) or at(...)",
    ),
    ({"events": {"bus_filter": {}}}, "settings.events.bus_filter must be a non-empty event pattern"),
    (
        {"events": {"bus_filter": {1: 2}}},
        "settings.events.bus_filter must be a mapping with text keys or null",
    ),
    ({"events": {"schedule_message": ""}}, "settings.events.schedule_message must be 1 to 8192 characters"),
    ([], "settings must be a mapping, got []"),
]


@pytest.mark.parametrize(("data", "message"), REFUSED)
def test_a_refusal_says_where_and_what_is_allowed(data: Any, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        from_mapping(FunctionLlmSettings, data)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | words,
        lambda v: (
            st.dictionaries(st.sampled_from(["llm", "auth", "iam", "model", "burst"]) | words, v)
            | st.lists(v)
        ),
    )
)
def test_any_plain_data_is_read_or_refused_with_a_path(data: Any) -> None:
    assert outcome(data).startswith(("FunctionLlmSettings(", "settings"))


def outcome(data: Any) -> str:
    try:
        return repr(from_mapping(FunctionLlmSettings, data))
    except ValueError as error:
        return str(error)


def test_settings_made_in_python_are_checked_too() -> None:
    with pytest.raises(ValueError, match=r"FunctionLlmSettings.llm must be Llm, got 'small'"):
        FunctionLlmSettings(llm="small")  # pyright: ignore[reportArgumentType]


def test_settings_are_frozen_and_take_no_positions() -> None:
    with pytest.raises(AttributeError):
        Llm().model = "large"  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(TypeError):
        Llm("large")  # pyright: ignore[reportCallIssue]


@pytest.mark.parametrize(
    ("changed", "needed"),
    [
        ({}, True),
        ({"sessions": {"history_turns": 0}}, True),
        ({"budget": {"caller_tokens_per_day": 0, "total_tokens_per_day": 0}}, True),
        (
            {
                "sessions": {"history_turns": 0},
                "budget": {"caller_tokens_per_day": 0, "total_tokens_per_day": 0},
            },
            False,
        ),
        (
            {
                "sessions": {"history_turns": 0},
                "budget": {"caller_tokens_per_day": 0, "total_tokens_per_day": 0},
                "events": {"schedule": "rate(1 day)"},
            },
            True,
        ),
    ],
)
def test_a_store_is_needed_exactly_when_something_is_remembered(changed: Any, needed: bool) -> None:
    assert from_mapping(FunctionLlmSettings, changed).needs_store is needed


def test_the_longest_settings_fit_into_the_environment_of_a_lambda_function() -> None:
    arn = "arn:aws-us-gov:bedrock:us-gov-east-1:123456789012:application-inference-profile/" + "a" * 64
    queue = "https://sqs.us-gov-east-1.amazonaws.com/123456789012/" + "q" * 80
    number = 10**12
    config = FunctionLlmConfig(
        arn,
        "x" * SYSTEM_PROMPT_BYTES,
        number,
        number,
        number,
        number,
        number,
        number,
        "t" * 255,
        queue,
        "g" * 64,
        "1",
        False,
    )
    assert sum(len(name) + len(value.encode()) for name, value in to_env(config).items()) < 4096
