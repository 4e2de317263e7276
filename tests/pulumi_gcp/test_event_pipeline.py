"""EventPipeline on Google Cloud: what is made, who may do what, and how a message can get lost nowhere."""

from __future__ import annotations

import json

import pytest

from serverless_ai_patterns.event_pipeline import (
    Entities,
    EventPipelineSettings,
    ImageLabels,
    Moderate,
    Ocr,
    Sources,
    Transcribe,
    WorkerSettings,
)
from serverless_ai_patterns.gcp import ai
from serverless_ai_patterns.gcp import event_pipeline as shared
from serverless_ai_pulumi.gcp import EventPipeline
from serverless_ai_runtime.config import from_env
from serverless_ai_runtime.config_event_pipeline import EventPipelineConfig, GcpPipelineEdge


def variables(recording):
    return recording.one("Function").inputs["serviceConfig"]["environmentVariables"]


def test_the_function_is_told_where_everything_is(whole_pipeline):
    told = from_env(EventPipelineConfig, variables(whole_pipeline))
    buckets = {each.name: each.physical for each in whole_pipeline.all("Bucket")}
    assert (told.inputs, told.results) == (buckets["docs-uploads"], buckets["docs-results"])
    topics = {each.name: each.physical for each in whole_pipeline.all("Topic")}
    for field in ("queue", "announcements", "dead_letters"):
        assert getattr(told, field).endswith("/topics/" + topics[f"docs-{field.replace('_', '-')}"])
    assert told.model_endpoint.startswith("projects/")
    edge = from_env(GcpPipelineEdge, variables(whole_pipeline))
    assert (edge.upload_prefix, json.loads(edge.upload_suffixes)) == ("in/", [".txt", ".pdf"])
    assert edge.upload_max_bytes == 5 * 1024 * 1024
    assert edge.deliverer == "unique-id-of-" + whole_pipeline.one("Account", "docs-deliverer").physical
    assert edge.waiting.endswith(whole_pipeline.one("Subscription", "docs-waiting").physical)


def test_every_subscription_has_dead_letters_and_hears_of_the_handlers_own_first(whole_pipeline):
    for each in whole_pipeline.all("Subscription"):
        if each.name == "docs-dead-letters-waiting":
            continue
        policy = each.inputs["deadLetterPolicy"]
        assert policy["deadLetterTopic"].endswith(whole_pipeline.one("Topic", "docs-dead-letters").physical)
        assert policy["maxDeliveryAttempts"] > WorkerSettings().max_attempts
        grants = whole_pipeline.all("SubscriptionIAMMember")
        agents = [one for one in grants if one.inputs["subscription"] == each.physical]
        assert any("gcp-sa-pubsub" in one.inputs["member"] or "agent" in one.name for one in agents)
    (publisher,) = [
        one for one in whole_pipeline.all("TopicIAMMember") if one.name == "docs-dead-letters-agent"
    ]
    assert publisher.inputs["role"] == "roles/pubsub.publisher"


def test_a_delivery_has_time_for_the_whole_invocation_and_never_more_than_pubsub_allows(deploy):
    def program():
        EventPipeline("docs", EventPipelineSettings(function=WorkerSettings(timeout_s=540)))

    made = deploy(program).one("Subscription", "docs-work").inputs
    assert 540 < made["ackDeadlineSeconds"] <= 600


def test_uploads_come_by_eventarc_to_the_functions_ingress_as_the_deliverer(whole_pipeline):
    upload = whole_pipeline.one("Trigger", "docs-upload").inputs
    criteria = {one["attribute"]: one["value"] for one in upload["matchingCriterias"]}
    assert criteria == {
        "type": "google.cloud.storage.object.v1.finalized",
        "bucket": whole_pipeline.one("Bucket", "docs-uploads").physical,
    }
    assert upload["destination"]["cloudRunService"]["path"] == "/ingress/upload"
    assert upload["serviceAccount"].startswith(whole_pipeline.one("Account", "docs-deliverer").physical)
    audit = whole_pipeline.one("Trigger", "docs-audit").inputs
    assert {one["attribute"] for one in audit["matchingCriterias"]} == {"type", "serviceName", "methodName"}
    roles = {one.inputs["role"] for one in whole_pipeline.all("IAMMember")}
    assert {"roles/eventarc.eventReceiver", "roles/pubsub.publisher"} <= roles


