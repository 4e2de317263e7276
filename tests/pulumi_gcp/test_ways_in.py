"""Gateway, events and schedule: who comes in, and where what fails ends."""

from __future__ import annotations

import base64
import json

import pytest
from gcp_provider import AGENT, PROJECT, REGION, account, edge, told

from serverless_ai_patterns.function_llm import Events, FunctionLlmSettings
from serverless_ai_patterns.gcp import events
from serverless_ai_pulumi.gcp import FunctionLlm
from serverless_ai_runtime.entrypoints import gcp_functions


def test_a_jwt_gateway_checks_issuer_and_every_audience_on_one_route(whole):
    config = whole.one("ApiConfig").inputs
    (document,) = config["openapiDocuments"]
    content = json.loads(base64.b64decode(document["document"]["contents"]))
    assert content["securityDefinitions"]["jwt"] == {
        "type": "oauth2",
        "flow": "implicit",
        "authorizationUrl": "",
        "x-google-issuer": "https://login.example.com/",
        "x-google-audiences": "chat,admin",
    }
    assert list(content["paths"]) == ["/chat"]
    assert list(content["paths"]["/chat"]) == ["post"]
    route = content["paths"]["/chat"]["post"]
    assert route["security"] == [{"jwt": []}]
    url = f"https://{whole.one('Function').physical}-x.a.run.app"
    assert route["x-google-backend"] == {
        "address": url,
        "jwt_audience": url,
        "path_translation": "APPEND_PATH_TO_ADDRESS",
        "deadline": 30.0,
    }
    caller = account(whole, "gateway")
    assert config["gatewayConfig"]["backendConfig"]["googleServiceAccount"] == caller
    assert edge(whole).gateway == f"unique-id-of-{whole.one('Account', 'chat-gateway').physical}"


def test_without_jwt_there_is_no_gateway_and_nobodys_word_on_a_caller_counts(usual):
    assert not [each for each in usual.resources if each.type.startswith("gcp:apigateway/")]
    assert edge(usual).gateway == edge(usual).deliverer == ""


def test_an_issuer_without_discovery_names_its_keys(deploy, everything):
    recording = deploy(lambda: FunctionLlm("chat", everything, jwks_uri="https://login.example.com/keys"))
    (document,) = recording.one("ApiConfig").inputs["openapiDocuments"]
    content = json.loads(base64.b64decode(document["document"]["contents"]))
    jwt = content["securityDefinitions"]["jwt"]
    assert jwt["x-google-jwks_uri"] == "https://login.example.com/keys"


def test_a_gateway_may_be_in_another_region(deploy, everything):
    recording = deploy(lambda: FunctionLlm("chat", everything, gateway_region="europe-west2"))
    assert recording.one("Gateway").inputs["region"] == "europe-west2"
    assert recording.one("Function").inputs["location"] == REGION


@pytest.mark.parametrize("name", ["chat-rule", "chat-scheduled-push"])
def test_an_event_is_pushed_with_a_token_retried_and_then_kept(whole, name):
    made = whole.one("Subscription", name).inputs
    url = f"https://{whole.one('Function').physical}-x.a.run.app"
    assert made["pushConfig"] == {
        "pushEndpoint": f"{url}/events",
        "oidcToken": {"serviceAccountEmail": account(whole, "deliverer"), "audience": url},
    }
    assert url + gcp_functions.EVENTS == made["pushConfig"]["pushEndpoint"], (
        "where the handler expects events"
    )
    assert made["retryPolicy"] == {"minimumBackoff": "10s", "maximumBackoff": "600s"}
    assert 10 <= made["ackDeadlineSeconds"] == 29 + events.REPLY_S <= 600
    assert edge(whole).deliverer == f"unique-id-of-{whole.one('Account', 'chat-deliverer').physical}"


