"""SNS topics that several pipelines share, each with a filter of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aws_cdk import aws_iam, aws_kms, aws_sns, aws_sqs
from constructs import Construct

from serverless_ai_cdk._key import let_topics_use


def topic(scope: Construct, id: str, *, key: aws_kms.IKey | None) -> aws_sns.Topic:
    """A topic that takes messages over TLS only."""
    return aws_sns.Topic(scope, id, master_key=key, enforce_ssl=True)


def subscription(
    scope: Construct,
    id: str,
    topic: aws_sns.ITopic,
    queue: aws_sqs.Queue,
    dead_letters: aws_sqs.IQueue,
    *,
    attributes: Mapping[str, Any],
    key: aws_kms.IKey | None,
) -> aws_sns.CfnSubscription:
    """Messages whose attributes match go to `queue`; what cannot be delivered goes to `dead_letters`."""
    for target in (queue, dead_letters):
        target.add_to_resource_policy(
            aws_iam.PolicyStatement(
                sid=f"Allow{id}",
                principals=[aws_iam.ServicePrincipal("sns.amazonaws.com")],
                actions=["sqs:SendMessage"],
                resources=[target.queue_arn],
                conditions={"ArnEquals": {"aws:SourceArn": topic.topic_arn}},
            )
        )
    if key:
        let_topics_use(scope, key)
    return aws_sns.CfnSubscription(
        scope,
        id,
        topic_arn=topic.topic_arn,
        protocol="sqs",
        endpoint=queue.queue_arn,
        filter_policy=dict(attributes) or None,
        redrive_policy={"deadLetterTargetArn": dead_letters.queue_arn},
    )