def test_only_the_deliverer_may_call_the_function(usual_pipeline):
    members = usual_pipeline.one("ServiceIamBinding").inputs["members"]
    (member,) = members
    assert usual_pipeline.one("Account", "docs-deliverer").physical in member


def test_the_function_may_read_uploads_write_results_and_publish_to_three_topics(usual_pipeline):
    roles = {each.name: each.inputs["permissions"] for each in usual_pipeline.all("IAMCustomRole")}
    assert roles == {
        "docs-model": ["aiplatform.endpoints.predict"],
        "docs-records": ["datastore.entities.get", "datastore.entities.create", "datastore.entities.update"],
        "docs-read-objects": ["storage.objects.get", "storage.objects.list"],
        "docs-write-objects": [
            *("storage.objects.get", "storage.objects.list"),
            *("storage.objects.create", "storage.objects.delete"),
        ],
    }
    buckets = {each.inputs["bucket"]: each.inputs["role"] for each in usual_pipeline.all("BucketIAMMember")}
    physical = {use: usual_pipeline.one("Bucket", f"docs-{use}").physical for use in ("uploads", "results")}
    assert buckets.keys() == set(physical.values())
    assert "read_objects" in buckets[physical["uploads"]]
    own = [one.name for one in usual_pipeline.all("TopicIAMMember") if one.name.startswith("docs-function")]
    assert sorted(own) == [f"docs-function-{use}" for use in ("announcements", "dead-letters", "queue")]


def test_a_processor_that_asks_no_model_has_no_right_to_ask_one(deploy, tmp_path):
    from serverless_ai_patterns.event_pipeline import Custom

    (tmp_path / "own.py").write_text("def process(item): return {}\n")
    settings = EventPipelineSettings(processor=Custom(file=str(tmp_path / "own.py")))
    made = deploy(lambda: EventPipeline("docs", settings))
    assert "docs-model" not in {each.name for each in made.all("IAMCustomRole")}
    assert from_env(EventPipelineConfig, variables(made)).processor == "custom"


def test_buckets_are_private_and_documents_are_not_destroyed_by_accident(usual_pipeline, whole_pipeline):
    for each in (*usual_pipeline.all("Bucket"), *whole_pipeline.all("Bucket")):
        assert each.inputs["publicAccessPrevention"] == "enforced"
        assert each.inputs["uniformBucketLevelAccess"] is True
    for use in ("uploads", "results"):
        assert not usual_pipeline.one("Bucket", f"docs-{use}").inputs["forceDestroy"]
        assert whole_pipeline.one("Bucket", f"docs-{use}").inputs["forceDestroy"]
    (rule,) = whole_pipeline.one("Bucket", "docs-results").inputs["lifecycleRules"]
    assert rule["condition"]["age"] == 30
    assert "lifecycleRules" not in usual_pipeline.one("Bucket", "docs-results").inputs


def test_a_topic_can_be_shared_and_is_refused_where_nothing_is_taken_from_it(deploy):
    both = Sources(uploads=None, topic={"kind": ["a"]})

    def program():
        first = EventPipeline("one", EventPipelineSettings(sources=both))
        EventPipeline("two", EventPipelineSettings(sources=both), topic=first.topic)

    made = deploy(program)
    assert [each.name for each in made.all("Topic") if each.name.endswith("-topic")] == ["one-topic"]
    rules = [each for each in made.all("Subscription") if each.name.endswith("topic-rule")]
    assert len({each.inputs["topic"] for each in rules}) == 1
    assert {each.inputs["filter"] for each in rules} == {'attributes.kind = "a"'}

    def wrong():
        first = EventPipeline("one", EventPipelineSettings(sources=both))
        EventPipeline("two", topic=first.topic)

    with pytest.raises(ValueError, match="a topic was given, but these settings take nothing from it"):
        deploy(wrong)


