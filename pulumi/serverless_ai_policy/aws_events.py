"""Rules for AWS: queues, and where events end that nobody could answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from serverless_ai_policy.checks import must_be_set
from serverless_ai_policy.rule import Each, Finding, Resource, Rule, Stack, Whole
from serverless_ai_policy.values import UNKNOWN, at, document, is_mapping, is_set, listed

QUEUE: Final = "aws:sqs:Queue"
POLICY: Final = "aws:sqs:QueuePolicy"
FUNCTION: Final = "aws:lambda:Function"
BURIES: Final = (
    (QUEUE, "redrivePolicy"),
    ("aws:sqs:RedrivePolicy", "redrivePolicy"),
    ("aws:sns:TopicSubscription", "redrivePolicy"),
    (FUNCTION, "deadLetterConfig"),
    ("aws:lambda:FunctionEventInvokeConfig", "destinationConfig"),
    ("aws:lambda:EventSourceMapping", "destinationConfig"),
    ("aws:cloudwatch:EventTarget", "deadLetterConfig"),
    ("aws:scheduler:Schedule", "target"),
)
"""Kinds whose property names a queue for dead letters."""


def _is_encrypted(resource: Resource) -> Iterator[str]:
    managed = at(resource.props, "sqsManagedSseEnabled")
    if managed is not True and managed is not UNKNOWN and not is_set(at(resource.props, "kmsMasterKeyId")):
        yield "messages are written as they are"


def _queues_bury(stack: Stack) -> Iterator[Finding]:
    for queue in stack.of(QUEUE):
        ends = any(any(stack.referring(queue, prop, kind)) for kind, prop in BURIES)
        outside = any(stack.referring(queue, "queueUrl", "aws:sqs:RedrivePolicy"))
        if not (ends or outside or is_set(queue.given("redrivePolicy"))):
            yield Finding(queue, "what is received too often is dropped when it is old")


def _functions_bury(stack: Stack) -> Iterator[Finding]:
    kind = "aws:lambda:FunctionEventInvokeConfig"
    for function in stack.of(FUNCTION):
        configured = any(
            is_set(at(config.props, "destinationConfig.onFailure.destination"))
            for config in stack.referring(function, "functionName", kind)
        )
        own = is_set(at(function.props, "deadLetterConfig.targetArn"))
        if not (configured or own or _only_reads_a_queue(stack, function)):
            yield Finding(function, "an event that fails each time is dropped")


def _only_reads_a_queue(stack: Stack, function: Resource) -> bool:
    """Whether nobody sends it events: a queue that is read has dead letters of its own."""
    read = any(stack.referring(function, "functionName", "aws:lambda:EventSourceMapping"))
    called = any(
        any(stack.referring(function, prop, kind))
        for kind, prop in (
            ("aws:lambda:Permission", "function"),
            ("aws:cloudwatch:EventTarget", "arn"),
            ("aws:sns:TopicSubscription", "endpoint"),
            ("aws:scheduler:Schedule", "target"),
        )
    )
    return read and not called


def _queues_refuse_plain_http(stack: Stack) -> Iterator[Finding]:
    for queue in stack.of(QUEUE):
        policies = [policy.props.get("policy") for policy in stack.referring(queue, "queueUrl", POLICY)]
        if not any(map(refuses_plain_http, (*policies, queue.given("policy")))):
            yield Finding(queue, "it takes messages over plain HTTP")


def refuses_plain_http(policy: Any) -> bool:
    """Whether a policy does; one that is not known yet is read when it is."""
    if policy is UNKNOWN:
        return True
    try:
        statements = listed(document(policy, "policy").get("Statement"), "policy")
    except ValueError:
        return False
    return any(
        at(one, "Effect") == "Deny" and _says_insecure(at(one, "Condition.Bool")) for one in statements
    )


def _says_insecure(condition: Any) -> bool:
    # Not by path: the key has a colon, and may have been written as a boolean.
    return is_mapping(condition) and str(condition.get("aws:SecureTransport")).lower() == "false"


def _events_are_bounded(stack: Stack) -> Iterator[Finding]:
    for function in stack.of(FUNCTION):
        reached = any(stack.referring(function, "arn", "aws:cloudwatch:EventTarget")) or any(
            stack.referring(function, "endpoint", "aws:sns:TopicSubscription")
        )
        if reached and not is_set(at(function.props, "reservedConcurrentExecutions")):
            yield Finding(function, "events start as many copies at a time as the account has")


RULES: Final = (
    Rule(
        id="aws-queue-encrypted",
        reason="Messages hold what people ask and what the model answers",
        mend="sqs_managed_sse_enabled=True, or kms_master_key_id",
        looks=Each((QUEUE,), _is_encrypted),
        also=("AwsSolutions-SQS2", "CKV_AWS_27"),
    ),
    Rule(
        id="aws-queue-tls",
        reason="SQS takes messages over plain HTTP unless its policy refuses them",
        mend='A QueuePolicy that denies sqs:* where aws:SecureTransport is "false"',
        looks=Whole(_queues_refuse_plain_http),
        also=("AwsSolutions-SQS4",),
    ),
    Rule(
        id="aws-queue-dead-letters",
        reason="A message that nobody can process must wait for people, and not be lost",
        mend="redrive_policy with deadLetterTargetArn and maxReceiveCount",
        looks=Whole(_queues_bury),
        also=("AwsSolutions-SQS3",),
    ),
    Rule(
        id="aws-function-dead-letters",
        reason="Lambda tries an event three times and drops it without a word",
        mend="A FunctionEventInvokeConfig with destination_config.on_failure, or dead_letter_config",
        looks=Whole(_functions_bury),
        also=("LambdaAsyncFailureDestination", "CKV_AWS_116"),
    ),
    Rule(
        id="aws-target-dead-letters",
        reason="EventBridge drops an event that it cannot deliver within a day",
        mend="dead_letter_config=EventTargetDeadLetterConfigArgs(arn=queue.arn)",
        looks=Each(("aws:cloudwatch:EventTarget",), must_be_set("deadLetterConfig.arn")),
    ),
    Rule(
        id="aws-schedule-dead-letters",
        reason="A run that could not be started is gone without it",
        mend="target.dead_letter_config=ScheduleTargetDeadLetterConfigArgs(arn=queue.arn)",
        looks=Each(("aws:scheduler:Schedule",), must_be_set("target.deadLetterConfig.arn")),
    ),
    Rule(
        id="aws-function-concurrency",
        reason="No throttle stands between a storm of events and the model's bill",
        mend="reserved_concurrent_executions (function.max_concurrency of the settings); an advice: it is "
        "taken from the account's own limit",
        looks=Whole(_events_are_bounded),
        level="advisory",
        also=("CKV_AWS_115",),
    ),
)
