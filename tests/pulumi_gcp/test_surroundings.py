"""What you bring, and what Google Cloud cannot have."""

from __future__ import annotations

import pulumi
import pulumi_gcp as gcp
import pytest
from gcp_provider import PROJECT, REGION, told

from serverless_ai_patterns.function_llm import (
    Events,
    FunctionLlmSettings,
    FunctionSettings,
    Jwt,
    Llm,
    Sessions,
    TokenBudget,
)
from serverless_ai_pulumi.gcp import FunctionLlm, VpcPlacement

STATELESS = FunctionLlmSettings(
    sessions=Sessions(history_turns=0), budget=TokenBudget(caller_tokens_per_day=0, total_tokens_per_day=0)
)


KEY = f"projects/{PROJECT}/locations/{REGION}/keyRings/mine/cryptoKeys/mine"


def test_nothing_is_remembered_when_the_settings_say_so(deploy):
    recording = deploy(lambda: FunctionLlm("chat", STATELESS))
    assert recording.all("Database") == recording.all("Field") == []
    assert [each.name for each in recording.all("IAMCustomRole")] == ["chat-model"]
    assert "firestore.googleapis.com" not in {each.inputs["service"] for each in recording.all("Service")}
    assert told(recording).store == ""


def test_a_log_bucket_of_yours_is_used_and_none_is_made(deploy):
    def program():
        mine = gcp.logging.ProjectBucketConfig("mine", bucket_id="mine", project=PROJECT, location=REGION)
        assert FunctionLlm("chat", log_group=mine).log_group is mine

    recording = deploy(program)
    assert [each.name for each in recording.all("ProjectBucketConfig")] == ["mine"]
    assert recording.one("ProjectSink").inputs["destination"].endswith("/buckets/mine")


def test_a_database_of_yours_is_used_and_none_is_made(deploy):
    def program():
        mine = gcp.firestore.Database("mine", name="mine", location_id=REGION, type="FIRESTORE_NATIVE")
        assert FunctionLlm("chat", database=mine).database is mine

    recording = deploy(program)
    assert [each.name for each in recording.all("Database")] == ["mine"]
    assert recording.all("Field") == []
    assert told(recording).store == f"projects/{PROJECT}/databases/mine/documents/records"
    condition = recording.one("IAMMember", "chat-function-records").inputs["condition"]
    assert condition["expression"].endswith('/databases/mine"')


def test_a_database_that_nothing_would_be_stored_in_is_refused(deploy):
    def program():
        mine = gcp.firestore.Database("mine", name="mine", location_id=REGION, type="FIRESTORE_NATIVE")
        FunctionLlm("chat", STATELESS, database=mine)

    with pytest.raises(ValueError, match="chat: a database was given, but these settings remember nothing"):
        deploy(program)


def test_in_a_network_of_yours_every_call_leaves_from_there(deploy):
    vpc = VpcPlacement(network="mine", subnetwork="mine-ew1", tags=["chat"])
    recording = deploy(lambda: FunctionLlm("chat", vpc=vpc))
    service = recording.one("Function").inputs["serviceConfig"]
    assert service["directVpcNetworkInterfaces"] == [
        {"network": "mine", "subnetwork": "mine-ew1", "tags": ["chat"]}
    ]
    assert service["directVpcEgress"] == "VPC_EGRESS_ALL_TRAFFIC"
    assert not [each for each in recording.resources if each.type.startswith(("gcp:compute/", "gcp:vpc"))]


def test_a_key_of_yours_encrypts_all_that_is_kept(deploy, everything):
    recording = deploy(lambda: FunctionLlm("chat", everything, key=pulumi.Output.from_input(KEY)))
    assert {each.inputs["kmsKeyName"] for each in recording.all("Topic")} == {KEY}
    assert recording.one("Function").inputs["kmsKeyName"] == KEY
    assert recording.one("Repository").inputs["kmsKeyName"] == KEY
    assert recording.one("Database").inputs["cmekConfig"] == {"kmsKeyName": KEY}
    assert recording.one("Bucket").inputs["encryption"] == {"defaultKmsKeyName": KEY}
    assert recording.one("ProjectBucketConfig").inputs["cmekSettings"] == {"kmsKeyName": KEY}
    assert recording.all("CryptoKeyIAMMember") == [], "who may use your key is yours to say"


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        (FunctionLlmSettings(events=Events(schedule="at(2027-01-01T00:00:00)")), "events.schedule 'at"),
        (FunctionLlmSettings(events=Events(schedule="rate(7 minutes)")), "on Google Cloud: its times"),
        (
            FunctionLlmSettings(events=Events(bus_filter={"detail": {"n": [1]}})),
            r"events\.bus_filter\.detail",
        ),
        (FunctionLlmSettings(function=FunctionSettings(log_retention_days=3653)), "at most 3650"),
        (FunctionLlmSettings(auth=Jwt(issuer="https://a.example", audience=("a,b",))), "no comma"),
        (FunctionLlmSettings(llm=Llm(model="smal")), "did you mean small"),
    ],
)
def test_what_google_cloud_cannot_have_is_refused_before_anything_is_made(deploy, settings, complaint):
    def program():
        with pytest.raises(ValueError, match=complaint):
            FunctionLlm("chat", settings)

    assert deploy(program).resources == []
