"""SNS topics that several pipelines share, each with a filter of its own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_aws as aws


def topic(name: str, *, key_arn: pulumi.Input[str] | None, opts: pulumi.ResourceOptions) -> aws.sns.Topic:
    """A topic that takes messages over TLS only."""
    made = aws.sns.Topic(name, kms_master_key_id=key_arn, opts=opts)
    aws.sns.TopicPolicy(f"{name}-policy", arn=made.arn, policy=made.arn.apply(_policy), opts=opts)
    return made


def subscription(
    name: str,
    topic: aws.sns.Topic,
    queue: aws.sqs.Queue,
    dead_letters: aws.sqs.Queue,
    *,
    attributes: Mapping[str, Any],
    opts: pulumi.ResourceOptions,
) -> aws.sns.TopicSubscription:
    """Messages whose attributes match go to `queue`; what cannot be delivered goes to `dead_letters`.

    The policies of both queues must let the topic send (`queue_policy`).
    """
    return aws.sns.TopicSubscription(
        name,
        topic=topic.arn,
        protocol="sqs",
        endpoint=queue.arn,
        filter_policy=json.dumps(attributes) if attributes else None,
        redrive_policy=pulumi.Output.json_dumps({"deadLetterTargetArn": dead_letters.arn}),
        opts=opts,
    )


def _policy(arn: str) -> str:
    account = arn.split(":")[4]
    statements: list[dict[str, Any]] = [
        {
            "Sid": "AllowAccount",
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:{arn.split(':')[1]}:iam::{account}:root"},
            "Action": ["sns:Publish", "sns:Subscribe"],
            "Resource": arn,
        },
        {
            "Sid": "EnforceTls",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "sns:Publish",
            "Resource": arn,
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        },
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": statements})