def test_dead_letters_have_both_grants_without_which_they_stay_in_silence(whole):
    dead = whole.one("Topic", "chat-dead-letters").physical
    publisher = whole.one("TopicIAMMember", "chat-dead-letters-agent").inputs
    assert publisher == {"topic": dead, "role": "roles/pubsub.publisher", "member": AGENT}
    ending = [each for each in whole.all("Subscription") if "deadLetterPolicy" in each.inputs]
    assert {each.name for each in ending} == {"chat-rule", "chat-scheduled-push", "chat-results"}
    for each in ending:
        assert each.inputs["deadLetterPolicy"] == {
            "deadLetterTopic": f"projects/{PROJECT}/topics/{dead}",
            "maxDeliveryAttempts": 5,
        }
        subscriber = whole.one("SubscriptionIAMMember", f"{each.name}-agent").inputs
        assert subscriber == {
            "subscription": each.physical,
            "role": "roles/pubsub.subscriber",
            "member": AGENT,
        }


def test_dead_letters_wait_two_weeks_and_no_subscription_expires(whole):
    waiting = whole.one("Subscription", "chat-dead-letters-waiting").inputs
    assert waiting["topic"].endswith(whole.one("Topic", "chat-dead-letters").physical)
    assert waiting["messageRetentionDuration"] == "1209600s"
    assert {each.inputs["expirationPolicy"]["ttl"] for each in whole.all("Subscription")} == {""}


def test_the_function_gives_up_before_pubsub_does_and_says_why(whole):
    assert edge(whole).dead_letters.endswith(f"/{whole.one('Topic', 'chat-dead-letters').physical}")
    assert edge(whole).max_deliveries == events.DELIVERIES < events.ATTEMPTS


def test_only_events_that_match_are_delivered(whole):
    rule = whole.one("Subscription", "chat-rule").inputs
    assert rule["filter"] == (
        'attributes.source = "shop" AND (attributes.type = "OrderPlaced" OR attributes.type = "OrderPaid")'
    )
    assert rule["topic"].endswith(whole.one("Topic", "chat-events").physical)


def test_the_schedule_publishes_its_message_to_a_topic_that_is_its_own(whole):
    job = whole.one("Job").inputs
    assert (job["schedule"], job["timeZone"], job["region"]) == ("0 0 * * *", "Etc/UTC", REGION)
    target = job["pubsubTarget"]
    assert json.loads(base64.b64decode(target["data"])) == {
        "source": "schedule",
        "message": "Write today's summary.",
    }
    assert target["topicName"].endswith(whole.one("Topic", "chat-scheduled").physical)
    assert whole.one("Subscription", "chat-scheduled-push").inputs["topic"] == target["topicName"]


def test_results_are_published_and_wait_to_be_fetched(whole):
    results = whole.one("Topic", "chat-results").physical
    assert told(whole).destination == f"projects/{PROJECT}/topics/{results}"
    waiting = whole.one("Subscription", "chat-results").inputs
    assert waiting["topic"] == told(whole).destination
    assert "pushConfig" not in waiting


@pytest.mark.parametrize("events_", [Events(schedule="rate(1 day)"), Events(bus_filter={"source": ["shop"]})])
def test_one_way_in_makes_nothing_of_the_other(deploy, events_):
    recording = deploy(lambda: FunctionLlm("chat", FunctionLlmSettings(events=events_)))
    scheduled = events_.schedule is not None
    assert len(recording.all("Job")) == scheduled
    pushes = [each.name for each in recording.all("Subscription") if "pushConfig" in each.inputs]
    assert pushes == (["chat-scheduled-push"] if scheduled else ["chat-rule"])
    assert len(recording.all("Topic")) == 2


def test_without_events_there_is_no_pubsub(usual):
    assert not [each for each in usual.resources if each.type.startswith(("gcp:pubsub/", "gcp:cloudsch"))]


def test_results_alone_need_no_one_who_delivers(deploy):
    settings = FunctionLlmSettings(events=Events(destination=True))
    recording = deploy(lambda: FunctionLlm("chat", settings))
    assert {each.name for each in recording.all("Account")} == {"chat-function", "chat-build"}
    assert edge(recording).dead_letters == ""
