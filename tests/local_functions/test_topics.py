"""Topics: a queue gets what its filter lets through and its policy allows; the rest is kept or lost aloud."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from functions_cloud import LocalCloud, eventually

_numbers = itertools.count(1)
FROM_TOPICS = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage"}


@pytest.fixture
def topic(cloud: LocalCloud) -> str:
    return cloud.client("sns").create_topic(Name=f"topic{next(_numbers)}")["TopicArn"]


def subscribe(cloud: LocalCloud, topic: str, queue_arn: str, **attributes: str) -> str:
    answer = cloud.client("sns").subscribe(
        TopicArn=topic,
        Protocol="sqs",
        Endpoint=queue_arn,
        Attributes=attributes,
        ReturnSubscriptionArn=True,
    )
    return answer["SubscriptionArn"]


def publish(cloud: LocalCloud, topic: str, message: str, **attributes: str) -> str:
    typed = {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()}
    sns = cloud.client("sns")
    return sns.publish(TopicArn=topic, Message=message, MessageAttributes=typed)["MessageId"]


def bodies(cloud: LocalCloud, url: str, count: int) -> list[dict[str, Any]]:
    """The envelopes in a queue, once there are so many."""
    found: list[dict[str, Any]] = []
    eventually(lambda: found.extend(cloud.received(url)) or len(found) >= count)
    assert len(found) == count
    return [json.loads(one["Body"]) for one in found]


def test_two_queues_each_get_what_their_filter_lets_through(cloud: LocalCloud, topic: str) -> None:
    (invoices, first), (receipts, second) = cloud.queue(FROM_TOPICS), cloud.queue(FROM_TOPICS)
    subscribe(cloud, topic, first, FilterPolicy=json.dumps({"kind": ["invoice"]}))
    subscribe(cloud, topic, second, FilterPolicy=json.dumps({"kind": ["receipt", "ticket"]}))
    for kind in ("invoice", "ticket", "memo", "receipt"):
        publish(cloud, topic, f"a {kind}", kind=kind)
    publish(cloud, topic, "no kind at all")
    assert [one["Message"] for one in bodies(cloud, invoices, 1)] == ["a invoice"]
    assert sorted(one["Message"] for one in bodies(cloud, receipts, 2)) == ["a receipt", "a ticket"]


def test_without_a_filter_all_comes_in_snss_envelope(cloud: LocalCloud, topic: str) -> None:
    url, arn = cloud.queue(FROM_TOPICS)
    subscription = subscribe(cloud, topic, arn)
    message_id = publish(cloud, topic, 'Grüße "an" alle', kind="memo")
    [envelope] = bodies(cloud, url, 1)
    assert envelope["Type"] == "Notification"
    assert (envelope["TopicArn"], envelope["MessageId"]) == (topic, message_id)
    assert envelope["Message"] == 'Grüße "an" alle'
    assert envelope["MessageAttributes"] == {"kind": {"Type": "String", "Value": "memo"}}
    assert envelope["UnsubscribeURL"].endswith(subscription)
    assert envelope["Signature"]


@pytest.mark.parametrize("raw", ["true", "false"])
def test_raw_delivery_is_what_the_subscription_says(cloud: LocalCloud, topic: str, raw: str) -> None:
    url, arn = cloud.queue(FROM_TOPICS)
    subscribe(cloud, topic, arn, RawMessageDelivery=raw)
    publish(cloud, topic, '{"a": 1}', kind="memo")
    [message] = eventually(lambda: cloud.received(url))
    if raw == "true":
        assert message["Body"] == '{"a": 1}'
        assert message["MessageAttributes"]["kind"]["StringValue"] == "memo"
    else:
        assert json.loads(message["Body"])["Message"] == '{"a": 1}'


def test_a_queue_that_does_not_let_the_topic_in_gets_nothing(
    cloud: LocalCloud, topic: str, caplog: pytest.LogCaptureFixture
) -> None:
    url, arn = cloud.queue()
    subscribe(cloud, topic, arn)
    publish(cloud, topic, "knock knock")
    eventually(lambda: "the subscription has no dead-letter queue" in caplog.text)
    assert cloud.received(url) == []


def test_the_policy_may_name_the_one_topic(cloud: LocalCloud, topic: str) -> None:
    other = cloud.client("sns").create_topic(Name=f"topic{next(_numbers)}")["TopicArn"]
    only = {**FROM_TOPICS, "Condition": {"ArnEquals": {"aws:SourceArn": topic}}}
    url, arn = cloud.queue(only)
    for one in (topic, other):
        subscribe(cloud, one, arn)
    publish(cloud, other, "from the other")
    publish(cloud, topic, "from this one")
    assert [one["Message"] for one in bodies(cloud, url, 1)] == ["from this one"]


def test_what_cannot_be_delivered_is_kept_in_the_subscriptions_dead_letter_queue(
    cloud: LocalCloud, topic: str
) -> None:
    dead, dead_arn = cloud.queue(FROM_TOPICS)
    _, closed = cloud.queue()
    subscribe(cloud, topic, closed, RedrivePolicy=json.dumps({"deadLetterTargetArn": dead_arn}))
    publish(cloud, topic, "keep me")
    [letter] = bodies(cloud, dead, 1)
    assert letter["Message"] == "keep me"


def test_one_queue_that_is_gone_does_not_stop_the_others(cloud: LocalCloud, topic: str) -> None:
    gone, gone_arn = cloud.queue(FROM_TOPICS)
    url, arn = cloud.queue(FROM_TOPICS)
    for one in (gone_arn, arn):
        subscribe(cloud, topic, one)
    cloud.client("sqs").delete_queue(QueueUrl=gone)
    publish(cloud, topic, "still here")
    assert [one["Message"] for one in bodies(cloud, url, 1)] == ["still here"]