@pytest.mark.parametrize(
    ("sources", "words"),
    [
        (Sources(devices=True), "Sources.devices must be left out on Google Cloud"),
        (Sources(topic={"kind": ["x" * 300]}), "Sources.topic is too long: Pub/Sub takes 256 bytes"),
        (Sources(schedule="at(2026-11-24T12:00:00)"), "Google Cloud"),
        (Sources(bus_filter={"detail": {"n": [1]}}), "cannot be matched on Google Cloud"),
    ],
)
def test_what_google_cloud_cannot_have_is_refused_by_name(deploy, sources, words):
    with pytest.raises(ValueError, match=words):
        deploy(lambda: EventPipeline("docs", EventPipelineSettings(sources=sources)))


def test_instances_work_on_as_many_items_as_are_allowed_at_once(usual_pipeline, every_source, whole_pipeline):
    service = usual_pipeline.one("Function").inputs["serviceConfig"]
    assert (service["maxInstanceCount"], service["maxInstanceRequestConcurrency"]) == (10, 1)
    assert whole_pipeline.one("Function").inputs["serviceConfig"]["maxInstanceCount"] == 1
    assert shared.instances(every_source) == 1


def test_documents_come_by_a_pattern_of_their_path_in_the_given_database(deploy, every_source):
    given = deploy(lambda: EventPipeline("docs", every_source, firestore_database="shop", force_destroy=True))
    made = given.one("Trigger", "docs-firestore").inputs
    criteria = {one["attribute"]: (one["value"], one.get("operator")) for one in made["matchingCriterias"]}
    assert criteria == {
        "type": ("google.cloud.firestore.document.v1.written", None),
        "database": ("shop", None),
        "document": ("orders/{document}", "match-path-pattern"),
    }
    assert made["eventDataContentType"] == "application/protobuf"
    assert made["destination"]["cloudRunService"]["path"] == "/ingress/firestore"


@pytest.mark.parametrize(
    ("processor", "permissions"),
    [
        (ImageLabels(), ["serviceusage.services.use"]),
        (Moderate(), ["serviceusage.services.use"]),
        (Entities(), ["serviceusage.services.use"]),
        (Transcribe(), ["speech.recognizers.recognize", "speech.operations.get"]),
        (
            Ocr(),
            [
                "documentai.processors.processOnline",
                "documentai.processors.processBatch",
                "documentai.operations.getLegacy",
            ],
        ),
    ],
)
def test_a_processor_that_asks_an_ai_service_may_ask_it_and_no_model(deploy, processor, permissions):
    made = deploy(lambda: EventPipeline("docs", EventPipelineSettings(processor=processor)))
    roles = {each.name: each.inputs["permissions"] for each in made.all("IAMCustomRole")}
    assert roles["docs-ai"] == permissions
    assert "docs-model" not in roles
    services = {each.inputs["service"] for each in made.all("Service")}
    assert "aiplatform.googleapis.com" not in services


def test_scans_are_read_by_a_processor_of_the_pipelines_own_near_by(reading_pipeline):
    made = reading_pipeline.one("DocumentAiProcessor")
    assert (made.inputs["type"], made.inputs["location"]) == ("OCR_PROCESSOR", "eu")
    assert from_env(EventPipelineConfig, variables(reading_pipeline)).ai_endpoint == f"{made.name}-id"


@pytest.mark.parametrize(
    ("region", "reads", "hears"),
    [
        ("us-central1", "us", "us"),
        ("europe-west4", "eu", "eu"),
        ("asia-east1", "us", "global"),
        ("southamerica-east1", "us", "us"),
    ],
)
def test_documents_and_speech_go_to_a_place_that_the_service_has(region, reads, hears):
    assert (ai.document_location(region), ai.speech_location(region)) == (reads, hears)


def test_speech_is_heard_near_by(deploy):
    made = deploy(lambda: EventPipeline("docs", EventPipelineSettings(processor=Transcribe())))
    endpoint = from_env(EventPipelineConfig, variables(made)).ai_endpoint
    assert endpoint.endswith("/locations/eu")
