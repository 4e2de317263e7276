"""Rules for AWS: buckets and topics, and functions that work through a queue."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from serverless_ai_policy.aws_events import refuses_plain_http
from serverless_ai_policy.checks import must_be_set
from serverless_ai_policy.rule import Each, Finding, Resource, Rule, Stack, Whole
from serverless_ai_policy.values import UNKNOWN, at, is_set, known_at, listed

BUCKET: Final = ("aws:s3:Bucket", "aws:s3:BucketV2")
TOPIC: Final = "aws:sns:Topic"
SOURCE: Final = "aws:lambda:EventSourceMapping"
BLOCKS: Final = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
BY_ITEM: Final = "ReportBatchItemFailures"
TIMES: Final = 6
"""Visibility timeout in timeouts of the function. Source:
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html, 2026-11."""
DEFAULT_VISIBILITY_S: Final = 30
DEFAULT_TIMEOUT_S: Final = 3


def _buckets_are_private(stack: Stack) -> Iterator[Finding]:
    kind = "aws:s3:BucketPublicAccessBlock"
    for bucket in stack.of(*BUCKET):
        blocks = list(stack.referring(bucket, "bucket", kind))
        if not any(all(one.props.get(block) in (True, UNKNOWN) for block in BLOCKS) for one in blocks):
            yield Finding(bucket, "a policy or an ACL by mistake opens it to everybody")


def _buckets_refuse_plain_http(stack: Stack) -> Iterator[Finding]:
    for bucket in stack.of(*BUCKET):
        policies = stack.referring(bucket, "bucket", "aws:s3:BucketPolicy")
        if not any(refuses_plain_http(one.props.get("policy")) for one in policies):
            yield Finding(bucket, "it gives and takes objects over plain HTTP")


def _buckets_are_tidied(stack: Stack) -> Iterator[Finding]:
    kind = "aws:s3:BucketLifecycleConfiguration"
    for bucket in stack.of(*BUCKET):
        if not any(_tidies(at(one.props, "rules")) for one in stack.referring(bucket, "bucket", kind)):
            yield Finding(bucket, "parts of uploads that were never completed are kept")


def _tidies(rules: Any) -> bool:
    if rules is UNKNOWN:
        return True
    path = "abortIncompleteMultipartUpload.daysAfterInitiation"
    return any(at(one, "status") != "Disabled" and is_set(at(one, path)) for one in listed(rules, "rules"))


def _keeps_documents(resource: Resource) -> Iterator[str]:
    if known_at(resource.props, "forceDestroy") is True:
        yield "a destroy deletes whatever is in it"


def _topics_refuse_plain_http(stack: Stack) -> Iterator[Finding]:
    for topic in stack.of(TOPIC):
        policies = [one.props.get("policy") for one in stack.referring(topic, "arn", "aws:sns:TopicPolicy")]
        if not any(map(refuses_plain_http, (*policies, topic.given("policy")))):
            yield Finding(topic, "it takes messages over plain HTTP")


def _fails_by_item(resource: Resource) -> Iterator[str]:
    types = listed(known_at(resource.props, "functionResponseTypes"), "functionResponseTypes")
    if BY_ITEM not in types:
        yield "one message that fails brings its whole batch back"


def _queues_hide_long_enough(stack: Stack) -> Iterator[Finding]:
    for source in stack.of(SOURCE):
        for queue in stack.of("aws:sqs:Queue"):
            for function in stack.of("aws:lambda:Function"):
                if source.refers("eventSourceArn", queue) and source.refers("functionName", function):
                    yield from _hidden(source, queue, function)


def _hidden(source: Resource, queue: Resource, function: Resource) -> Iterator[Finding]:
    visibility = at(queue.props, "visibilityTimeoutSeconds")
    timeout = at(function.props, "timeout")
    window = at(source.props, "maximumBatchingWindowInSeconds")
    if UNKNOWN in (visibility, timeout, window):
        return
    try:
        needed = TIMES * int(timeout or DEFAULT_TIMEOUT_S) + int(window or 0)
        hidden = int(DEFAULT_VISIBILITY_S if visibility is None else visibility)
    except (TypeError, ValueError):
        yield Finding(queue, "how long messages are hidden cannot be compared: all must be whole seconds")
        return
    if hidden < needed:
        yield Finding(queue, f"messages are hidden for {hidden} s while {function.name} may need {needed} s")


RULES: Final = (
    Rule(
        id="aws-bucket-private",
        reason="Documents are read by who is let in by name, whatever a later policy says",
        mend="A BucketPublicAccessBlock with all four set to True",
        looks=Whole(_buckets_are_private),
        also=("AwsSolutions-S2", "CKV_AWS_53", "CKV_AWS_54", "CKV_AWS_55", "CKV_AWS_56"),
    ),
    Rule(
        id="aws-bucket-tls",
        reason="S3 answers over plain HTTP unless the bucket's policy refuses it",
        mend='A BucketPolicy that denies s3:* where aws:SecureTransport is "false"',
        looks=Whole(_buckets_refuse_plain_http),
        also=("AwsSolutions-S10",),
    ),
    Rule(
        id="aws-bucket-abandoned",
        reason="Parts of an upload that was given up are paid for and shown nowhere",
        mend="A BucketLifecycleConfiguration with abort_incomplete_multipart_upload",
        looks=Whole(_buckets_are_tidied),
        also=("CKV_AWS_300",),
    ),
    Rule(
        id="aws-bucket-kept",
        reason="What people have uploaded is theirs: a destroy must not take it along",
        mend="force_destroy=False; an advice: a stack for tests may want it",
        looks=Each(BUCKET, _keeps_documents),
        level="advisory",
    ),
    Rule(
        id="aws-topic-tls",
        reason="SNS takes messages over plain HTTP unless the topic's policy refuses them",
        mend='A TopicPolicy that denies sns:Publish where aws:SecureTransport is "false"',
        looks=Whole(_topics_refuse_plain_http),
        also=("AwsSolutions-SNS3",),
    ),
    Rule(
        id="aws-subscription-dead-letters",
        reason="SNS drops a message that it cannot deliver",
        mend="redrive_policy with deadLetterTargetArn",
        looks=Each(("aws:sns:TopicSubscription",), must_be_set("redrivePolicy")),
        also=("SNSRedrivePolicy",),
    ),
    Rule(
        id="aws-source-failures",
        reason="What was done already is done again when a neighbour in its batch fails",
        mend=f'function_response_types=["{BY_ITEM}"], and a handler that reports them',
        looks=Each((SOURCE,), _fails_by_item),
        also=("LambdaEventSourceMappingFailures",),
    ),
    Rule(
        id="aws-source-bound",
        reason="A full queue starts as many copies as the account has, and each asks the model",
        mend="scaling_config with maximum_concurrency",
        looks=Each((SOURCE,), must_be_set("scalingConfig.maximumConcurrency")),
    ),
    Rule(
        id="aws-queue-visibility",
        reason="A message that comes back while it is being worked on is worked on twice",
        mend=f"visibility_timeout_seconds: at least {TIMES} timeouts of the function and the batching window",
        looks=Whole(_queues_hide_long_enough),
    ),
)
