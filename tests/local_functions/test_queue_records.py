"""Queues under many hands at once: nothing lost, nothing given to two, receipts and moves by SQS's rules."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from functions_cloud import LocalCloud, eventually

from serverless_ai_local.admin import AdminCall


def refused(call: Callable[[], Any]) -> str:
    with pytest.raises(ClientError) as caught:
        call()
    return caught.value.response["Error"]["Code"]


def receive(cloud: LocalCloud, url: str, **more: Any) -> list[dict[str, Any]]:
    wanted = {"MaxNumberOfMessages": 10, "MessageAttributeNames": ["All"], "AttributeNames": ["All"], **more}
    return cloud.client("sqs").receive_message(QueueUrl=url, **wanted).get("Messages", [])


# -- many hands -----------------------------------------------------------------------------------------
def test_of_messages_that_are_sent_read_and_deleted_at_once_each_is_read_once(cloud: LocalCloud) -> None:
    from serverless_ai_local.aws import queues

    _, arn = cloud.queue()
    queue, count, senders = queues.find(arn), 300, 3
    seen: list[str] = []

    def send(first: int) -> None:
        from moto.sqs.models import sqs_backends

        for number in range(first, count, senders):
            sqs_backends[queue.account_id][queue.region].send_message(queue.name, str(number))

    def read() -> None:
        until = time.monotonic() + 30
        while len(seen) < count and time.monotonic() < until:
            for message in queues.receive(queue, 10, 0.05, 60, []):
                seen.append(message.body)
                queue.delete_message(message.receipt_handle)

    threads = [threading.Thread(target=send, args=(first,)) for first in range(senders)]
    threads += [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter(seen) == Counter(map(str, range(count)))
    assert queues.stored(queue) == []


def test_a_waiting_reader_gets_what_becomes_visible_by_time(cloud: LocalCloud) -> None:
    url, _ = cloud.queue()
    cloud.client("sqs").send_message(QueueUrl=url, MessageBody="later", DelaySeconds=1)
    assert receive(cloud, url) == []
    began = time.monotonic()
    [message] = receive(cloud, url, WaitTimeSeconds=20, VisibilityTimeout=1)
    assert time.monotonic() - began < 15
    [again] = receive(cloud, url, WaitTimeSeconds=20)
    assert again["MessageId"] == message["MessageId"]
    assert again["Attributes"]["ApproximateReceiveCount"] == "2"


# -- receipts -------------------------------------------------------------------------------------------
def test_an_old_receipt_neither_deletes_nor_hides_a_message_that_somebody_else_has(cloud: LocalCloud) -> None:
    sqs, (url, _) = cloud.client("sqs"), cloud.queue()
    sqs.send_message(QueueUrl=url, MessageBody="mine")
    [first] = receive(cloud, url, VisibilityTimeout=1)
    [second] = eventually(lambda: receive(cloud, url, VisibilityTimeout=30))
    old = first["ReceiptHandle"]
    sqs.delete_message(QueueUrl=url, ReceiptHandle=old)
    change = {"QueueUrl": url, "VisibilityTimeout": 0}
    assert (
        refused(lambda: sqs.change_message_visibility(**change, ReceiptHandle=old)) == "InvalidParameterValue"
    )
    sqs.change_message_visibility(**change, ReceiptHandle=second["ReceiptHandle"])
    assert [one["Body"] for one in receive(cloud, url)] == ["mine"]


def test_a_message_that_is_visible_again_cannot_be_hidden_by_its_receipt(cloud: LocalCloud) -> None:
    sqs, (url, _) = cloud.client("sqs"), cloud.queue()
    sqs.send_message(QueueUrl=url, MessageBody="mine")
    [message] = receive(cloud, url, VisibilityTimeout=1)
    time.sleep(1.1)
    code = refused(
        lambda: sqs.change_message_visibility(
            QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=5
        )
    )
    assert code == "AWS.SimpleQueueService.MessageNotInflight"


# -- attributes -----------------------------------------------------------------------------------------
def test_changing_one_attribute_leaves_the_policy(cloud: LocalCloud) -> None:
    sqs = cloud.client("sqs")
    url, _ = cloud.queue({"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage"})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "7"})
    kept = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert json.loads(kept["Policy"])["Statement"]
    assert kept["VisibilityTimeout"] == "7"
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": ""})
    assert "Policy" not in sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]


@pytest.mark.parametrize(
    ("permission", "allowed"), [("denyAll", False), ("byQueue", False), ("allowAll", True)]
)
def test_a_dead_letter_queue_says_whose_letters_it_takes(
    cloud: LocalCloud, permission: str, allowed: bool
) -> None:
    sqs, (dead, dead_arn), (source, source_arn) = cloud.client("sqs"), cloud.queue(), cloud.queue()
    policy: dict[str, Any] = {"redrivePermission": permission}
    if permission == "byQueue":
        policy["sourceQueueArns"] = [source_arn + "-other"]
    sqs.set_queue_attributes(QueueUrl=dead, Attributes={"RedriveAllowPolicy": json.dumps(policy)})
    names = ["RedriveAllowPolicy"]
    shown = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=names)["Attributes"]
    assert json.loads(shown["RedriveAllowPolicy"]) == policy
    redrive = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": 3})

    def use() -> None:
        sqs.set_queue_attributes(QueueUrl=source, Attributes={"RedrivePolicy": redrive})

    if allowed:
        use()
    else:
        assert refused(use) == "InvalidParameterValue"


def test_a_permission_that_there_is_not_is_refused(cloud: LocalCloud) -> None:
    url, _ = cloud.queue()
    attributes = {"RedriveAllowPolicy": json.dumps({"redrivePermission": "some"})}
    sqs = cloud.client("sqs")
    assert (
        refused(lambda: sqs.set_queue_attributes(QueueUrl=url, Attributes=attributes))
        == "InvalidParameterValue"
    )


# -- moves ----------------------------------------------------------------------------------------------
class Pair:
    """A queue and its dead letters."""

    def __init__(self, cloud: LocalCloud, receives: int = 1) -> None:
        self.cloud, self.sqs = cloud, cloud.client("sqs")
        (self.url, self.arn), (self.dead, self.dead_arn) = cloud.queue(), cloud.queue()
        redrive = json.dumps({"deadLetterTargetArn": self.dead_arn, "maxReceiveCount": receives})
        self.sqs.set_queue_attributes(QueueUrl=self.url, Attributes={"RedrivePolicy": redrive})

    def bury(self, *bodies: str) -> None:
        """Straight into the dead letters, with a reason, as our functions do it."""
        for body in bodies:
            said = {"Reason": {"DataType": "String", "StringValue": "because"}}
            self.sqs.send_message(QueueUrl=self.dead, MessageBody=body, MessageAttributes=said)

    def start(self, **more: Any) -> str:
        return self.sqs.start_message_move_task(SourceArn=self.dead_arn, **more)["TaskHandle"]

    def task(self) -> dict[str, Any]:
        return self.sqs.list_message_move_tasks(SourceArn=self.dead_arn)["Results"][0]

    def ended(self) -> dict[str, Any]:
        return eventually(lambda: self.task() if self.task()["Status"] != "RUNNING" else None)


@pytest.fixture
def pair(cloud: LocalCloud) -> Pair:
    return Pair(cloud)


def test_dead_letters_go_back_as_new_messages_with_their_attributes(cloud: LocalCloud, pair: Pair) -> None:
    pair.bury("a", "b")
    before = {one["MessageId"] for one in receive(cloud, pair.dead, VisibilityTimeout=0)}
    pair.start(DestinationArn=pair.arn)
    task = pair.ended()
    assert (task["Status"], task["ApproximateNumberOfMessagesMoved"]) == ("COMPLETED", 2)
    assert "TaskHandle" not in task
    back = receive(cloud, pair.url)
    assert sorted(one["Body"] for one in back) == ["a", "b"]
    assert not before & {one["MessageId"] for one in back}
    assert {one["Attributes"]["ApproximateReceiveCount"] for one in back} == {"1"}
    assert {one["MessageAttributes"]["Reason"]["StringValue"] for one in back} == {"because"}
    assert cloud.received(pair.dead) == []


def test_without_a_destination_letters_go_where_they_came_from(cloud: LocalCloud, pair: Pair) -> None:
    pair.sqs.send_message(QueueUrl=pair.url, MessageBody="poison")
    receive(cloud, pair.url, VisibilityTimeout=0)
    assert receive(cloud, pair.url) == []  # the second receive is one too many
    pair.start()
    assert pair.ended()["Status"] == "COMPLETED"
    assert [one["Body"] for one in receive(cloud, pair.url)] == ["poison"]


def test_a_letter_that_was_sent_to_the_dead_itself_needs_a_destination(cloud: LocalCloud, pair: Pair) -> None:
    pair.bury("a")
    pair.start()
    task = pair.ended()
    assert (task["Status"], task["FailureReason"]) == ("FAILED", "CouldNotDetermineMessageSource")
    assert [one["Body"] for one in cloud.received(pair.dead)] == ["a"]


def test_a_slow_move_can_be_cancelled_and_is_the_only_one(cloud: LocalCloud, pair: Pair) -> None:
    pair.bury(*"abcdefgh")
    handle = pair.start(DestinationArn=pair.arn, MaxNumberOfMessagesPerSecond=2)
    unsupported = "AWS.SimpleQueueService.UnsupportedOperation"
    assert refused(lambda: pair.start(DestinationArn=pair.arn)) == unsupported
    assert pair.task()["TaskHandle"] == handle
    pair.sqs.cancel_message_move_task(TaskHandle=handle)
    assert pair.ended()["Status"] == "CANCELLED"
    moved, left = cloud.received(pair.url), cloud.received(pair.dead)
    assert sorted(one["Body"] for one in (*moved, *left)) == list("abcdefgh")
    assert left
    assert refused(lambda: pair.sqs.cancel_message_move_task(TaskHandle=handle)) == unsupported


def test_what_somebody_is_looking_at_stays(cloud: LocalCloud, pair: Pair) -> None:
    pair.bury("a")
    receive(cloud, pair.dead, VisibilityTimeout=60)
    pair.start(DestinationArn=pair.arn)
    assert pair.ended()["ApproximateNumberOfMessagesMoved"] == 0


def test_moves_that_cannot_be_are_refused(cloud: LocalCloud, pair: Pair) -> None:
    start = pair.sqs.start_message_move_task
    assert refused(lambda: start(SourceArn=pair.arn)) == "InvalidParameterValue"  # nobody's dead letters
    assert refused(lambda: start(SourceArn=pair.dead_arn + "x")) == "ResourceNotFoundException"
    other = pair.arn + "x"
    assert (
        refused(lambda: start(SourceArn=pair.dead_arn, DestinationArn=other)) == "ResourceNotFoundException"
    )
    code = refused(lambda: start(SourceArn=pair.dead_arn, MaxNumberOfMessagesPerSecond=501))
    assert code == "InvalidParameterValue"
    assert refused(lambda: pair.sqs.cancel_message_move_task(TaskHandle="x")) == "ResourceNotFoundException"


# -- the admin's broom ----------------------------------------------------------------------------------
def test_a_queue_is_emptied_of_what_is_in_flight_too_and_as_often_as_one_likes(cloud: LocalCloud) -> None:
    url, _ = cloud.queue()
    name, empty = url.rsplit("/", 1)[-1], cloud.events.routes()["DELETE", "queues/{name}/messages"]
    for _ in range(2):
        for body in "ab":
            cloud.client("sqs").send_message(QueueUrl=url, MessageBody=body)
        receive(cloud, url, MaxNumberOfMessages=1, VisibilityTimeout=1)
        assert empty(AdminCall(path={"name": name}, query={}, body=None)) == {"messages": 2}
    time.sleep(1.1)
    assert cloud.received(url) == []
    with pytest.raises(LookupError, match="there is no queue nobody"):
        empty(AdminCall(path={"name": "nobody"}, query={}, body=None))


def test_what_readers_were_given_can_be_received_again_at_once(cloud: LocalCloud) -> None:
    url, _ = cloud.queue()
    name, back = url.rsplit("/", 1)[-1], cloud.events.routes()["POST", "queues/{name}/messages/return"]
    for body in "ab":
        cloud.client("sqs").send_message(QueueUrl=url, MessageBody=body)
    receive(cloud, url, MaxNumberOfMessages=10, VisibilityTimeout=600)
    assert cloud.received(url) == []
    assert back(AdminCall(path={"name": name}, query={}, body=None)) == {"messages": 2}
    assert len(cloud.received(url)) == 2
    with pytest.raises(LookupError, match="there is no queue nobody"):
        back(AdminCall(path={"name": "nobody"}, query={}, body=None))
