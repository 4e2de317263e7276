"""The tool-neutral half of the AWS rooms: statements, alarms, dashboard, guardrail, delivery."""

from __future__ import annotations

import json
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serverless_ai_patterns.aws import delivery, guardrail, observability, policy
from serverless_ai_patterns.models import Model, resolve_aws

PLACE = {"partition": "aws", "region": "eu-west-1", "account": "123456789012"}


def invoke(model: Model | str) -> list[policy.Statement]:
    found = resolve_aws(model, PLACE["region"]) if isinstance(model, str) else model
    return policy.invoke_model(found, **PLACE)


def test_a_base_model_is_one_arn_of_the_region_without_an_account():
    (statement,) = invoke("amazon.nova-lite-v1:0")
    assert statement.resources == ["arn:aws:bedrock:eu-west-1::foundation-model/amazon.nova-lite-v1:0"]
    assert not statement.conditions


def test_a_profile_is_its_own_arn_and_its_model_in_every_destination_only_through_it():
    profile, behind = invoke(Model(id="eu.a.b-v1:0", base_id="a.b-v1:0", regions=("eu-west-1", "eu-north-1")))
    arn = "arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.a.b-v1:0"
    assert profile.resources == [arn]
    assert behind.resources == [
        "arn:aws:bedrock:eu-west-1::foundation-model/a.b-v1:0",
        "arn:aws:bedrock:eu-north-1::foundation-model/a.b-v1:0",
    ]
    assert behind.conditions == {"StringEquals": {"bedrock:InferenceProfileArn": arn}}


def test_a_global_profile_also_reaches_the_arn_without_a_region():
    _, behind = invoke("global.amazon.nova-2-lite-v1:0")
    assert "arn:aws:bedrock:::foundation-model/amazon.nova-2-lite-v1:0" in behind.resources


@pytest.mark.parametrize("kind", ["provisioned-model", "custom-model-deployment", "imported-model"])
def test_a_model_given_by_arn_is_granted_as_it_is(kind):
    arn = f"arn:aws:bedrock:eu-west-1:123456789012:{kind}/abc"
    (statement,) = invoke(arn)
    assert statement.resources == [arn]


def test_a_profile_of_the_registry_given_by_arn_is_granted_as_by_its_id():
    by_id = invoke("eu.amazon.nova-micro-v1:0")
    assert invoke(by_id[0].resources[0]) == by_id


@pytest.mark.parametrize("name", ["inference-profile/abc.def", "application-inference-profile/a1b2"])
def test_models_behind_an_unknown_profile_given_by_arn_are_reached_only_through_it(name):
    arn = f"arn:aws:bedrock:eu-west-1:123456789012:{name}"
    profile, behind = invoke(arn)
    assert profile.resources == [arn]
    assert behind.conditions == {"StringEquals": {"bedrock:InferenceProfileArn": arn}}
    assert behind.sid in policy.STAR_RESOURCES
    assert behind.resources == ["arn:aws:bedrock:*::foundation-model/*"]


def test_a_document_is_iams_json_and_leaves_empty_conditions_out():
    document = policy.document(
        [policy.write_traces(), policy.use_key("arn:key", region="eu-west-1", services=["dynamodb"])]
    )
    traces, key = json.loads(json.dumps(document))["Statement"]
    assert "Condition" not in traces
    assert "dynamodb.eu-west-1.amazonaws.com" in key["Condition"]["StringEquals"]["kms:ViaService"]
    assert document["Version"] == "2012-10-17"


def test_every_star_of_the_written_list_has_a_reason_and_a_statement():
    made = [
        policy.write_logs("arn:group"),
        policy.write_traces(),
        policy.attach_to_vpc(),
        *invoke("arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/abc"),
        policy.read_uploads("arn:bucket"),
        policy.use_results("arn:bucket", ["results/"]),
        policy.use_ai("entities"),
    ]
    starred = {s.sid for s in made if any("*" in resource for resource in s.resources)}
    assert starred == policy.STAR_RESOURCES.keys()
    assert all(len(reason) > 20 for reason in policy.STAR_RESOURCES.values())


def alarms(timeout_s: int = 29, tokens_per_hour: int = 1000) -> dict[str, observability.Alarm]:
    made = observability.function_llm_alarms(
        function_name="chat",
        dead_letter_queue_name="dead",
        timeout_s=timeout_s,
        tokens_per_hour=tokens_per_hour,
    )
    assert len({alarm.name for alarm in made}) == len(made)
    return {alarm.name: alarm for alarm in made}


def test_there_are_five_alarms_with_names_of_their_own():
    assert alarms().keys() == {"Errors", "Duration", "Throttles", "DeadLetters", "Tokens"}


@given(timeout_s=st.integers(3, 29))
def test_the_duration_alarm_rings_before_the_timeout_cuts_calls_off(timeout_s):
    threshold = alarms(timeout_s=timeout_s)["Duration"].threshold
    assert 0 < threshold < timeout_s * 1000


@given(budget=st.integers(0, 10**12))
def test_the_token_alarm_rings_within_a_days_budget(budget):
    threshold = observability.alarm_tokens_per_hour(budget)
    assert threshold >= 1
    if budget >= 4:
        assert threshold * 4 <= budget


def test_a_day_without_budget_still_has_a_token_alarm():
    assert observability.alarm_tokens_per_hour(0) == 1_000_000


def test_the_dashboard_fits_the_grid_and_no_widget_covers_another():
    body = observability.function_llm_dashboard(
        region="eu-west-1",
        function_name="chat",
        api_id="api",
        stage="$default",
        dead_letter_queue_name="dead",
    )
    widgets = json.loads(json.dumps(body))["widgets"]
    cells = [
        {(x, y) for x in range(w["x"], w["x"] + w["width"]) for y in range(w["y"], w["y"] + w["height"])}
        for w in widgets
    ]
    assert all(w["x"] + w["width"] <= 24 for w in widgets)
    assert not any(one & other for one, other in combinations(cells, 2))
    assert {w["properties"]["region"] for w in widgets} == {"eu-west-1"}


def test_the_access_log_is_one_line_of_json_and_names_no_secret():
    assert "\n" not in observability.ACCESS_LOG_FORMAT
    fields = json.loads(observability.ACCESS_LOG_FORMAT)
    assert all(value.startswith("$context.") for value in fields.values())


def test_prompt_attacks_are_blocked_on_the_way_in_only_because_bedrock_takes_nothing_else():
    by_type = {one.type: one for one in guardrail.FILTERS}
    assert len(by_type) == len(guardrail.FILTERS)
    assert by_type["PROMPT_ATTACK"].output_strength == "NONE"
    assert all(one.input_strength == "HIGH" for one in guardrail.FILTERS)


def test_the_guardrails_revision_is_stable_and_short():
    assert guardrail.revision() == guardrail.revision()
    assert len(guardrail.revision()) == 8


@given(message=st.text(min_size=1, max_size=200))
def test_a_scheduled_event_is_json_whatever_the_message(message):
    event = json.loads(delivery.schedule_input(message))
    assert event == {"source": "schedule", "id": "<aws.scheduler.execution-id>", "message": message}
