"""SQS queues and SNS topics, with their policies."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Final

from serverless_ai_local.aws.provider import Context, Made, ResourceError
from serverless_ai_local.aws.resources.attachment import Attachment, Target
from serverless_ai_local.aws.resources.calls import as_json, call, fitted
from serverless_ai_local.aws.resources.kind import Call, Facet, Kind, Properties
from serverless_ai_local.aws.resources.naming import Name
from serverless_ai_local.aws.resources.tagging import Tagging

_QUEUE: Final = "AWS::SQS::Queue"
_TOPIC: Final = "AWS::SNS::Topic"

# Attribute -> what a queue has that says nothing about it (SQS API reference, SetQueueAttributes).
_QUEUE_ATTRIBUTES: Final = {
    "ContentBasedDeduplication": "false",
    "DeduplicationScope": "queue",
    "DelaySeconds": "0",
    "FifoQueue": "",
    "FifoThroughputLimit": "perQueue",
    "KmsDataKeyReusePeriodSeconds": "300",
    "KmsMasterKeyId": "",
    "MaximumMessageSize": "262144",
    "MessageRetentionPeriod": "345600",
    "ReceiveMessageWaitTimeSeconds": "0",
    "RedriveAllowPolicy": "",
    "RedrivePolicy": "",
    "SqsManagedSseEnabled": "true",
    "VisibilityTimeout": "30",
}
_TOPIC_ATTRIBUTES: Final = {
    "ContentBasedDeduplication": "false",
    "DeliveryStatusLogging": "",
    "DisplayName": "",
    "FifoTopic": "",
    "KmsMasterKeyId": "",
    "SignatureVersion": "1",
    "TracingConfig": "PassThrough",
}


def _attributes(properties: Properties, known: Mapping[str, str]) -> dict[str, str]:
    """As text. One whose own value is a number must be one."""
    attributes = {name: as_json(properties[name]) for name in known if name in properties}
    for name, text in attributes.items():
        if known[name].isdecimal() and not text.isdecimal():
            raise ResourceError(f"{name} must be a whole number, got {text!r}")
    return attributes


def _queue(properties: Properties) -> Properties:
    attributes = _attributes(properties, _QUEUE_ATTRIBUTES)
    if attributes.get("FifoQueue") == "false":
        del attributes["FifoQueue"]
    rest = {name: value for name, value in properties.items() if name not in _QUEUE_ATTRIBUTES}
    return {**rest, "Attributes": attributes}


def _set_queue(context: Context, made: Made, old: Properties, new: Properties) -> None:
    before, after = _attributes(old, _QUEUE_ATTRIBUTES), _attributes(new, _QUEUE_ATTRIBUTES)
    gone = {name: _QUEUE_ATTRIBUTES[name] for name in before.keys() - after.keys()}
    changed = {name: value for name, value in after.items() if before.get(name) != value}
    parameters = {"QueueUrl": made.physical_id, "Attributes": {**gone, **changed}}
    fitted(context, "sqs", "SetQueueAttributes", parameters, _QUEUE)


def _topic(properties: Properties) -> Properties:
    rest = {name: value for name, value in properties.items() if name not in _TOPIC_ATTRIBUTES}
    return {**rest, "Attributes": _attributes(properties, _TOPIC_ATTRIBUTES)}


def _set_topic(context: Context, made: Made, old: Properties, new: Properties) -> None:
    before, after = _attributes(old, _TOPIC_ATTRIBUTES), _attributes(new, _TOPIC_ATTRIBUTES)
    wanted = {**{name: _TOPIC_ATTRIBUTES[name] for name in before.keys() - after.keys()}, **after}
    for name, value in wanted.items():
        if before.get(name) != value:
            parameters = {"TopicArn": made.physical_id, "AttributeName": name, "AttributeValue": value}
            call(context, "sns", "SetTopicAttributes", parameters)


def _subscriptions(context: Context, made: Made, old: Properties, new: Properties) -> None:
    if old:
        raise ResourceError(f"{_TOPIC}: Subscription cannot be changed; use AWS::SNS::Subscription")
    for subscription in new.get("Subscription", []):
        fitted(context, "sns", "Subscribe", {"TopicArn": made.physical_id, **subscription}, _TOPIC)


def _set_queue_policy(context: Context, queue_url: str, document: str) -> None:
    parameters = {"QueueUrl": queue_url, "Attributes": {"Policy": document}}
    call(context, "sqs", "SetQueueAttributes", parameters)


def _set_topic_policy(context: Context, topic_arn: str, document: str) -> None:
    parameters = {"TopicArn": topic_arn, "AttributeName": "Policy", "AttributeValue": document}
    call(context, "sns", "SetTopicAttributes", parameters)


def _own_topic_policy(context: Context, topic_arn: str) -> str:
    """The policy that SNS gives a topic: its account may use it."""
    statement = {
        "Sid": "__default_statement_ID",
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": ["SNS:Publish", "SNS:Subscribe", "SNS:GetTopicAttributes", "SNS:SetTopicAttributes"],
        "Resource": topic_arn,
        "Condition": {"StringEquals": {"AWS:SourceOwner": context.account}},
    }
    return json.dumps({"Version": "2008-10-17", "Id": "__default_policy_ID", "Statement": [statement]})


def _subscription(properties: Properties) -> Properties:
    attributes = {name: as_json(properties[name]) for name in _SUBSCRIPTION_ATTRIBUTES if name in properties}
    rest = {name: value for name, value in properties.items() if name not in _SUBSCRIPTION_ATTRIBUTES}
    return {**rest, "Attributes": attributes, "ReturnSubscriptionArn": True}


def _set_subscription(context: Context, made: Made, old: Properties, new: Properties) -> None:
    for name in sorted(_SUBSCRIPTION_ATTRIBUTES):
        if old.get(name) != new.get(name):
            parameters = {
                "SubscriptionArn": made.physical_id,
                "AttributeName": name,
                "AttributeValue": as_json(new.get(name, {} if name != "RawMessageDelivery" else "false")),
            }
            call(context, "sns", "SetSubscriptionAttributes", parameters)


_SUBSCRIPTION_ATTRIBUTES: Final = frozenset(
    {"DeliveryPolicy", "FilterPolicy", "FilterPolicyScope", "RawMessageDelivery", "RedrivePolicy"}
)


def _after(separator: str) -> Callable[[str], str]:
    return lambda physical_id: physical_id.rsplit(separator, 1)[-1]


PROVIDERS: Final = (
    Kind(
        type=_QUEUE,
        service="sqs",
        create_call=Call("CreateQueue"),
        delete_call=Call("DeleteQueue", {"QueueUrl": "{id}"}),
        read_call=Call("GetQueueUrl", {"QueueName": "{p[QueueName]}"}),
        overwrites=True,
        ref="{answer[QueueUrl]}",
        attributes={
            "Arn": "arn:aws:sqs:{context.region}:{context.account}:{p[QueueName]}",
            "QueueName": "{p[QueueName]}",
            "QueueUrl": "{answer[QueueUrl]}",
        },
        name=Name(
            property="QueueName",
            limit=80,
            suffix=lambda p: ".fifo" if str(p.get("FifoQueue")).lower() == "true" else "",
            of_id=_after("/"),
        ),
        immutable=frozenset({"FifoQueue"}),
        prepare=_queue,
        built=frozenset({"Attributes"}),
        facets=(Facet(properties=frozenset(_QUEUE_ATTRIBUTES), apply=_set_queue, in_create=True),),
        tagging=Tagging(target="{id}", tag="TagQueue", untag="UntagQueue"),
    ),
    Attachment(
        type="AWS::SQS::QueuePolicy",
        targets=(
            Target(
                "Queues",
                attach=lambda context, url, _, document: _set_queue_policy(context, url, document),
                detach=lambda context, url, _: _set_queue_policy(context, url, ""),
            ),
        ),
    ),
    Kind(
        type=_TOPIC,
        service="sns",
        create_call=Call("CreateTopic", {"Name": "{p[TopicName]}"}),
        delete_call=Call("DeleteTopic", {"TopicArn": "{id}"}),
        read_call=Call(
            "GetTopicAttributes",
            {"TopicArn": "arn:aws:sns:{context.region}:{context.account}:{p[TopicName]}"},
        ),
        overwrites=True,
        ref="{answer[TopicArn]}",
        attributes={"TopicArn": "{answer[Attributes][TopicArn]}", "TopicName": "{p[TopicName]}"},
        name=Name(
            property="TopicName",
            limit=256,
            suffix=lambda p: ".fifo" if str(p.get("FifoTopic")).lower() == "true" else "",
            of_id=_after(":"),
        ),
        renames={"TopicName": "Name"},
        immutable=frozenset({"FifoTopic"}),
        prepare=_topic,
        built=frozenset({"Attributes"}),
        facets=(
            Facet(properties=frozenset(_TOPIC_ATTRIBUTES), apply=_set_topic, in_create=True),
            Facet(properties=frozenset({"Subscription"}), apply=_subscriptions),
        ),
        tagging=Tagging(target="{id}"),
    ),
    Attachment(
        type="AWS::SNS::TopicPolicy",
        targets=(
            Target(
                "Topics",
                attach=lambda context, arn, _, document: _set_topic_policy(context, arn, document),
                detach=lambda context, arn, _: _set_topic_policy(
                    context, arn, _own_topic_policy(context, arn)
                ),
            ),
        ),
    ),
    Kind(
        type="AWS::SNS::Subscription",
        service="sns",
        create_call=Call("Subscribe"),
        delete_call=Call("Unsubscribe", {"SubscriptionArn": "{id}"}),
        ref="{answer[SubscriptionArn]}",
        attributes={"Arn": "{id}"},
        immutable=frozenset({"TopicArn", "Endpoint", "Protocol"}),
        prepare=_subscription,
        built=frozenset({"Attributes", "ReturnSubscriptionArn"}),
        facets=(Facet(properties=_SUBSCRIPTION_ATTRIBUTES, apply=_set_subscription, in_create=True),),
    ),
)
