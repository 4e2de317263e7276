"""SQS queues and SNS topics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from serverless_ai_local.aws.from_pulumi import existing
from serverless_ai_local.aws.from_pulumi.direct import Direct, PartOf
from serverless_ai_local.aws.from_pulumi.translation import TAG_LIST, AutoName, Translation, document
from serverless_ai_local.aws.provider import Context
from serverless_ai_local.aws.resources.calls import as_json, call
from serverless_ai_local.doors.pulumi.clouds import Live
from serverless_ai_local.doors.pulumi.values import UNKNOWN, Values
from serverless_ai_local.graph import Resource


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


def _attribute(token: str, input_: str, attribute: str) -> Direct:
    """An attribute of a queue that Terraform makes apart, so that two queues can name each other."""

    def make(context: Context, given: Values) -> Live:
        _set(context, given["queueUrl"], as_json(document(given[input_])))
        return Live(id=given["queueUrl"])

    def remove(context: Context, live: Live, given: Values) -> None:
        _set(context, given["queueUrl"], "")

    def _set(context: Context, queue_url: str, text: str) -> None:
        call(context, "sqs", "SetQueueAttributes", {"QueueUrl": queue_url, "Attributes": {attribute: text}})

    def check(given: Values) -> None:
        if given.get(input_) is not UNKNOWN:
            document(given[input_])

    return Direct(
        token,
        inputs=("queueUrl", input_),
        make=make,
        change=lambda context, live, given: make(context, given),
        remove=remove,
        fixed=("queueUrl",),
        unique=("queueUrl",),
        validate=check,
        part_of=_part_of_queue(input_, attribute),
    )


def _part_of_queue(input_: str, attribute: str) -> PartOf:
    """A queue's URL ends in its name."""

    def put(resources: Sequence[Resource], inputs: Values) -> list[Resource]:
        name = str(inputs["queueUrl"]).rsplit("/", 1)[-1]
        return [
            replace(one, properties={**one.properties, attribute: document(inputs[input_])})
            if one.type == "AWS::SQS::Queue" and one.properties.get("QueueName") == name
            else one
            for one in resources
        ]

    return put


DIRECT: Final = (
    _attribute("aws:sqs/redriveAllowPolicy:RedriveAllowPolicy", "redriveAllowPolicy", "RedriveAllowPolicy"),
    _attribute("aws:sqs/redrivePolicy:RedrivePolicy", "redrivePolicy", "RedrivePolicy"),
)
