"""Every setting reaches the deployment: there is no knob that turns nothing."""

from __future__ import annotations

import pytest
from variations import different, leaves, with_value

from serverless_ai_patterns.function_llm import Iam, Jwt

GATEWAY = ("Account", "Api", "ApiConfig", "Gateway", "ProjectExclusion", "ProjectSink", "Service")

# Another value of every field, and the resource types that must show it.
OTHER = {
    "llm.model": ("large", "Function"),
    "llm.system_prompt": ("Answer in rhyme.", "Function"),
    "llm.max_output_tokens": (77, "Function"),
    "llm.context_tokens": (999, "Function"),
    "llm.guardrail": (False, "Function"),
    "sessions.history_turns": (3, "Function"),
    "sessions.ttl_hours": (5, "Function"),
    "budget.caller_tokens_per_day": (1234, "Function"),
    "budget.total_tokens_per_day": (12345, "Function", "AlertPolicy"),
    "auth": (Iam(), *GATEWAY, "Function", "ServiceIamBinding"),
    "auth.issuer": ("https://other.example.com/", "ApiConfig"),
    "auth.audience": (("someone-else",), "ApiConfig"),
    "throttle.requests_per_second": (3, "Function"),
    "throttle.burst": (4, "Function"),
    "function.memory_mb": (1024, "Function"),
    "function.timeout_s": (9, "Function", "AlertPolicy", "ApiConfig", "Subscription"),
    "function.max_concurrency": (2, "Function"),
    "function.log_retention_days": (7, "ProjectBucketConfig"),
    "function.log_content": (True, "Function"),
    "events.schedule": ("rate(2 hours)", "Job"),
    "events.schedule_message": ("Something else", "Job"),
    "events.bus_filter": ({"source": ["bank"]}, "Subscription"),
    "events.destination": (
        False,
        "Function",
        "Subscription",
        "SubscriptionIAMMember",
        "Topic",
        "TopicIAMMember",
    ),
}


def test_the_table_names_every_setting(everything):
    assert isinstance(everything.auth, Jwt), "the choice that has fields"
    assert leaves(everything) | {"auth"} == OTHER.keys()


@pytest.mark.parametrize("path", OTHER)
def test_a_setting_changes_what_it_is_about_and_nothing_else(deploy, whole, everything, make_whole, path):
    value, *expected = OTHER[path]
    settings = with_value(everything, path, value)
    changed = deploy(lambda: make_whole(settings))
    assert different(whole, changed) == set(expected)
