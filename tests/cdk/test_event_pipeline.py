"""What every deployment of EventPipeline promises, and what its settings change."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from aws_cdk import RemovalPolicy, aws_ec2, aws_kms, aws_s3, aws_sns

from serverless_ai_cdk import EventPipeline
from serverless_ai_patterns import bundle
from serverless_ai_patterns.aws import event_pipeline as shared
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
    Uploads,
    WorkerSettings,
)
from serverless_ai_runtime import config
from serverless_ai_runtime.config_event_pipeline import EventPipelineConfig

SMALL = {
    "AWS::Logs::LogGroup": 1,
    "AWS::DynamoDB::Table": 1,
    "AWS::SQS::Queue": 2,
    "AWS::SQS::QueuePolicy": 2,
    "AWS::S3::Bucket": 2,
    "AWS::S3::BucketPolicy": 2,
    "AWS::IAM::Role": 1,
    "AWS::Lambda::Function": 1,
    "AWS::Lambda::EventSourceMapping": 1,
    "AWS::Events::Rule": 1,
    "AWS::CloudWatch::Alarm": 4,
    "AWS::CloudWatch::Dashboard": 1,
}
QUEUE_ONLY = EventPipelineSettings(sources=Sources(uploads=None))


@pytest.fixture(scope="module")
def small(make_pipeline):
    return make_pipeline().synth()


@pytest.fixture(scope="module")
def whole(make_pipeline, every_source):
    return make_pipeline(every_source).synth()


@pytest.fixture(scope="module", params=["small", "whole"])
def template(request):
    return request.getfixturevalue(request.param)


def named(template, kind: str, part: str) -> dict[str, Any]:
    """The one resource of a type whose logical id has `part` in it."""
    (found,) = [r for name, r in template.resources(kind).items() if part in name]
    return found


def queue(template) -> str:
    return next(name for name in template.resources("AWS::SQS::Queue") if "DeadLetters" not in name)


def dead_letters(template) -> str:
    return next(name for name in template.resources("AWS::SQS::Queue") if "DeadLetters" in name)


def environment(template) -> dict[str, Any]:
    return template.one("AWS::Lambda::Function")["Environment"]["Variables"]


# -- what is made ---------------------------------------------------------------------------------------
def test_the_default_is_made_of_these_resources_and_no_other(small):
    assert Counter(r["Type"] for r in small.resources().values()) == SMALL


def test_there_is_one_function_without_an_endpoint_and_no_custom_resource(template):
    assert len(template.resources("AWS::Lambda::Function")) == 1
    kinds = {resource["Type"] for resource in template.resources().values()}
    assert not any(
        kind.startswith(("Custom::", "AWS::CloudFormation::", "AWS::ApiGateway")) for kind in kinds
    )
    assert not kinds & {"AWS::Lambda::Url", "AWS::Lambda::Permission"}


def test_nothing_costs_while_nothing_happens_but_alarms_and_a_dashboard(whole):
    kinds = {resource["Type"] for resource in whole.resources().values()}
    paid_by_use = {
        *SMALL.keys(),
        *("AWS::SNS::Topic", "AWS::SNS::TopicPolicy", "AWS::SNS::Subscription", "AWS::Scheduler::Schedule"),
    } - {"AWS::CloudWatch::Alarm", "AWS::CloudWatch::Dashboard"}
    assert kinds - paid_by_use == {"AWS::CloudWatch::Alarm", "AWS::CloudWatch::Dashboard"}
    assert whole.one("AWS::DynamoDB::Table")["BillingMode"] == "PAY_PER_REQUEST"
    assert "ReservedConcurrentExecutions" not in whole.one("AWS::Lambda::Function")


def test_the_function_is_the_bundle_on_a_small_current_machine(template):
    function = template.one("AWS::Lambda::Function")
    assert function["Handler"] == bundle.handler("event_pipeline", "aws")
    assert (function["Architectures"], function["Runtime"]) == (["arm64"], "python3.13")
    assert (function["MemorySize"], function["Timeout"]) == (1024, 120)
    assert function["TracingConfig"] == {"Mode": "Active"}
    (asset,) = [a for a in template.assets["files"].values() if a["source"]["packaging"] == "zip"]
    folder = template.folder / asset["source"]["path"]
    files = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert files == set(bundle.bundle("event_pipeline", "aws"))


def test_a_processor_of_ones_own_is_in_the_zip_and_two_do_not_get_in_each_others_way(
    make_pipeline, new_stack, tmp_path
):
    stack = new_stack()
    for number in (1, 2):
        file = tmp_path / f"mine{number}.py"
        file.write_text(f"def process(item):\n    return {{'number': {number}}}\n")
        made = make_pipeline(
            EventPipelineSettings(processor=Custom(file=str(file))), name=f"Own{number}", stack=stack
        )
    template = made.synth()
    zips = [a for a in template.assets["files"].values() if a["source"]["packaging"] == "zip"]
    own = [(template.folder / a["source"]["path"] / "serverless_ai_custom.py").read_text() for a in zips]
    assert sorted(own) == [(tmp_path / f"mine{n}.py").read_text() for n in (1, 2)]


def test_the_same_source_gives_the_same_template(make_pipeline, small):
    assert make_pipeline().synth().text == small.text


# -- documents ------------------------------------------------------------------------------------------
def test_buckets_are_private_encrypted_and_take_tls_1_2_only(template):
    buckets = template.resources("AWS::S3::Bucket")
    assert len(buckets) == 2
    for bucket in (one["Properties"] for one in buckets.values()):
        assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
        assert bucket["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
        (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
        (tidy,) = bucket["LifecycleConfiguration"]["Rules"]
        assert tidy["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}
        assert "ExpirationInDays" not in tidy
    policies = template.all("AWS::S3::BucketPolicy")
    assert {p["Bucket"]["Ref"] for p in policies} == buckets.keys()
    for policy in policies:
        denied = [s["Condition"] for s in policy["PolicyDocument"]["Statement"] if s["Effect"] == "Deny"]
        assert {"Bool": {"aws:SecureTransport": "false"}} in denied
        assert {"NumericLessThan": {"s3:TlsVersion": 1.2}} in denied


def test_only_the_bucket_of_uploads_tells_what_happens_in_it(template):
    told = {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}
    assert named(template, "AWS::S3::Bucket", "Uploads")["Properties"]["NotificationConfiguration"] == told
    assert "NotificationConfiguration" not in named(template, "AWS::S3::Bucket", "Results")["Properties"]


def test_documents_stay_when_the_stack_goes_and_the_rest_goes_with_it(template):
    for resource in template.resources("AWS::S3::Bucket").values():
        assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == ("Retain", "Retain")
    for kind in ("AWS::Logs::LogGroup", "AWS::DynamoDB::Table", "AWS::SQS::Queue"):
        assert {r["DeletionPolicy"] for r in template.resources(kind).values()} == {"Delete"}


def test_buckets_go_with_the_stack_if_one_says_so(make_pipeline):
    template = make_pipeline(removal_policy=RemovalPolicy.DESTROY).synth()
    assert {r["DeletionPolicy"] for r in template.resources("AWS::S3::Bucket").values()} == {"Delete"}


def test_results_are_kept_as_long_as_the_settings_say_and_uploads_for_ever(make_pipeline):
    template = make_pipeline(EventPipelineSettings(results=Results(keep_days=90))).synth()
    rules = {
        part: named(template, "AWS::S3::Bucket", part)["Properties"]["LifecycleConfiguration"]["Rules"]
        for part in ("Uploads", "Results")
    }
    assert [rule.get("ExpirationInDays") for rule in rules["Results"]] == [90]
    assert "ExpirationInDays" not in rules["Uploads"][0]


# -- the way in -----------------------------------------------------------------------------------------
def test_a_message_is_hidden_for_six_timeouts_and_the_batching_window(make_pipeline, small):
    assert small.resources("AWS::SQS::Queue")[queue(small)]["Properties"]["VisibilityTimeout"] == 720
    settings = EventPipelineSettings(
        function=WorkerSettings(timeout_s=30), batching=Batching(size=20, wait_s=15)
    )
    template = make_pipeline(settings).synth()
    assert template.resources("AWS::SQS::Queue")[queue(template)]["Properties"]["VisibilityTimeout"] == 195


def test_the_queue_gives_a_message_up_later_than_the_function_which_says_why(make_pipeline):
    for attempts in (5, 12):
        settings = EventPipelineSettings(function=WorkerSettings(max_attempts=attempts))
        template = make_pipeline(settings).synth()
        redrive = template.resources("AWS::SQS::Queue")[queue(template)]["Properties"]["RedrivePolicy"]
        assert redrive["deadLetterTargetArn"] == {"Fn::GetAtt": [dead_letters(template), "Arn"]}
        # Three deaths of the function and the one that buries the message count as receives.
        assert redrive["maxReceiveCount"] >= attempts + 4
    kept = {r["Properties"]["MessageRetentionPeriod"] for r in template.resources("AWS::SQS::Queue").values()}
    assert kept == {14 * 24 * 3600}


def test_queues_are_encrypted_and_refuse_plain_http(template):
    queues = template.resources("AWS::SQS::Queue")
    assert all(one["Properties"]["SqsManagedSseEnabled"] for one in queues.values())
    policies = template.all("AWS::SQS::QueuePolicy")
    assert {p["Queues"][0]["Ref"] for p in policies} == queues.keys()
    for policy in policies:
        deny = policy["PolicyDocument"]["Statement"][0]
        assert (deny["Effect"], deny["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


def test_the_function_reads_the_queue_with_failures_by_item_and_a_bound(make_pipeline, small):
    source = small.one("AWS::Lambda::EventSourceMapping")
    assert source["EventSourceArn"] == {"Fn::GetAtt": [queue(small), "Arn"]}
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert source["ScalingConfig"] == {"MaximumConcurrency": 10}
    assert (source["BatchSize"], source["MaximumBatchingWindowInSeconds"]) == (1, 0)
    settings = EventPipelineSettings(
        batching=Batching(size=25, wait_s=5), function=WorkerSettings(max_concurrency=3)
    )
    batched = make_pipeline(settings).synth().one("AWS::Lambda::EventSourceMapping")
    assert (batched["BatchSize"], batched["MaximumBatchingWindowInSeconds"]) == (25, 5)
    assert batched["ScalingConfig"] == {"MaximumConcurrency": 3}


def test_the_mapping_waits_for_the_permissions_of_the_role(small):
    (mapping,) = small.resources("AWS::Lambda::EventSourceMapping").values()
    assert small.id_of("AWS::IAM::Role") in mapping["DependsOn"]


def test_every_sender_has_dead_letters_and_may_send_to_both_queues_and_no_other_may(whole):
    both = {queue(whole), dead_letters(whole)}
    rules, topic = whole.resources("AWS::Events::Rule"), whole.id_of("AWS::SNS::Topic")
    allowed = {"events.amazonaws.com": {name: set() for name in rules}, "sns.amazonaws.com": {topic: set()}}
    for policy in whole.all("AWS::SQS::QueuePolicy"):
        for statement in policy["PolicyDocument"]["Statement"]:
            if statement["Effect"] == "Allow":
                assert statement["Action"] == "sqs:SendMessage"
                source = statement["Condition"]["ArnEquals"]["aws:SourceArn"]
                name = source["Ref"] if "Ref" in source else source["Fn::GetAtt"][0]
                allowed[statement["Principal"]["Service"]][name].add(policy["Queues"][0]["Ref"])
    assert all(queues == both for sender in allowed.values() for queues in sender.values())
    dead = {"Fn::GetAtt": [dead_letters(whole), "Arn"]}
    for rule in rules.values():
        (target,) = rule["Properties"]["Targets"]
        assert target["Arn"] == {"Fn::GetAtt": [queue(whole), "Arn"]}
        assert target["DeadLetterConfig"] == {"Arn": dead}
    assert whole.one("AWS::SNS::Subscription")["RedrivePolicy"] == {"deadLetterTargetArn": dead}
    target = whole.one("AWS::Scheduler::Schedule")["Target"]
    assert target["DeadLetterConfig"] == {"Arn": dead}
    assert target["Arn"] == {"Fn::GetAtt": [queue(whole), "Arn"]}
    assert json.loads(target["Input"])["source"] == "schedule"


def test_the_rule_of_uploads_lets_in_what_the_filter_says(whole):
    pattern = named(whole, "AWS::Events::Rule", "UploadRule")["Properties"]["EventPattern"]
    bucket = next(name for name in whole.resources("AWS::S3::Bucket") if "Uploads" in name)
    assert pattern == {
        "source": ["aws.s3"],
        "detail-type": ["Object Created"],
        "detail": {
            "bucket": {"name": [{"Ref": bucket}]},
            "object": {
                "key": [{"wildcard": "in/*.pdf"}, {"wildcard": "in/*.txt"}],
                "size": [{"numeric": ["<=", 20 * 1024 * 1024]}],
            },
        },
    }


def test_bus_events_come_by_the_settings_pattern(whole):
    rule = named(whole, "AWS::Events::Rule", "BusRule")["Properties"]
    assert rule["EventPattern"] == {"source": ["shop"], "detail-type": ["OrderPlaced"]}


def test_a_pipeline_without_uploads_has_no_bucket_for_them(make_pipeline):
    made = make_pipeline(QUEUE_ONLY)
    template = made.synth()
    assert made.pattern.uploads is made.pattern.upload_rule is None
    assert len(template.resources("AWS::S3::Bucket")) == 1
    assert not template.resources("AWS::Events::Rule")


# -- topics ---------------------------------------------------------------------------------------------
def test_the_topic_passes_only_what_the_filter_says_in_its_envelope(whole):
    subscription = whole.one("AWS::SNS::Subscription")
    assert subscription["FilterPolicy"] == {"kind": ["invoice", "receipt"]}
    assert subscription["Protocol"] == "sqs"
    assert "RawMessageDelivery" not in subscription
    (statement,) = whole.one("AWS::SNS::TopicPolicy")["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Condition"]) == (
        "Deny",
        {"Bool": {"aws:SecureTransport": "false"}},
    )


def test_an_empty_filter_lets_all_in(make_pipeline):
    template = make_pipeline(EventPipelineSettings(sources=Sources(uploads=None, topic={}))).synth()
    assert "FilterPolicy" not in template.one("AWS::SNS::Subscription")


def test_two_pipelines_share_one_topic_each_with_its_filter(make_pipeline, new_stack):
    stack = new_stack()

    def wants(kind: str) -> EventPipelineSettings:
        return EventPipelineSettings(sources=Sources(uploads=None, topic={"kind": [kind]}))

    first = make_pipeline(wants("invoice"), name="Invoices", stack=stack)
    second = make_pipeline(wants("receipt"), name="Receipts", stack=stack, topic=first.pattern.topic)
    template = second.synth()
    assert second.pattern.topic is first.pattern.topic
    topic = {"Ref": template.id_of("AWS::SNS::Topic")}
    subscriptions = template.all("AWS::SNS::Subscription")
    assert [one["TopicArn"] for one in subscriptions] == [topic, topic]
    assert [one["FilterPolicy"]["kind"] for one in subscriptions] == [["invoice"], ["receipt"]]
    assert len({one["Endpoint"]["Fn::GetAtt"][0] for one in subscriptions}) == 2


def test_a_topic_of_another_stack_by_arn_is_taken(make_pipeline, new_stack):
    stack = new_stack("eu-west-1")
    arn = "arn:aws:sns:eu-west-1:123456789012:shared"
    topic = aws_sns.Topic.from_topic_arn(stack, "Shared", arn)
    template = make_pipeline(
        EventPipelineSettings(sources=Sources(uploads=None, topic={})), stack=stack, topic=topic
    ).synth()
    assert template.one("AWS::SNS::Subscription")["TopicArn"] == arn
    assert not template.resources("AWS::SNS::Topic")


# -- jobs -----------------------------------------------------------------------------------------------
def test_textract_tells_the_end_of_a_job_by_a_topic_and_a_role_that_can_do_nothing_else(make_pipeline):
    template = make_pipeline(EventPipelineSettings(processor=Ocr())).synth()
    topic = {"Ref": template.id_of("AWS::SNS::Topic")}
    variables = environment(template)
    assert variables[config.variable("job_topic")] == topic
    name = variables[config.variable("job_role")]["Fn::GetAtt"][0]
    role = template.resources("AWS::IAM::Role")[name]["Properties"]
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "textract.amazonaws.com"}
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    (policy,) = role["Policies"]
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert (statement["Action"], statement["Resource"]) == ("sns:Publish", topic)
    subscription = template.one("AWS::SNS::Subscription")
    assert subscription["TopicArn"] == topic
    assert "FilterPolicy" not in subscription


def test_transcribe_tells_the_end_of_this_pipelines_jobs_by_the_bus(make_pipeline):
    template = make_pipeline(EventPipelineSettings(processor=Transcribe())).synth()
    rule = named(template, "AWS::Events::Rule", "JobsRule")["Properties"]
    results = next(name for name in template.resources("AWS::S3::Bucket") if "Results" in name)
    detail = rule["EventPattern"]["detail"]
    assert detail["TranscriptionJobStatus"] == ["COMPLETED", "FAILED"]
    assert detail["TranscriptionJobName"] == [{"prefix": {"Fn::Join": ["", [{"Ref": results}, "-"]]}}]
    assert rule["Targets"][0]["Arn"] == {"Fn::GetAtt": [queue(template), "Arn"]}


def test_what_starts_no_job_waits_for_none(small):
    assert small.resources("AWS::SNS::Topic") == {}
    variables = environment(small)
    assert variables[config.variable("job_topic")] == variables[config.variable("job_role")] == ""


# -- what the function is told --------------------------------------------------------------------------
def test_the_function_is_told_everything_by_its_configuration_and_nothing_secret(template):
    variables = environment(template)
    plain = {
        name: json.dumps(value) if isinstance(value, dict) else value for name, value in variables.items()
    }
    told = config.from_env(EventPipelineConfig, plain)
    assert json.loads(told.results) == {
        "Ref": next(name for name in template.resources("AWS::S3::Bucket") if "Results" in name)
    }
    assert json.loads(told.queue) == {"Ref": queue(template)}
    assert json.loads(told.dead_letters) == {"Ref": dead_letters(template)}
    assert told.announcements == "default"
    assert told.processor == "summarize"


def test_a_processor_that_asks_no_model_is_told_none(make_pipeline):
    made = make_pipeline(EventPipelineSettings(processor=Ocr()))
    assert made.pattern.model is None
    assert environment(made.synth())[config.variable("model")] == ""


# -- what one brings ------------------------------------------------------------------------------------
def test_a_bucket_of_ones_own_is_taken_and_stays_as_it_is(make_pipeline, new_stack):
    stack = new_stack()
    bucket = aws_s3.Bucket.from_bucket_name(stack, "Mine", "mine")
    template = make_pipeline(stack=stack, uploads=bucket).synth()
    assert len(template.resources("AWS::S3::Bucket")) == 1
    rule = named(template, "AWS::Events::Rule", "UploadRule")["Properties"]
    assert rule["EventPattern"]["detail"]["bucket"] == {"name": ["mine"]}
    assert environment(template)[config.variable("inputs")] == "mine"


def test_a_vpc_of_ones_own_holds_the_function(make_pipeline, new_stack):
    stack = new_stack()
    template = make_pipeline(stack=stack, vpc=aws_ec2.Vpc(stack, "Vpc", max_azs=2)).synth()
    assert template.one("AWS::Lambda::Function")["VpcConfig"]["SubnetIds"]


def test_a_key_of_ones_own_encrypts_all_that_is_kept_and_its_policy_lets_the_senders_use_it(
    make_pipeline, new_stack, every_source
):
    stack = new_stack()
    settings = replace(every_source, processor=Ocr())
    template = make_pipeline(settings, stack=stack, key=aws_kms.Key(stack, "Key")).synth()
    key = {"Fn::GetAtt": [template.id_of("AWS::KMS::Key"), "Arn"]}
    for bucket in template.all("AWS::S3::Bucket"):
        (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert rule["BucketKeyEnabled"] is True
        assert rule["ServerSideEncryptionByDefault"] == {"KMSMasterKeyID": key, "SSEAlgorithm": "aws:kms"}
    assert {json.dumps(one["KmsMasterKeyId"]) for one in template.all("AWS::SQS::Queue")} == {json.dumps(key)}
    assert template.one("AWS::Logs::LogGroup")["KmsKeyId"] == key
    assert template.one("AWS::DynamoDB::Table")["SSESpecification"]["KMSMasterKeyId"] == key
    assert template.one("AWS::Lambda::Function")["KmsKeyArn"] == key
    topics = template.all("AWS::SNS::Topic")
    assert len(topics) == 2
    assert all(topic["KmsMasterKeyId"] for topic in topics)
    statements = template.one("AWS::KMS::Key")["KeyPolicy"]["Statement"]
    services = {json.dumps(s["Principal"].get("Service")) for s in statements}
    assert {'"events.amazonaws.com"', '"sns.amazonaws.com"'} <= services


@pytest.mark.parametrize(
    ("settings", "given", "said"),
    [
        (QUEUE_ONLY, "uploads", "a bucket of uploads was given, but these settings take nothing from it"),
        (EventPipelineSettings(), "topic", "a topic was given, but these settings take nothing from it"),
    ],
)
def test_what_the_settings_have_no_use_for_is_refused(new_stack, settings, given, said):
    stack = new_stack("eu-west-1")
    things = {
        "uploads": aws_s3.Bucket.from_bucket_name(stack, "B", "mine"),
        "topic": aws_sns.Topic.from_topic_arn(stack, "T", "arn:aws:sns:eu-west-1:123456789012:t"),
    }
    with pytest.raises(ValueError, match=f"Test/Papers: {said}"):
        EventPipeline(stack, "Papers", settings, **{given: things[given]})


@pytest.mark.parametrize(
    ("sources", "said"),
    [
        (Sources(firestore="orders"), r"Sources.firestore must be left out on AWS: it is a source of Google"),
        (
            Sources(audit_log=AuditLog(service="bigquery.googleapis.com", method="a.B")),
            r"Sources.audit_log must be left out on AWS: it is a source of Google Cloud",
        ),
        (Sources(devices=True), r"Sources.devices must be left out on AWS: it is a source of Azure"),
    ],
)
def test_sources_of_other_clouds_are_refused(new_stack, sources, said):
    with pytest.raises(ValueError, match=said):
        EventPipeline(new_stack(), "Papers", EventPipelineSettings(sources=sources))


def test_a_model_that_does_not_exist_is_refused(new_stack):
    settings = EventPipelineSettings(model=PipelineModel(model="smal"))
    with pytest.raises(ValueError, match="smal"):
        EventPipeline(new_stack("us-east-1"), "Papers", settings)


# -- watching -------------------------------------------------------------------------------------------
def test_alarms_watch_errors_throttles_dead_letters_and_waiting(template):
    alarms = {one["MetricName"]: one for one in template.all("AWS::CloudWatch::Alarm")}
    assert alarms.keys() == {
        "Errors",
        "Throttles",
        "ApproximateNumberOfMessagesVisible",
        "ApproximateAgeOfOldestMessage",
    }
    names = {
        metric: alarms[metric]["Dimensions"][0]["Value"]
        for metric in ("ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage")
    }
    assert names == {
        "ApproximateNumberOfMessagesVisible": {"Fn::GetAtt": [dead_letters(template), "QueueName"]},
        "ApproximateAgeOfOldestMessage": {"Fn::GetAtt": [queue(template), "QueueName"]},
    }
    assert alarms["ApproximateNumberOfMessagesVisible"]["Threshold"] == 1
    assert all(one["TreatMissingData"] == "notBreaching" for one in alarms.values())


def test_the_dashboard_is_json_once_its_references_are_filled_in(template):
    parts = template.one("AWS::CloudWatch::Dashboard")["DashboardBody"]["Fn::Join"][1]
    body = json.loads("".join(part if isinstance(part, str) else "FILLED" for part in parts))
    metrics = {tuple(m[:2]) for w in body["widgets"] for m in w["properties"]["metrics"]}
    assert {
        ("AWS/Lambda", "Invocations"),
        ("AWS/Lambda", "Errors"),
        ("AWS/SQS", "ApproximateAgeOfOldestMessage"),
        ("AWS/SQS", "ApproximateNumberOfMessagesVisible"),
        ("ServerlessAI", "InputTokens"),
    } <= metrics


# -- the pattern of uploads as data -----------------------------------------------------------------------
@pytest.mark.parametrize(
    ("uploads", "found"),
    [
        (Uploads(), None),
        (Uploads(prefix="in/"), {"key": [{"prefix": "in/"}]}),
        (Uploads(suffixes=(".pdf", ".txt")), {"key": [{"suffix": ".pdf"}, {"suffix": ".txt"}]}),
        (Uploads(prefix="a*b\\", suffixes=("*.x",)), {"key": [{"wildcard": "a\\*b\\\\*\\*.x"}]}),
        (Uploads(max_mb=1), {"size": [{"numeric": ["<=", 1048576]}]}),
    ],
)
def test_filters_of_uploads_are_eventbridges_matchers(uploads, found):
    pattern = shared.uploads_pattern(uploads, "b")
    assert pattern["detail"].get("object") == found
    assert pattern["detail"]["bucket"] == {"name": ["b"]}


def test_the_stack_has_the_outputs_that_the_program_promises(tmp_path):
    from aws_cdk import App

    from serverless_ai_cdk import EventPipelineStack

    settings = EventPipelineSettings(sources=Sources(topic={}, schedule="rate(1 day)"))
    stack = EventPipelineStack(App(outdir=str(tmp_path)), settings=settings)
    outputs = {child.node.id for child in stack.node.children}
    assert {
        *("Uploads", "Results", "Queue", "DeadLetters", "Topic", "FunctionName", "RoleName", "LogGroupName"),
        *("TableName", "ScheduleName", "DashboardName"),
    } <= outputs
