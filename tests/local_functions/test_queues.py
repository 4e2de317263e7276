"""Queues as event sources: batches, partial failures, redelivery, dead letters, permissions."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from functions_cloud import REGION, LocalCloud, allow, eventually
from hypothesis import given
from hypothesis import strategies as st

from serverless_ai_local.aws.api import Invocation
from serverless_ai_local.functions.queue_poller import failed_items

NOTE = """
    import json, os, time
    def handler(event, context):
        with open({note!r}, "a") as note:
            note.write(json.dumps(event) + "\\n")
        bodies = [json.loads(record["body"]) for record in event["Records"]]
        time.sleep(sum(body.get("s", 0) for body in bodies))
        if any(body.get("crash") for body in bodies):
            os._exit(1)
        if any(body.get("raise") for body in bodies):
            raise ValueError("no")
        failed = [{{"itemIdentifier": record["messageId"]}} for record, body in zip(event["Records"], bodies)
                  if body.get("fail")]
        return {{"batchItemFailures": failed}}
"""
MAY = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")


class Source:
    """A queue that feeds a function."""

    def __init__(self, cloud: LocalCloud, note: Any, *, visibility: int = 1, **settings: Any) -> None:
        self.cloud, self.note, self.sqs = cloud, note, cloud.client("sqs")
        self.url, self.arn = cloud.queue()
        self.set(VisibilityTimeout=str(visibility))
        self.role = cloud.role(allow("logs:*"), allow(*MAY, on=self.arn))
        self.name = cloud.function(NOTE.format(note=str(note)), role=self.role, Timeout=1)
        self.uuid = cloud.client("lambda").create_event_source_mapping(
            FunctionName=self.name, EventSourceArn=self.arn, **settings
        )["UUID"]
        cloud.events._sources.look()

    def set(self, **attributes: str) -> None:
        self.sqs.set_queue_attributes(QueueUrl=self.url, Attributes=attributes)

    def send(self, *bodies: Any) -> None:
        entries = [{"Id": str(i), "MessageBody": json.dumps(body)} for i, body in enumerate(bodies)]
        assert not self.sqs.send_message_batch(QueueUrl=self.url, Entries=entries).get("Failed")

    def batches(self) -> list[list[dict[str, Any]]]:
        lines = self.note.read_text().splitlines() if self.note.exists() else []
        return [json.loads(line)["Records"] for line in lines]

    def seen(self) -> list[Any]:
        return [json.loads(record["body"]) for batch in self.batches() for record in batch]

    def left(self) -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        counts = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)["Attributes"]
        return sum(map(int, counts.values()))

    def remove(self) -> None:
        self.cloud.client("lambda").delete_event_source_mapping(UUID=self.uuid)
        self.cloud.events._sources.look()


@pytest.fixture
def sources(cloud: LocalCloud, tmp_path: Any) -> Iterator[Any]:
    made: list[Source] = []

    def make(**settings: Any) -> Source:
        made.append(Source(cloud, tmp_path / f"note{len(made)}", **settings))
        return made[-1]

    yield make
    for one in made:
        one.remove()


def test_messages_reach_the_function_as_lambda_sends_them_and_are_deleted(sources: Any) -> None:
    source = sources()
    source.sqs.send_message(
        QueueUrl=source.url, MessageBody='{"n": 1}',
        MessageAttributes={"kind": {"DataType": "String", "StringValue": "order"}},
    )  # fmt: skip
    [[record]] = eventually(source.batches)
    assert json.loads(record["body"]) == {"n": 1}
    assert (record["eventSource"], record["eventSourceARN"], record["awsRegion"]) == (
        "aws:sqs",
        source.arn,
        REGION,
    )
    assert record["attributes"]["ApproximateReceiveCount"] == "1"
    assert abs(int(record["attributes"]["SentTimestamp"]) / 1000 - time.time()) < 60
    assert record["messageAttributes"]["kind"]["stringValue"] == "order"
    assert len(record["md5OfBody"]) == 32
    eventually(lambda: source.left() == 0)


def test_a_batch_holds_at_most_its_size(sources: Any) -> None:
    source = sources(BatchSize=3)
    source.send(*[{"n": n} for n in range(7)])
    eventually(lambda: len(source.seen()) == 7)
    assert max(map(len, source.batches())) <= 3


def test_a_batching_window_gathers_messages(sources: Any) -> None:
    source = sources(visibility=5, BatchSize=20, MaximumBatchingWindowInSeconds=1)
    source.send({"n": 1})
    time.sleep(0.2)
    source.send({"n": 2})
    eventually(lambda: len(source.seen()) == 2)
    assert len(source.batches()) == 1


def test_a_failing_batch_comes_back_and_is_dead_after_the_receives_that_were_deployed(
    cloud: LocalCloud, sources: Any
) -> None:
    source = sources()
    dead, dead_arn = cloud.queue()
    source.set(RedrivePolicy=json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": 2}))
    source.send({"raise": True})
    [letter] = eventually(lambda: cloud.received(dead), within=8)
    assert json.loads(letter["Body"]) == {"raise": True}
    counts = [batch[0]["attributes"]["ApproximateReceiveCount"] for batch in source.batches()]
    assert counts == ["1", "2"]


def test_only_the_reported_messages_come_back(sources: Any) -> None:
    source = sources(FunctionResponseTypes=["ReportBatchItemFailures"])
    source.send({"n": 1}, {"n": 2, "fail": True}, {"n": 3})
    eventually(lambda: len(source.seen()) >= 4, within=8)
    again = [body for body in source.seen() if source.seen().count(body) > 1]
    assert again
    assert all(body["n"] == 2 for body in again)
    assert source.left() == 1


def test_without_report_a_returned_failure_means_nothing(sources: Any) -> None:
    source = sources()
    source.send({"fail": True})
    eventually(source.batches)
    eventually(lambda: source.left() == 0)


def test_filtered_messages_are_deleted_without_an_invocation(sources: Any) -> None:
    source = sources(FilterCriteria={"Filters": [{"Pattern": '{"body": {"kind": ["a"]}}'}]})
    source.send({"kind": "b"}, {"kind": "a"})
    eventually(lambda: source.left() == 0)
    assert source.seen() == [{"kind": "a"}]


def test_no_more_batches_run_at_a_time_than_the_mapping_allows(cloud: LocalCloud, sources: Any) -> None:
    source = sources(BatchSize=1, ScalingConfig={"MaximumConcurrency": 2})
    source.send(*[{"s": 0.3}] * 4)
    eventually(lambda: len(source.seen()) == 4)
    processes = [one for one in cloud.events.functions.environments() if one.deployed.name == source.name]
    assert len(processes) <= 2


def test_a_thousand_messages_are_read_quickly_in_full_batches_and_each_once(sources: Any) -> None:
    source = sources(
        visibility=60,
        BatchSize=10,
        MaximumBatchingWindowInSeconds=1,
        ScalingConfig={"MaximumConcurrency": 4},
    )
    began = time.monotonic()
    for first in range(0, 1000, 10):
        source.send(*[{"n": number} for number in range(first, first + 10)])
    eventually(lambda: source.left() == 0, within=60)
    assert Counter(body["n"] for body in source.seen()) == Counter(range(1000))
    assert len(source.batches()) <= 110
    assert time.monotonic() - began < 45


def test_while_a_slow_batch_runs_the_others_go_on(sources: Any) -> None:
    source = sources(visibility=30, BatchSize=1, ScalingConfig={"MaximumConcurrency": 2})
    source.send({"s": 0.9, "n": "slow"})
    source.send(*[{"n": number} for number in range(5)])
    eventually(lambda: source.left() <= 1)
    eventually(lambda: source.left() == 0)
    assert len(source.seen()) == 6


@pytest.mark.parametrize("trouble", [{"s": 1.5}, {"crash": True}], ids=["timeout", "crash"])
def test_a_function_that_dies_gets_the_whole_batch_again_after_the_visibility_timeout(
    sources: Any, trouble: dict[str, Any]
) -> None:
    source = sources(visibility=2, FunctionResponseTypes=["ReportBatchItemFailures"])
    source.send({"n": "troubled", **trouble}, {"n": "neighbour"})
    counts = eventually(lambda: [batch for batch in source.batches()[1:] if batch], within=12)
    assert {record["attributes"]["ApproximateReceiveCount"] for record in counts[0]} == {"2"}
    assert source.left() >= 1


def test_a_disabled_mapping_reads_nothing(cloud: LocalCloud, sources: Any) -> None:
    source = sources()
    cloud.client("lambda").update_event_source_mapping(UUID=source.uuid, Enabled=False)
    cloud.events._sources.look()
    time.sleep(1.1)  # a receive that waits already may still take a message
    source.send({"n": 1})
    time.sleep(0.3)
    assert source.seen() == []
    cloud.client("lambda").update_event_source_mapping(UUID=source.uuid, Enabled=True)
    cloud.events._sources.look()
    eventually(source.seen)


@pytest.mark.parametrize("missing", MAY)
def test_each_permission_is_needed_to_deploy(cloud: LocalCloud, missing: str) -> None:
    _, arn = cloud.queue()
    role = cloud.role(allow(*(set(MAY) - {missing}), on=arn))
    name = cloud.function("", role=role)
    verb = missing.split(":")[1]
    with pytest.raises(ClientError, match=f"does not have permissions to call {verb} on SQS"):
        cloud.client("lambda").create_event_source_mapping(FunctionName=name, EventSourceArn=arn)


def test_a_role_that_loses_its_permission_reads_nothing_more(
    cloud: LocalCloud, sources: Any, caplog: pytest.LogCaptureFixture
) -> None:
    source = sources()
    cloud.permit(source.role, allow("logs:*"))
    eventually(lambda: "is not authorized to perform: sqs:ReceiveMessage" in caplog.text)
    source.send({"n": 1})
    cloud.permit(source.role, allow("logs:*"), allow(*MAY))
    eventually(source.seen)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"EventSourceArn": "arn:aws:kinesis:us-east-1:123456789012:stream/s", "StartingPosition": "LATEST"},
         "SQS queues are"),
        ({"BatchSize": 11}, "MaximumBatchingWindowInSeconds must be at least 1"),
        ({"FilterCriteria": {"Filters": [{"Pattern": '{"body": [{"regex": "x"}]}'}]}}, "match type regex"),
        ({"ProvisionedPollerConfig": {"MinimumPollers": 2}}, "ProvisionedPollerConfig of an event source"),
        ({"MaximumRetryAttempts": 3}, "MaximumRetryAttempts of an event source mapping"),
    ],
)  # fmt: skip
def test_a_mapping_that_would_not_work_is_refused(
    cloud: LocalCloud, settings: dict[str, Any], message: str
) -> None:
    _, arn = cloud.queue()
    name = cloud.function("", role=cloud.role(allow(*MAY)))
    with pytest.raises(ClientError, match=message):
        cloud.client("lambda").create_event_source_mapping(
            **{"FunctionName": name, "EventSourceArn": arn, **settings}
        )


def test_a_visibility_timeout_below_the_functions_is_refused(cloud: LocalCloud) -> None:
    _, arn = cloud.queue()
    name = cloud.function("", role=cloud.role(allow(*MAY)), Timeout=31)
    with pytest.raises(
        ClientError, match="Queue visibility timeout: 30 seconds is less than Function timeout: 31"
    ):
        cloud.client("lambda").create_event_source_mapping(FunctionName=name, EventSourceArn=arn)


IDS = {"a", "b", "c"}


@pytest.mark.parametrize(
    ("payload", "failed"),
    [
        ("null", set()),
        ("{}", set()),
        ('"text"', set()),
        ('{"batchItemFailures": []}', set()),
        ('{"batchItemFailures": null}', set()),
        ('{"batchItemFailures": [{"itemIdentifier": "a"}]}', {"a"}),
        ('{"batchItemFailures": [{"itemIdentifier": "a"}, {"itemIdentifier": "x"}]}', IDS),
        ('{"batchItemFailures": [{"itemIdentifier": ""}]}', IDS),
        ('{"batchItemFailures": [{"itemIdentifier": null}]}', IDS),
        ('{"batchItemFailures": [{"wrong": "a"}]}', IDS),
        ('{"batchItemFailures": ["a"]}', IDS),
        ('{"batchItemFailures": "a"}', IDS),
    ],
)
def test_what_a_function_reports(payload: str, failed: set[str]) -> None:
    assert failed_items(Invocation(payload=payload.encode()), IDS) == failed


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
)


@given(JSON)
def test_whatever_a_function_reports_no_unknown_message_is_failed(reported: Any) -> None:
    payload = json.dumps({"batchItemFailures": reported}).encode()
    assert failed_items(Invocation(payload=payload), IDS) <= IDS
