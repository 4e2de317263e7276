"""Every setting reaches the deployment: there is no knob that turns nothing."""

from __future__ import annotations

import pytest
from variations import different, leaves, with_value

from serverless_ai_patterns.function_llm import Iam, Jwt
from serverless_ai_pulumi.aws import FunctionLlm

# Another value of every field, and a resource type and name that must show it.
OTHER = {
    "llm.model": ("large", "Function", "RolePolicy"),
    "llm.system_prompt": ("Answer in rhyme.", "Function"),
    "llm.max_output_tokens": (77, "Function"),
    "llm.context_tokens": (999, "Function"),
    "llm.guardrail": (False, "Guardrail", "GuardrailVersion", "Function", "RolePolicy"),
    "sessions.history_turns": (3, "Function"),
    "sessions.ttl_hours": (5, "Function"),
    "budget.caller_tokens_per_day": (1234, "Function"),
    "budget.total_tokens_per_day": (12345, "Function", "MetricAlarm"),
    "auth": (Iam(), "Authorizer", "Route"),
    "auth.issuer": ("https://other.example.com/", "Authorizer"),
    "auth.audience": (("someone-else",), "Authorizer"),
    "throttle.requests_per_second": (3, "Stage"),
    "throttle.burst": (4, "Stage"),
    "function.memory_mb": (1024, "Function"),
    "function.timeout_s": (9, "Function", "MetricAlarm"),
    "function.max_concurrency": (2, "Function"),
    "function.log_retention_days": (7, "LogGroup"),
    "function.log_content": (True, "Function"),
    "events.schedule": ("rate(2 hours)", "Schedule"),
    "events.schedule_message": ("Something else", "Schedule"),
    "events.bus_filter": ({"source": ["bank"]}, "EventRule"),
    "events.destination": (False, "Queue", "QueuePolicy", "Function", "RolePolicy"),
}


def test_the_table_names_every_setting(everything):
    assert isinstance(everything.auth, Jwt), "the choice that has fields"
    assert leaves(everything) | {"auth"} == OTHER.keys()


@pytest.mark.parametrize("path", OTHER)
def test_a_setting_changes_what_it_is_about_and_nothing_else(deploy, whole, everything, path):
    value, *expected = OTHER[path]
    settings = with_value(everything, path, value)
    changed = deploy(lambda: FunctionLlm("chat", settings))
    assert different(whole, changed) == set(expected)


def test_optional_limits_are_left_to_the_account_when_unset(usual, deploy, everything):
    assert "reservedConcurrentExecutions" not in usual.one("Function").inputs
    limited = with_value(everything, "function.max_concurrency", 2)
    made = deploy(lambda: FunctionLlm("chat", limited)).one("Function")
    assert made.inputs["reservedConcurrentExecutions"] == 2
