"""SQS queues and SNS topics."""

from __future__ import annotations

from typing import Any, Final

from serverless_ai_local.aws.from_pulumi import existing
from serverless_ai_local.aws.from_pulumi.translation import TAG_LIST, AutoName, Translation, document
from serverless_ai_local.doors.pulumi.values import Values


def _fifo(input_: str) -> Any:
    """Names of first-in-first-out queues and topics end so."""

    def suffix(inputs: Values) -> str:
        return ".fifo" if inputs.get(input_) is True else ""

    return suffix


def _one(value: Any) -> list[Any]:
    """CloudFormation hangs a policy on several, Terraform on one."""
    return [value]


ROWS: Final = (
    Translation(
        "aws:sqs/queue:Queue",
        "AWS::SQS::Queue",
        inputs={
            "contentBasedDeduplication": "ContentBasedDeduplication",
            "deduplicationScope": "DeduplicationScope",
            "delaySeconds": "DelaySeconds",
            "fifoQueue": "FifoQueue",
            "fifoThroughputLimit": "FifoThroughputLimit",
            "kmsDataKeyReusePeriodSeconds": "KmsDataKeyReusePeriodSeconds",
            "kmsMasterKeyId": "KmsMasterKeyId",
            "maxMessageSize": "MaximumMessageSize",
            "messageRetentionSeconds": "MessageRetentionPeriod",
            "name": "QueueName",
            "receiveWaitTimeSeconds": "ReceiveMessageWaitTimeSeconds",
            "redriveAllowPolicy": ("RedriveAllowPolicy", document),
            "redrivePolicy": ("RedrivePolicy", document),
            "sqsManagedSseEnabled": "SqsManagedSseEnabled",
            "tags": TAG_LIST,
            "visibilityTimeoutSeconds": "VisibilityTimeout",
        },
        outputs={"arn": "{a[Arn]}", "url": "{id}"},
        name=AutoName(limit=80, suffix=_fifo("fifoQueue")),
        read=existing.queue,
    ),
    Translation(
        "aws:sqs/queuePolicy:QueuePolicy",
        "AWS::SQS::QueuePolicy",
        inputs={"policy": ("PolicyDocument", document), "queueUrl": ("Queues", _one)},
        id="{p[Queues][0]}",
        unique=("queueUrl",),
    ),
    Translation(
        "aws:sns/topic:Topic",
        "AWS::SNS::Topic",
        inputs={
            "archivePolicy": ("ArchivePolicy", document),
            "contentBasedDeduplication": "ContentBasedDeduplication",
            "displayName": "DisplayName",
            "fifoThroughputScope": "FifoThroughputScope",
            "fifoTopic": "FifoTopic",
            "kmsMasterKeyId": "KmsMasterKeyId",
            "name": "TopicName",
            "signatureVersion": ("SignatureVersion", str),
            "tags": TAG_LIST,
            "tracingConfig": "TracingConfig",
        },
        outputs={"arn": "{id}", "owner": "{context.account}"},
        name=AutoName(limit=256, suffix=_fifo("fifoTopic")),
        read=existing.topic,
    ),
    Translation(
        "aws:sns/topicSubscription:TopicSubscription",
        "AWS::SNS::Subscription",
        inputs={
            "deliveryPolicy": ("DeliveryPolicy", document),
            "endpoint": "Endpoint",
            "filterPolicy": ("FilterPolicy", document),
            "filterPolicyScope": "FilterPolicyScope",
            "protocol": "Protocol",
            "rawMessageDelivery": "RawMessageDelivery",
            "redrivePolicy": ("RedrivePolicy", document),
            "subscriptionRoleArn": "SubscriptionRoleArn",
            "topic": "TopicArn",
        },
        outputs={
            "arn": "{id}",
            "confirmationWasAuthenticated": lambda context, made, properties: True,
            "ownerId": "{context.account}",
            "pendingConfirmation": lambda context, made, properties: False,
        },
        unique=("topic", "protocol", "endpoint"),
    ),
    Translation(
        "aws:sns/topicPolicy:TopicPolicy",
        "AWS::SNS::TopicPolicy",
        inputs={"arn": ("Topics", _one), "policy": ("PolicyDocument", document)},
        id="{p[Topics][0]}",
        outputs={"owner": "{context.account}"},
        unique=("arn",),
    ),
)
