"""Every setting reaches the deployment: there is no knob that turns nothing."""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass, replace

import pytest

from serverless_ai_patterns.function_llm import Iam, Jwt
from serverless_ai_pulumi.azure import FunctionLlm, Gateway

# Another value of every field, and the resource types that must show it.
APP = "WebApp"
OTHER = {
    "llm.model": ("large", "Deployment"),
    "llm.guardrail": (False, "RaiPolicy", "Deployment"),
    "budget.total_tokens_per_day": (12345, APP, "MetricAlert"),
    "auth": (Iam(), "WebAppAuthSettingsV2", "ApiPolicy"),
    "auth.issuer": ("https://other.example.com/", "WebAppAuthSettingsV2", "ApiPolicy"),
    "auth.audience": (("someone-else",), "WebAppAuthSettingsV2", "ApiPolicy"),
    "throttle.requests_per_second": (2, APP, "ApiPolicy"),
    "throttle.burst": (4, APP, "ApiPolicy"),
    "function.memory_mb": (4096, APP),
    "function.timeout_s": (9, APP, "ScheduledQueryRule"),
    "function.max_concurrency": (2, APP),
    "function.log_retention_days": (90, "Workspace"),
    "events.bus_filter": ({"source": ["bank"]}, "TopicEventSubscription"),
    "events.destination": (False, "Queue", "RoleAssignment", APP),
}
# Fields that only the handler is told of: another value, and how it is told.
TOLD = {
    "llm.system_prompt": ("Answer in rhyme.", "SERVERLESS_AI_SYSTEM_PROMPT", "Answer in rhyme."),
    "llm.max_output_tokens": (77, "SERVERLESS_AI_MAX_OUTPUT_TOKENS", "77"),
    "llm.context_tokens": (999, "SERVERLESS_AI_CONTEXT_TOKENS", "999"),
    "sessions.history_turns": (3, "SERVERLESS_AI_HISTORY_TURNS", "3"),
    "sessions.ttl_hours": (5, "SERVERLESS_AI_SESSION_TTL_S", "18000"),
    "budget.caller_tokens_per_day": (1234, "SERVERLESS_AI_CALLER_TOKENS_PER_DAY", "1234"),
    "function.log_content": (True, "SERVERLESS_AI_LOG_CONTENT", "true"),
    "events.schedule": ("rate(2 hours)", "SERVERLESS_AI_SCHEDULE", "0 0 */2 * * *"),
    "events.schedule_message": ("Something else", "SERVERLESS_AI_SCHEDULE_MESSAGE", "Something else"),
}
GATEWAY = Gateway(publisher_email="ops@example.com", publisher_name="Ops")


def made(settings):
    return FunctionLlm("chat", settings, entra_client_id="registered", gateway=GATEWAY)


@pytest.fixture(scope="module")
def before(deploy, everything):
    return deploy(lambda: made(everything))


def test_the_table_names_every_setting(everything):
    leaves = {"auth"}
    for group in fields(everything):
        value = getattr(everything, group.name)
        assert is_dataclass(value), group.name
        leaves |= {f"{group.name}.{field.name}" for field in fields(value)}
    assert isinstance(everything.auth, Jwt), "the choice that has fields"
    assert leaves == OTHER.keys() | TOLD.keys()


@pytest.mark.parametrize("path", OTHER)
def test_a_setting_changes_what_it_is_about_and_nothing_else(deploy, before, everything, path):
    value, *expected = OTHER[path]
    changed = deploy(lambda: made(with_value(everything, path, value)))
    assert different(before, changed) == set(expected)


def test_what_the_handler_is_told_changes_its_app_and_nothing_else(deploy, before, everything, settings_of):
    settings = everything
    for path, (value, *_) in TOLD.items():
        settings = with_value(settings, path, value)
    changed = deploy(lambda: made(settings))
    assert different(before, changed) == {APP}
    then, now = settings_of(before), settings_of(changed)
    assert {name for name in then.keys() | now.keys() if then.get(name) != now.get(name)} == {
        variable for _, variable, _ in TOLD.values()
    }
    assert all(now[variable] == told for _, variable, told in TOLD.values())


def different(before, after) -> set[str]:
    """The types of the resources that are not the same."""
    return {
        type_.split(":")[-1]
        for type_, name in before.picture.keys() | after.picture.keys()
        if before.picture.get((type_, name)) != after.picture.get((type_, name))
    }


def with_value(settings, path, value):
    group, _, field = path.partition(".")
    return replace(
        settings, **{group: replace(getattr(settings, group), **{field: value}) if field else value}
    )


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("function.memory_mb", 8192),
        ("function.log_retention_days", 3653),
        ("events.schedule", "at(2030-01-01T00:00:00)"),
        ("events.bus_filter", {"account": ["1"]}),
    ],
)
@pytest.mark.parametrize("preview", [True, False])
def test_a_setting_that_azure_cannot_have_fails_the_program_already_in_a_preview(
    deploy, everything, path, value, preview
):
    with pytest.raises(ValueError, match=re.escape(path)):
        deploy(lambda: made(with_value(everything, path, value)), preview=preview)
