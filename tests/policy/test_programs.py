"""Every program of the repository is clean by every rule: as shipped, with every part, in a preview."""

from __future__ import annotations

import programs
import pytest
from graphs import Graph, seen

from serverless_ai_policy import RULES
from serverless_ai_policy.rule import Stack, Whole, is_one_of, wrong
from serverless_ai_policy.values import UNKNOWN, Undecided, at

CLOUDS = ("aws", "azure", "gcp")
RUNS = ("shipped", "everything", "everything-preview", "brought")


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("cloud", CLOUDS)
def test_a_program_is_clean(recorded, cloud, run):
    found = Graph.of(recorded(cloud, run)).judged()
    assert [(each.rule.id, each.resource.name, each.text) for each in found] == []


@pytest.mark.parametrize("preview", [False, True])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"processor": {"ocr": {}}, "sources": {"topic": {}, "schedule": "rate(1 day)"}},
        {"processor": {"transcribe": {}}, "sources": {"bus_filter": {"source": ["shop"]}}},
    ],
    ids=["shipped", "ocr", "transcribe"],
)
def test_the_event_pipeline_is_clean_on_aws(settings, preview):
    config = programs.shipped("aws") | programs.as_text(
        {"serverless-ai-aws:pattern": "event_pipeline", "serverless-ai-aws:settings": settings}
    )
    found = Graph.of(programs.run("aws", config, preview=preview)).judged()
    assert [(each.rule.id, each.resource.name, each.text) for each in found] == []


FORBIDDING = {
    "aws-function-url-authorised",
    "aws-no-access-key",
    "gcp-no-account-key",
    "gcp-role-additive",
}
"""Rules for what no pattern makes."""


@pytest.mark.parametrize("rule", RULES, ids=[rule.id for rule in RULES])
def test_a_rule_looks_at_something_that_the_patterns_make(recorded, rule):
    if isinstance(rule.looks, Whole):
        return
    made = {seen(one).kind for cloud in CLOUDS for one in recorded(cloud, "brought").resources}
    assert any(is_one_of(kind, rule.looks.kinds) for kind in made) != (rule.id in FORBIDDING)


@pytest.mark.parametrize("preview", [False, True])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"processor": {"ocr": {}}, "sources": {"topic": {}, "schedule": "rate(1 day)"}},
        {"processor": {"transcribe": {}}, "sources": {"bus_filter": {"source": ["shop"]}, "devices": True}},
    ],
    ids=["shipped", "ocr", "transcribe"],
)
def test_the_event_pipeline_is_clean_on_azure(settings, preview):
    config = programs.shipped("azure") | programs.as_text(
        {"serverless-ai-azure:pattern": "event_pipeline", "serverless-ai-azure:settings": settings}
    )
    found = Graph.of(programs.run("azure", config, preview=preview)).judged()
    assert [(each.rule.id, each.resource.name, each.text) for each in found] == []


@pytest.mark.parametrize("preview", [False, True])
def test_rag_is_clean_on_azure(preview):
    config = programs.shipped("azure") | {"serverless-ai-azure:pattern": "rag"}
    found = Graph.of(programs.run("azure", config, preview=preview)).judged()
    assert [(each.rule.id, each.resource.name, each.text) for each in found] == []


def test_what_a_preview_does_not_know_is_said_and_not_passed_over_in_silence(recorded):
    stack = Stack(map(seen, recorded("aws", "everything-preview").resources))
    policy = next(stack.of("aws:iam:RolePolicy"))
    assert at(policy.props, "policy") is UNKNOWN
    rule = next(rule for rule in RULES if rule.id == "aws-role-no-star-action")
    with pytest.raises(Undecided, match=r"^policy$"):
        list(wrong(rule, policy))


def test_events_without_a_bound_are_told_as_an_advice(ids):
    settings = {"events": {"bus_filter": {"source": ["shop"]}}}
    config = programs.shipped("aws") | programs.as_text({"serverless-ai-aws:settings": settings})
    found = Graph.of(programs.run("aws", config)).judged()
    assert ids(found) == {"aws-function-concurrency"}
    assert {each.rule.level for each in found} == {"advisory"}


@pytest.mark.parametrize("cloud", CLOUDS)
def test_a_rule_that_does_not_hold_is_seen_in_a_preview_too(recorded, ids, cloud):
    preview = Graph.of(recorded(cloud, "everything-preview"))
    kind, path, rule = {
        "aws": ("EventTarget", "deadLetterConfig", "aws-target-dead-letters"),
        "azure": (
            "TopicEventSubscription",
            "deadLetterWithResourceIdentity",
            "azure-subscription-dead-letters",
        ),
        "gcp": ("Subscription", "deadLetterPolicy", "gcp-subscription-dead-letters"),
    }[cloud]
    name = "-results" if cloud == "gcp" else ""
    assert ids(preview.unset(kind, path, name).judged()) == {rule}
