"""How a pipeline hears that a long job has ended: Textract by a topic, Transcribe by the bus."""

from __future__ import annotations

from typing import NamedTuple

from aws_cdk import Stack, aws_events, aws_iam, aws_kms, aws_sns, aws_sqs
from constructs import Construct

from serverless_ai_cdk._events import rule_to_queue
from serverless_ai_cdk._function import service_role
from serverless_ai_cdk._topic import subscription, topic
from serverless_ai_patterns.aws import event_pipeline as shared
from serverless_ai_patterns.aws import policy


class JobEnds(NamedTuple):
    """What was made for it; None where the processor starts no such job."""

    topic: aws_sns.Topic | None = None
    role: aws_iam.Role | None = None
    rule: aws_events.CfnRule | None = None


def job_ends(
    scope: Construct,
    id: str,
    queue: aws_sqs.Queue,
    dead_letters: aws_sqs.Queue,
    *,
    processor: str,
    results: str,
    key: aws_kms.IKey | None,
) -> JobEnds:
    """The end of a job that `processor` starts becomes a message in `queue`. `results`: the bucket's name."""
    if processor == "transcribe":
        pattern = shared.transcribed_pattern(results)
        return JobEnds(rule=rule_to_queue(scope, f"{id}Rule", queue, dead_letters, pattern=pattern, key=key))
    if processor != "ocr":
        return JobEnds()
    stack = Stack.of(scope)
    ends = topic(scope, f"{id}Topic", key=key)
    subscription(scope, f"{id}Subscription", ends, queue, dead_letters, attributes={}, key=key)
    statements = [policy.publish_to("PublishJobEnds", ends.topic_arn)]
    if key:
        statements.append(policy.use_key(key.key_arn, region=stack.region, services=["sns"]))
    role = service_role(
        scope,
        f"{id}Role",
        "textract.amazonaws.com",
        statements,
        conditions={"StringEquals": {"aws:SourceAccount": stack.account}},
    )
    return JobEnds(ends, role)
