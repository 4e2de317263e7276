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
    opts: pulumi.ResourceOptions,
) -> aws.sqs.QueuePolicy:
    """Refuse plain HTTP; let `rules` put in what they could not deliver. A queue has one policy."""
    document = pulumi.Output.all(queue.arn, *(rule.arn for rule in rules)).apply(
        lambda arns: json.dumps({"Version": "2012-10-17", "Statement": _statements(arns[0], arns[1:])})
    )
    return aws.sqs.QueuePolicy(name, queue_url=queue.url, policy=document, opts=opts)


def _queue(
    name: str,
    key_arn: pulumi.Input[str] | None,
    redrive_policy: pulumi.Output[str] | None,
    opts: pulumi.ResourceOptions,
) -> aws.sqs.Queue:
    return aws.sqs.Queue(
        name,
        message_retention_seconds=delivery.QUEUE_RETENTION_S,
        sqs_managed_sse_enabled=True if key_arn is None else None,
        kms_master_key_id=key_arn,
        redrive_policy=redrive_policy,
        opts=opts,
    )


def _statements(queue_arn: str, rule_arns: Sequence[str]) -> list[dict[str, Any]]:
    refused: dict[str, Any] = {
        "Sid": "EnforceTls",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "sqs:*",
        "Resource": queue_arn,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    allowed: dict[str, Any] = {
        "Sid": "AllowRules",
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue_arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": list(rule_arns)}},
    }
    return [refused, allowed] if rule_arns else [refused]
