"""Queues and topics as declared, seen through boto3."""

from __future__ import annotations

import json
from typing import Any

import pytest

from serverless_ai_local.aws.provider import Made, ResourceError


def test_queue(types: Any) -> None:
    sqs = types.client("sqs")

    def read(made: Made) -> Any:
        attributes = sqs.get_queue_attributes(QueueUrl=made.physical_id, AttributeNames=["All"])["Attributes"]
        return {**attributes, "tags": sqs.list_queue_tags(QueueUrl=made.physical_id).get("Tags", {})}

    redrive = {"deadLetterTargetArn": "arn:aws:sqs:us-east-1:123456789012:dead", "maxReceiveCount": 3}
    sqs.create_queue(QueueName="dead")
    made = types.lives(
        "AWS::SQS::Queue",
        read,
        [
            (
                {
                    "MessageRetentionPeriod": 1209600,
                    "SqsManagedSseEnabled": True,
                    "VisibilityTimeout": "180",
                    "RedrivePolicy": redrive,
                    "Tags": [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}],
                },
                {
                    "MessageRetentionPeriod": "1209600",
                    "SqsManagedSseEnabled": "true",
                    "VisibilityTimeout": "180",
                    "RedrivePolicy": json.dumps(redrive),
                    "tags": {"a": "1", "b": "2"},
                },
            ),
            (
                {"MessageRetentionPeriod": 60, "DelaySeconds": 5, "Tags": [{"Key": "b", "Value": "3"}]},
                {
                    "MessageRetentionPeriod": "60",
                    "DelaySeconds": "5",
                    "VisibilityTimeout": "30",
                    "tags": {"b": "3"},
                },
            ),
        ],
    )
    name = made.attributes["QueueName"]
    assert name.startswith("Shop-R-")
    assert made.attributes["Arn"] == f"arn:aws:sqs:us-east-1:123456789012:{name}"
    assert made.physical_id == made.attributes["QueueUrl"]
    sqs.delete_queue(QueueUrl=sqs.get_queue_url(QueueName="dead")["QueueUrl"])


def test_queue_names(types: Any) -> None:
    with types.made("AWS::SQS::Queue", {"FifoQueue": True}) as fifo:
        assert fifo.attributes["QueueName"].endswith(".fifo")
    with types.made("AWS::SQS::Queue", {}, "L" * 200) as long:
        assert len(long.attributes["QueueName"]) <= 80
    with types.made("AWS::SQS::Queue", {"QueueName": "mine"}) as named:
        assert named.attributes["QueueName"] == "mine"
        with pytest.raises(ResourceError, match="mine already exists"):
            types.provider("AWS::SQS::Queue").create(types.context(), "R", {"QueueName": "mine"})


def test_queue_policy(types: Any) -> None:
    sqs = types.client("sqs")
    with types.made("AWS::SQS::Queue", {}) as one, types.made("AWS::SQS::Queue", {}) as two:

        def policy(queue: Made) -> Any:
            found = sqs.get_queue_attributes(QueueUrl=queue.physical_id, AttributeNames=["All"])["Attributes"]
            return json.loads(found["Policy"]) if found.get("Policy") else None

        provider, context = types.provider("AWS::SQS::QueuePolicy"), types.context()
        first = {
            "Queues": [one.physical_id, two.physical_id],
            "PolicyDocument": types.allow("sqs:SendMessage"),
        }
        then = {"Queues": [two.physical_id], "PolicyDocument": types.allow("sqs:ReceiveMessage")}
        resource = provider.create(context, "P", first)
        assert policy(one) == policy(two) == types.allow("sqs:SendMessage")
        provider.update(context, resource.physical_id, first, then)
        assert policy(one) is None
        assert policy(two) == types.allow("sqs:ReceiveMessage")
        provider.delete(context, resource.physical_id, then)
        assert policy(two) is None


def test_topic_subscription_and_policy(types: Any) -> None:
    sns = types.client("sns")

    def attributes(made: Made) -> Any:
        found = sns.get_topic_attributes(TopicArn=made.physical_id)["Attributes"]
        tags = sns.list_tags_for_resource(ResourceArn=made.physical_id)["Tags"]
        return {"KmsMasterKeyId": "", **found, "tags": {tag["Key"]: tag["Value"] for tag in tags}}

    def subscription(made: Made) -> Any:
        return sns.get_subscription_attributes(SubscriptionArn=made.physical_id)["Attributes"]

    types.lives(
        "AWS::SNS::Topic",
        attributes,
        [
            (
                {
                    "DisplayName": "Alarms",
                    "KmsMasterKeyId": "alias/aws/sns",
                    "Tags": [{"Key": "a", "Value": "1"}],
                },
                {"DisplayName": "Alarms", "KmsMasterKeyId": "alias/aws/sns", "tags": {"a": "1"}},
            ),
            ({"DisplayName": "More"}, {"DisplayName": "More", "KmsMasterKeyId": "", "tags": {}}),
        ],
    )
    with types.made("AWS::SNS::Topic", {}) as topic, types.made("AWS::SQS::Queue", {}) as queue:
        about = {"TopicArn": topic.physical_id, "Protocol": "sqs", "Endpoint": queue.attributes["Arn"]}
        types.lives(
            "AWS::SNS::Subscription",
            subscription,
            [
                (about | {"RawMessageDelivery": True}, {"RawMessageDelivery": "true"}),
                (
                    about | {"FilterPolicy": {"kind": ["a"]}},
                    {"RawMessageDelivery": "false", "FilterPolicy": '{"kind": ["a"]}'},
                ),
            ],
        )
        policy = {
            "Topics": [topic.physical_id],
            "PolicyDocument": types.allow("sns:Publish", topic.physical_id),
        }
        with types.made("AWS::SNS::TopicPolicy", policy):
            assert json.loads(attributes(topic)["Policy"]) == policy["PolicyDocument"]
        assert "AWS:SourceOwner" in attributes(topic)["Policy"]
