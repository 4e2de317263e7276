"""SQS queues: encrypted, TLS only, with a queue for what nobody could process."""

from __future__ import annotations

from aws_cdk import Duration, RemovalPolicy, aws_kms, aws_sqs
from constructs import Construct

from serverless_ai_cdk._acknowledge import acknowledge
from serverless_ai_patterns.aws import delivery


def queue(
    scope: Construct, id: str, *, key: aws_kms.IKey | None, dead_letters: aws_sqs.IQueue
) -> aws_sqs.Queue:
    """A queue whose messages become dead letters when they are received too often and not deleted."""
    return _queue(
        scope,
        id,
        key,
        aws_sqs.DeadLetterQueue(max_receive_count=delivery.RECEIVES_BEFORE_DEAD, queue=dead_letters),
    )


def work_queue(
    scope: Construct,
    id: str,
    *,
    key: aws_kms.IKey | None,
    dead_letters: aws_sqs.IQueue,
    visibility_s: int,
    max_receives: int,
) -> aws_sqs.Queue:
    """A queue that a function works on: a message is hidden for `visibility_s` while it does."""
    return _queue(
        scope,
        id,
        key,
        aws_sqs.DeadLetterQueue(max_receive_count=max_receives, queue=dead_letters),
        visibility_s=visibility_s,
    )


def dead_letter_queue(scope: Construct, id: str, *, key: aws_kms.IKey | None) -> aws_sqs.Queue:
    """The end of the line: where events and messages wait for people."""
    made = _queue(scope, id, key, None)
    reason = "This is the dead-letter queue"
    acknowledge(made, "AwsSolutions-SQS3", reason)
    acknowledge(made, "Serverless-SQSRedrivePolicy", reason)
    return made


def _queue(
    scope: Construct,
    id: str,
    key: aws_kms.IKey | None,
    dead_letter_queue: aws_sqs.DeadLetterQueue | None,
    *,
    visibility_s: int | None = None,
) -> aws_sqs.Queue:
    return aws_sqs.Queue(
        scope,
        id,
        encryption=aws_sqs.QueueEncryption.KMS if key else aws_sqs.QueueEncryption.SQS_MANAGED,
        encryption_master_key=key,
        enforce_ssl=True,
        retention_period=Duration.seconds(delivery.QUEUE_RETENTION_S),
        dead_letter_queue=dead_letter_queue,
        visibility_timeout=Duration.seconds(visibility_s) if visibility_s else None,
        removal_policy=RemovalPolicy.DESTROY,
    )
