"""SQS queues: encrypted, TLS only, with a queue for what nobody could process."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pulumi
import pulumi_aws as aws

from serverless_ai_patterns.aws import delivery


def queue(
    name: str,
    *,
    key_arn: pulumi.Input[str] | None,
    dead_letters: aws.sqs.Queue,
    opts: pulumi.ResourceOptions,
) -> aws.sqs.Queue:
    """A queue whose messages become dead letters when they are received too often and not deleted."""
    redrive = pulumi.Output.json_dumps(
        {"deadLetterTargetArn": dead_letters.arn, "maxReceiveCount": delivery.RECEIVES_BEFORE_DEAD}
    )
    return _queue(name, key_arn, redrive, opts)


def work_queue(
    name: str,
    *,
    key_arn: pulumi.Input[str] | None,
    dead_letters: aws.sqs.Queue,
    visibility_s: int,
    max_receives: int,
    opts: pulumi.ResourceOptions,
) -> aws.sqs.Queue:
    """A queue that a function works on: a message is hidden for `visibility_s` while it does."""
    redrive = pulumi.Output.json_dumps(
        {"deadLetterTargetArn": dead_letters.arn, "maxReceiveCount": max_receives}
    )
    return _queue(name, key_arn, redrive, opts, visibility_s=visibility_s)


def dead_letter_queue(
    name: str, *, key_arn: pulumi.Input[str] | None, opts: pulumi.ResourceOptions
) -> aws.sqs.Queue:
    """The end of the line: where events and messages wait for people."""
    return _queue(name, key_arn, None, opts)


def queue_policy(
    name: str,
    queue: aws.sqs.Queue,
    *,
    rules: Sequence[aws.cloudwatch.EventRule] = (),
    topics: Sequence[aws.sns.Topic] = (),
    opts: pulumi.ResourceOptions,
) -> aws.sqs.QueuePolicy:
    """Refuse plain HTTP; let `rules` and `topics` put in what they have for it. A queue has one policy."""
    document = pulumi.Output.all(
        queue.arn, [rule.arn for rule in rules], [topic.arn for topic in topics]
    ).apply(lambda arns: json.dumps({"Version": "2012-10-17", "Statement": _statements(*arns)}))
    return aws.sqs.QueuePolicy(name, queue_url=queue.url, policy=document, opts=opts)


def _queue(
    name: str,
    key_arn: pulumi.Input[str] | None,
    redrive_policy: pulumi.Output[str] | None,
    opts: pulumi.ResourceOptions,
    *,
    visibility_s: int | None = None,
) -> aws.sqs.Queue:
    return aws.sqs.Queue(
        name,
        visibility_timeout_seconds=visibility_s,
        message_retention_seconds=delivery.QUEUE_RETENTION_S,
        sqs_managed_sse_enabled=True if key_arn is None else None,
        kms_master_key_id=key_arn,
        redrive_policy=redrive_policy,
        opts=opts,
    )


def _statements(queue_arn: str, rule_arns: Sequence[str], topic_arns: Sequence[str]) -> list[dict[str, Any]]:
    refused: dict[str, Any] = {
        "Sid": "EnforceTls",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "sqs:*",
        "Resource": queue_arn,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    senders = (("AllowRules", "events", rule_arns), ("AllowTopics", "sns", topic_arns))
    allowed: list[dict[str, Any]] = [
        {
            "Sid": sid,
            "Effect": "Allow",
            "Principal": {"Service": f"{service}.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": queue_arn,
            "Condition": {"ArnEquals": {"aws:SourceArn": list(arns)}},
        }
        for sid, service, arns in senders
        if arns
    ]
    return [refused, *allowed]
