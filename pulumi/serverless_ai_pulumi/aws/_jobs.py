"""How a pipeline hears that a long job has ended: Textract by a topic, Transcribe by the bus."""

from __future__ import annotations

from typing import NamedTuple

import pulumi
import pulumi_aws as aws

from serverless_ai_patterns.aws import event_pipeline as shared
from serverless_ai_patterns.aws import policy
from serverless_ai_pulumi.aws._events import rule_to_queue
from serverless_ai_pulumi.aws._function import grant, service_role
from serverless_ai_pulumi.aws._place import Place
from serverless_ai_pulumi.aws._topic import subscription, topic


class JobEnds(NamedTuple):
    """What was made for it; None where the processor starts no such job."""

    topic: aws.sns.Topic | None = None
    role: aws.iam.Role | None = None
    rule: aws.cloudwatch.EventRule | None = None


def job_ends(
    name: str,
    queue: aws.sqs.Queue,
    dead_letters: aws.sqs.Queue,
    *,
    processor: str,
    results: pulumi.Input[str],
    key_arn: pulumi.Input[str] | None,
    opts: pulumi.ResourceOptions,
) -> JobEnds:
    """The end of a job that `processor` starts becomes a message in `queue`. `results`: the bucket's name."""
    if processor == "transcribe":
        pattern = pulumi.Output.from_input(results).apply(shared.transcribed_pattern)
        return JobEnds(rule=rule_to_queue(f"{name}-rule", pattern, queue, dead_letters, opts=opts))
    if processor != "ocr":
        return JobEnds()
    ends = topic(f"{name}-topic", key_arn=key_arn, opts=opts)
    subscription(f"{name}-subscription", ends, queue, dead_letters, attributes={}, opts=opts)
    account = ends.arn.apply(lambda arn: {"StringEquals": {"aws:SourceAccount": Place.of(arn).account}})
    role = service_role(f"{name}-role", "textract.amazonaws.com", conditions=account, opts=opts)

    def statements(arns: list[str]) -> list[policy.Statement]:
        topic_arn, key = arns
        granted = [policy.publish_to("PublishJobEnds", topic_arn)]
        if key:
            granted.append(policy.use_key(key, region=Place.of(topic_arn).region, services=["sns"]))
        return granted

    arns = pulumi.Output.all(ends.arn, "" if key_arn is None else key_arn)
    grant(f"{name}-policy", role, arns.apply(statements), opts=opts)
    return JobEnds(ends, role)
