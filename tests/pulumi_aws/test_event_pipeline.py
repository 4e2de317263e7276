"""What EventPipeline promises as a Pulumi component, by itself and with every source."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pulumi
import pulumi_aws as aws
import pytest
from variations import different, with_value

from serverless_ai_local.doors.pulumi import checks
from serverless_ai_local.doors.pulumi.values import decode
from serverless_ai_patterns import bundle
from serverless_ai_patterns.aws import event_pipeline, policy
from serverless_ai_patterns.event_pipeline import (
    AuditLog,
    Batching,
    Custom,
    EventPipelineSettings,
    Ocr,
    PipelineModel,
    Results,
    Sources,
    Transcribe,
    Translate,
    WorkerSettings,
)
from serverless_ai_patterns.models import resolve_aws
from serverless_ai_pulumi.aws import EventPipeline, VpcPlacement
from serverless_ai_pulumi.aws.outputs import outputs
from serverless_ai_runtime.config import from_env
from serverless_ai_runtime.config_event_pipeline import EventPipelineConfig

PLACE = {"partition": "aws", "region": "eu-west-1", "account": "111122223333"}
LOGS = "arn:aws:logs:eu-west-1:111122223333:log-group:papers-logs-0a1b2c3"
TABLE = "arn:aws:dynamodb:eu-west-1:111122223333:table/papers-table-0a1b2c3"
QUEUE = "arn:aws:sqs:eu-west-1:111122223333:papers-queue-0a1b2c3"
DEAD_LETTERS = "arn:aws:sqs:eu-west-1:111122223333:papers-dead-letters-0a1b2c3"
UPLOADS = "arn:aws:s3:::papers-uploads-0a1b2c3"
RESULTS = "arn:aws:s3:::papers-results-0a1b2c3"
TOPIC = "arn:aws:sns:eu-west-1:111122223333:papers-topic-0a1b2c3"
KEY = "arn:aws:kms:eu-west-1:111122223333:key/mine"
QUEUE_ONLY = EventPipelineSettings(sources=Sources(uploads=None))


def as_iam_writes(statements):
    return [json.loads(json.dumps(one.to_json())) for one in statements]


def configuration(recording) -> EventPipelineConfig:
    return from_env(EventPipelineConfig, recording.one("Function").inputs["environment"]["variables"])


def test_the_default_is_made_of_these_resources_and_no_other(usual_pipeline):
    made = Counter(each.type for each in usual_pipeline.resources if each.type.startswith("aws:"))
    assert {kind.rpartition(":")[2]: count for kind, count in made.items()} == {
        "LogGroup": 1,
        "Table": 1,
        "Queue": 2,
        "QueuePolicy": 2,
        "Bucket": 2,
        "BucketPublicAccessBlock": 2,
        "BucketOwnershipControls": 2,
        "BucketPolicy": 2,
        "BucketServerSideEncryptionConfiguration": 2,
        "BucketLifecycleConfiguration": 2,
        "BucketNotification": 1,
        "Role": 1,
        "RolePolicy": 1,
        "Function": 1,
        "EventSourceMapping": 1,
        "EventRule": 1,
        "EventTarget": 1,
        "MetricAlarm": 4,
        "Dashboard": 1,
    }


@pytest.mark.parametrize("run", ["usual_pipeline", "whole_pipeline"])
def test_everything_has_properties_that_the_sdk_knows_and_a_parent(request, run):
    recording = request.getfixturevalue(run)
    component = recording.one("EventPipeline")
    for each in recording.resources:
        if each.type.startswith("aws:"):
            inputs = {key: value for key, value in each.inputs.items() if key != "code"}
            found = checks.resource(each.type, decode(inputs, Path()))
            assert [text for text in found if "code" not in text] == [], each.name
            assert each.parent == component.urn
            assert each.name.startswith("papers-")


# -- the function -----------------------------------------------------------------------------------------
def test_the_function_is_the_bundle_on_a_small_current_machine(usual_pipeline):
    made = usual_pipeline.one("Function").inputs
    assert made["handler"] == bundle.handler("event_pipeline", "aws")
    assert (made["runtime"], made["architectures"]) == ("python3.13", ["arm64"])
    assert (made["memorySize"], made["timeout"]) == (1024, 120)
    assert made["tracingConfig"] == {"mode": "Active"}
    assert made["loggingConfig"] == {"logFormat": "JSON", "logGroup": "papers-logs-0a1b2c3"}
    assert "reservedConcurrentExecutions" not in made


def test_a_processor_of_ones_own_is_in_the_archive(deploy, tmp_path):
    file = tmp_path / "mine.py"
    file.write_text("def process(item):\n    return {}\n")
    settings = EventPipelineSettings(processor=Custom(file=str(file)))
    recording = deploy(lambda: EventPipeline("papers", settings))
    members = recording.one("Function").inputs["code"]["assets"]
    assert members["serverless_ai_custom.py"]["path"] == str(file)
    assert members.keys() == {*bundle.bundle("event_pipeline", "aws"), "serverless_ai_custom.py"}


@pytest.mark.parametrize("in_vpc", [False, True])
@pytest.mark.parametrize("key", ["", KEY])
@pytest.mark.parametrize(
    "settings",
    [
        EventPipelineSettings(),
        QUEUE_ONLY,
        EventPipelineSettings(processor=Ocr()),
        EventPipelineSettings(processor=Transcribe()),
    ],
    ids=["default", "queue only", "ocr", "transcribe"],
)
def test_the_role_may_do_exactly_what_the_statements_say(deploy, settings, key, in_vpc):
    vpc = VpcPlacement(subnet_ids=["s"], security_group_ids=["g"]) if in_vpc else None
    recording = deploy(lambda: EventPipeline("papers", settings, vpc=vpc, key_arn=key or None))
    expected = event_pipeline.statements(
        settings,
        resolve_aws("small", "eu-west-1") if settings.uses_model else None,
        **PLACE,
        log_group_arn=LOGS,
        queue_arn=QUEUE,
        dead_letters_arn=DEAD_LETTERS,
        table_arn=TABLE,
        results_arn=RESULTS,
        uploads_arn=UPLOADS if settings.sources.uploads else "",
        job_role_arn="arn:aws:iam::111122223333:role/papers-jobs-role-0a1b2c3"
        if settings.processor_name == "ocr"
        else "",
        key_arn=key,
        in_vpc=in_vpc,
    )
    granted = recording.one("RolePolicy", "papers-policy").document("policy")["Statement"]
    assert granted == as_iam_writes(expected)


def test_no_star_outside_the_written_list(whole_pipeline):
    for statement in whole_pipeline.statements:
        assert not any("*" in action for action in statement["Action"])
        if any("*" in resource for resource in statement["Resource"]):
            assert statement["Sid"] in policy.STAR_RESOURCES


def test_the_function_is_told_everything(whole_pipeline):
    told = configuration(whole_pipeline)
    assert (told.inputs, told.results) == ("papers-uploads-0a1b2c3", "papers-results-0a1b2c3")
    assert told.store == "papers-table-0a1b2c3"
    assert told.queue.endswith("/papers-queue-0a1b2c3")
    assert told.dead_letters.endswith("/papers-dead-letters-0a1b2c3")
    assert told.announcements == "default"
    assert told.model == resolve_aws("small", "eu-west-1").id


def test_a_processor_that_asks_no_model_is_told_and_granted_none(deploy):
    recording = deploy(lambda: EventPipeline("papers", EventPipelineSettings(processor=Ocr())))
    assert configuration(recording).model == ""
    assert not any("bedrock" in action for s in recording.statements for action in s["Action"])


# -- documents --------------------------------------------------------------------------------------------
def test_buckets_are_private_encrypted_tidy_and_take_tls_1_2_only(usual_pipeline):
    for part in ("papers-uploads", "papers-results"):
        bucket = usual_pipeline.one("Bucket", part)
        assert bucket.inputs["forceDestroy"] is False
        block = usual_pipeline.one("BucketPublicAccessBlock", f"{part}-private").inputs
        assert [value for key, value in block.items() if key != "bucket"] == [True] * 4
        owner = usual_pipeline.one("BucketOwnershipControls", f"{part}-owner").inputs
        assert owner["rule"] == {"objectOwnership": "BucketOwnerEnforced"}
        (rule,) = usual_pipeline.one("BucketServerSideEncryptionConfiguration", f"{part}-encryption").inputs[
            "rules"
        ]
        assert rule["applyServerSideEncryptionByDefault"] == {"sseAlgorithm": "AES256"}
        (tidy,) = usual_pipeline.one("BucketLifecycleConfiguration", f"{part}-lifecycle").inputs["rules"]
        assert tidy["abortIncompleteMultipartUpload"] == {"daysAfterInitiation": 7}
        assert "expiration" not in tidy
        statements = usual_pipeline.one("BucketPolicy", f"{part}-policy").document("policy")["Statement"]
        assert {one["Effect"] for one in statements} == {"Deny"}
        assert [one["Condition"] for one in statements] == [
            {"Bool": {"aws:SecureTransport": "false"}},
            {"NumericLessThan": {"s3:TlsVersion": 1.2}},
        ]


def test_only_the_bucket_of_uploads_tells_what_happens_in_it(usual_pipeline):
    told = usual_pipeline.one("BucketNotification").inputs
    assert told == {"bucket": "papers-uploads-0a1b2c3", "eventbridge": True}


def test_documents_may_be_lost_only_if_one_says_so(deploy):
    recording = deploy(lambda: EventPipeline("papers", force_destroy=True))
    assert {one.inputs["forceDestroy"] for one in recording.all("Bucket")} == {True}


def test_results_are_kept_as_long_as_the_settings_say_and_uploads_for_ever(deploy):
    recording = deploy(lambda: EventPipeline("papers", EventPipelineSettings(results=Results(keep_days=90))))
    rules = {
        one.name: one.inputs["rules"][0].get("expiration")
        for one in recording.all("BucketLifecycleConfiguration")
    }
    assert rules == {"papers-uploads-lifecycle": None, "papers-results-lifecycle": {"days": 90}}


# -- the way in -------------------------------------------------------------------------------------------
def test_the_queue_hides_long_enough_and_gives_up_later_than_the_function(deploy):
    function = WorkerSettings(timeout_s=30, max_attempts=8)
    settings = EventPipelineSettings(function=function, batching=Batching(size=20, wait_s=15))
    queue = deploy(lambda: EventPipeline("papers", settings)).one("Queue", "papers-queue")
    assert queue.inputs["visibilityTimeoutSeconds"] == 195
    redrive = queue.document("redrivePolicy")
    assert redrive["deadLetterTargetArn"] == DEAD_LETTERS
    assert redrive["maxReceiveCount"] >= 8 + 4
    assert queue.inputs["sqsManagedSseEnabled"] is True


def test_the_function_reads_the_queue_with_failures_by_item_and_a_bound(deploy, usual_pipeline):
    source = usual_pipeline.one("EventSourceMapping").inputs
    assert source["eventSourceArn"] == QUEUE
    assert source["functionResponseTypes"] == ["ReportBatchItemFailures"]
    assert source["scalingConfig"] == {"maximumConcurrency": 10}
    assert (source["batchSize"], source["maximumBatchingWindowInSeconds"]) == (1, 0)
    settings = EventPipelineSettings(batching=Batching(size=25, wait_s=5))
    batched = deploy(lambda: EventPipeline("papers", settings)).one("EventSourceMapping").inputs
    assert (batched["batchSize"], batched["maximumBatchingWindowInSeconds"]) == (25, 5)


def test_every_sender_has_dead_letters_and_may_send_to_both_queues_and_no_other_may(whole_pipeline):
    rules = {f"arn:aws:events:eu-west-1:111122223333:rule/{one.physical}" for one in rules_of(whole_pipeline)}
    for name, arn in (("queue", QUEUE), ("dead-letters", DEAD_LETTERS)):
        document = whole_pipeline.one("QueuePolicy", f"papers-{name}-policy").document("policy")
        deny, *allowed = document["Statement"]
        assert (deny["Effect"], deny["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
        senders = {
            one["Principal"]["Service"]: set(one["Condition"]["ArnEquals"]["aws:SourceArn"])
            for one in allowed
        }
        assert senders == {"events.amazonaws.com": rules, "sns.amazonaws.com": {TOPIC}}
        assert {one["Action"] for one in allowed} == {"sqs:SendMessage"}
        assert {one["Resource"] for one in allowed} == {arn}
    for target in whole_pipeline.all("EventTarget"):
        assert (target.inputs["arn"], target.inputs["deadLetterConfig"]) == (QUEUE, {"arn": DEAD_LETTERS})
    subscription = whole_pipeline.one("TopicSubscription")
    assert subscription.document("redrivePolicy") == {"deadLetterTargetArn": DEAD_LETTERS}
    target = whole_pipeline.one("Schedule").inputs["target"]
    assert (target["arn"], target["deadLetterConfig"]) == (QUEUE, {"arn": DEAD_LETTERS})


def rules_of(recording):
    return recording.all("EventRule")


def test_rules_let_in_what_the_filters_say(whole_pipeline):
    uploads = whole_pipeline.one("EventRule", "papers-upload-rule").document("eventPattern")
    assert uploads["detail"] == {
        "bucket": {"name": ["papers-uploads-0a1b2c3"]},
        "object": {
            "key": [{"wildcard": "in/*.pdf"}, {"wildcard": "in/*.txt"}],
            "size": [{"numeric": ["<=", 20 * 1024 * 1024]}],
        },
    }
    bus = whole_pipeline.one("EventRule", "papers-bus-rule").document("eventPattern")
    assert bus == {"source": ["shop"]}
    assert whole_pipeline.one("TopicSubscription").document("filterPolicy") == {
        "kind": ["invoice", "receipt"]
    }


def test_a_schedule_may_send_to_the_two_queues_and_nothing_else(whole_pipeline):
    statements = whole_pipeline.one("RolePolicy", "papers-schedule-policy").document("policy")["Statement"]
    assert {(one["Action"][0], one["Resource"][0]) for one in statements} == {
        ("sqs:SendMessage", QUEUE),
        ("sqs:SendMessage", DEAD_LETTERS),
    }


def test_an_empty_filter_lets_all_in(deploy):
    settings = EventPipelineSettings(sources=Sources(uploads=None, topic={}))
    recording = deploy(lambda: EventPipeline("papers", settings))
    assert "filterPolicy" not in recording.one("TopicSubscription").inputs


def test_two_pipelines_share_one_topic_each_with_its_filter(deploy):
    def wants(kind: str) -> EventPipelineSettings:
        return EventPipelineSettings(sources=Sources(uploads=None, topic={"kind": [kind]}))

    def program():
        first = EventPipeline("invoices", wants("invoice"))
        EventPipeline("receipts", wants("receipt"), topic=first.topic)

    recording = deploy(program)
    topic = f"arn:aws:sns:eu-west-1:111122223333:{recording.one('Topic').physical}"
    subscriptions = recording.all("TopicSubscription")
    assert {one.inputs["topic"] for one in subscriptions} == {topic}
    assert [one.document("filterPolicy")["kind"] for one in subscriptions] == [["invoice"], ["receipt"]]
    assert len({one.inputs["endpoint"] for one in subscriptions}) == 2


# -- jobs -------------------------------------------------------------------------------------------------
def test_textract_tells_the_end_of_a_job_by_a_topic_and_a_role_that_can_do_nothing_else(deploy):
    recording = deploy(lambda: EventPipeline("papers", EventPipelineSettings(processor=Ocr())))
    topic = "arn:aws:sns:eu-west-1:111122223333:papers-jobs-topic-0a1b2c3"
    told = configuration(recording)
    assert (told.job_topic, told.job_role) == (
        topic,
        "arn:aws:iam::111122223333:role/papers-jobs-role-0a1b2c3",
    )
    (trust,) = recording.one("Role", "papers-jobs-role").document("assumeRolePolicy")["Statement"]
    assert trust["Principal"] == {"Service": "textract.amazonaws.com"}
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": "111122223333"}}
    (statement,) = recording.one("RolePolicy", "papers-jobs-policy").document("policy")["Statement"]
    assert (statement["Action"], statement["Resource"]) == (["sns:Publish"], [topic])


def test_transcribe_tells_the_end_of_this_pipelines_jobs_by_the_bus(deploy):
    recording = deploy(lambda: EventPipeline("papers", EventPipelineSettings(processor=Transcribe())))
    pattern = recording.one("EventRule", "papers-jobs-rule").document("eventPattern")
    assert pattern["detail"]["TranscriptionJobName"] == [{"prefix": "papers-results-0a1b2c3-"}]


# -- what one brings --------------------------------------------------------------------------------------
def test_a_bucket_of_ones_own_is_taken(deploy):
    def program():
        EventPipeline("papers", uploads=aws.s3.Bucket("mine"))

    recording = deploy(program)
    assert {one.name for one in recording.all("Bucket")} == {"mine", "papers-results"}
    pattern = recording.one("EventRule").document("eventPattern")
    assert pattern["detail"]["bucket"] == {"name": ["mine-0a1b2c3"]}
    assert recording.all("BucketNotification") == []


def test_a_key_of_ones_own_encrypts_all_that_is_kept(deploy, every_source):
    settings = replace(every_source, processor=Ocr())
    recording = deploy(lambda: EventPipeline("papers", settings, key_arn=pulumi.Output.from_input(KEY)))
    for one in recording.all("BucketServerSideEncryptionConfiguration"):
        (rule,) = one.inputs["rules"]
        assert rule["bucketKeyEnabled"] is True
        assert rule["applyServerSideEncryptionByDefault"] == {
            "kmsMasterKeyId": KEY,
            "sseAlgorithm": "aws:kms",
        }
    assert {one.inputs["kmsMasterKeyId"] for one in recording.all("Queue")} == {KEY}
    assert {one.inputs["kmsMasterKeyId"] for one in recording.all("Topic")} == {KEY}
    assert recording.one("LogGroup").inputs["kmsKeyId"] == KEY
    assert recording.one("Function").inputs["kmsKeyArn"] == KEY
    assert recording.one("Table").inputs["serverSideEncryption"] == {"enabled": True, "kmsKeyArn": KEY}


@pytest.mark.parametrize(
    ("settings", "given", "said"),
    [
        (QUEUE_ONLY, "uploads", "papers: a bucket of uploads was given, but these settings take nothing"),
        (EventPipelineSettings(), "topic", "papers: a topic was given, but these settings take nothing"),
        (
            EventPipelineSettings(sources=Sources(devices=True)),
            "",
            r"Sources\.devices must be left out on AWS",
        ),
        (
            EventPipelineSettings(sources=Sources(firestore="orders")),
            "",
            r"Sources\.firestore must be left out on AWS: it is a source of Google Cloud",
        ),
        (
            EventPipelineSettings(
                sources=Sources(audit_log=AuditLog(service="bigquery.googleapis.com", method="a.B"))
            ),
            "",
            r"Sources\.audit_log must be left out on AWS",
        ),
        (EventPipelineSettings(model=PipelineModel(model="smal")), "", "model must be"),
    ],
)
@pytest.mark.parametrize("preview", [True, False])
def test_what_cannot_be_is_refused_already_in_a_preview(deploy, settings, given, said, preview):
    def program():
        things = {"uploads": lambda: aws.s3.Bucket("mine"), "topic": lambda: aws.sns.Topic("mine")}
        EventPipeline("papers", settings, **({given: things[given]()} if given else {}))

    with pytest.raises(ValueError, match=said):
        deploy(program, preview=preview)


# -- settings and outputs ---------------------------------------------------------------------------------
OTHER = {
    "processor": (Translate(language="fr"), "Function"),
    "model.model": ("large", "Function", "RolePolicy"),
    "model.max_output_tokens": (77, "Function"),
    "model.context_tokens": (9999, "Function"),
    "batching.size": (5, "Function", "EventSourceMapping"),
    "batching.wait_s": (9, "Function", "EventSourceMapping", "Queue"),
    "results.prefix": ("out/", "Function", "RolePolicy"),
    "results.keep_days": (9, "BucketLifecycleConfiguration"),
    "results.record_days": (90, "Function"),
    "function.memory_mb": (2048, "Function"),
    "function.timeout_s": (60, "Function", "Queue"),
    "function.max_concurrency": (3, "EventSourceMapping"),
    "function.max_attempts": (9, "Function", "Queue"),
    "function.max_mb": (9, "Function"),
    "function.log_retention_days": (7, "LogGroup"),
    "function.log_content": (True, "Function"),
    "sources.schedule": ("rate(2 hours)", "Schedule"),
    "sources.schedule_message": ("Something else", "Schedule"),
    "sources.bus_filter": ({"source": ["bank"]}, "EventRule"),
    "sources.topic": ({"kind": ["memo"]}, "TopicSubscription"),
}


@pytest.mark.parametrize("path", OTHER)
def test_a_setting_changes_what_it_is_about_and_nothing_else(deploy, whole_pipeline, every_source, path):
    value, *expected = OTHER[path]
    settings = with_value(every_source, path, value)
    changed = deploy(lambda: EventPipeline("papers", settings))
    assert different(whole_pipeline, changed) == set(expected)


def test_the_component_registers_the_outputs_that_the_program_exports(deploy, every_source):
    def program():
        for name, value in outputs(EventPipeline("papers", every_source)).items():
            pulumi.export(name, value)

    recording = deploy(program)
    assert recording.exports == recording.outputs[recording.one("EventPipeline").urn]
    assert recording.exports == {
        "uploads": "papers-uploads-0a1b2c3",
        "results": "papers-results-0a1b2c3",
        "queue": "https://sqs.eu-west-1.amazonaws.com/111122223333/papers-queue-0a1b2c3",
        "dead_letters": "https://sqs.eu-west-1.amazonaws.com/111122223333/papers-dead-letters-0a1b2c3",
        "topic": TOPIC,
        "function_name": "papers-function-0a1b2c3",
        "role_name": "papers-role-0a1b2c3",
        "log_group_name": "papers-logs-0a1b2c3",
        "table_name": "papers-table-0a1b2c3",
        "schedule_name": "papers-schedule-0a1b2c3",
        "dashboard_name": "papers-function-0a1b2c3",
    }


def test_the_usual_deployment_warns_of_nothing(usual_pipeline):
    assert usual_pipeline.warnings == []
