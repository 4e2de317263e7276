"""Objects in S3: what EventBridge is told of them, and writes that depend on what is there."""

from __future__ import annotations

import itertools
import json
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from functions_cloud import ACCOUNT, REGION, LocalCloud, allow, eventually

_numbers = itertools.count(1)
LET_IN = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage"}


class Bucket:
    """A bucket whose events reach a queue."""

    def __init__(self, cloud: LocalCloud, *, told: bool = True, bus: str = "default") -> None:
        self.cloud, self.s3 = cloud, cloud.client("s3")
        self.name = f"bucket{next(_numbers)}"
        self.s3.create_bucket(Bucket=self.name)
        if told:
            self.s3.put_bucket_notification_configuration(
                Bucket=self.name, NotificationConfiguration={"EventBridgeConfiguration": {}}
            )
        self.queue, self.queue_arn = cloud.queue(LET_IN)
        self.rule(self.queue_arn, {"source": ["aws.s3"], "detail": {"bucket": {"name": [self.name]}}}, bus)
        self._seen: list[dict[str, Any]] = []

    def rule(self, queue_arn: str, pattern: dict[str, Any], bus: str = "default") -> None:
        events, rule = self.cloud.client("events"), f"objects{next(_numbers)}"
        events.put_rule(Name=rule, EventPattern=json.dumps(pattern), EventBusName=bus)
        target = {"Id": "queue", "Arn": queue_arn}
        assert not events.put_targets(Rule=rule, Targets=[target], EventBusName=bus)["FailedEntryCount"]

    def put(self, key: str, body: bytes = b"content", **more: Any) -> dict[str, Any]:
        return self.s3.put_object(Bucket=self.name, Key=key, Body=body, **more)

    def multipart(self, key: str, *parts: bytes) -> None:
        about = {"Bucket": self.name, "Key": key}
        upload = self.s3.create_multipart_upload(**about)["UploadId"]
        done = [
            {
                "PartNumber": number,
                "ETag": self.s3.upload_part(**about, UploadId=upload, PartNumber=number, Body=part)["ETag"],
            }
            for number, part in enumerate(parts, 1)
        ]
        self.s3.complete_multipart_upload(**about, UploadId=upload, MultipartUpload={"Parts": done})

    def events(self, count: int) -> list[dict[str, Any]]:
        """The events so far in the order of their sequencers, once there are `count`; more are a failure."""

        def there() -> bool:
            self._seen += [json.loads(message["Body"]) for message in self.cloud.received(self.queue)]
            return len(self._seen) >= count

        eventually(there)
        self.put_marker_and_wait()
        assert len(self._seen) == count, self._seen
        return sorted(self._seen, key=lambda event: event["detail"]["object"]["sequencer"].zfill(40))

    def put_marker_and_wait(self) -> None:
        """Whatever was on its way before the marker's event has had its turn when that has come."""
        marker, arn = self.cloud.queue(LET_IN)
        self.rule(arn, {"source": ["marker"], "detail-type": [marker]})
        self.cloud.client("events").put_events(
            Entries=[{"Source": "marker", "DetailType": marker, "Detail": "{}"}]
        )
        eventually(lambda: self.cloud.received(marker))
        self._seen += [json.loads(message["Body"]) for message in self.cloud.received(self.queue)]


@pytest.fixture
def bucket(cloud: LocalCloud) -> Bucket:
    return Bucket(cloud)


def test_an_upload_is_told_as_s3_tells_it(bucket: Bucket) -> None:
    key = "in/Überblick 50% +1.txt"
    etag = bucket.put(key, b"five!")["ETag"].strip('"')
    [event] = bucket.events(1)
    detail = event.pop("detail")
    assert {name: event[name] for name in ("version", "detail-type", "source", "account", "region")} == {
        "version": "0",
        "detail-type": "Object Created",
        "source": "aws.s3",
        "account": ACCOUNT,
        "region": REGION,
    }
    assert event["resources"] == [f"arn:aws:s3:::{bucket.name}"]
    assert event.keys() == {
        *("version", "id", "detail-type", "source", "account", "time", "region", "resources"),
    }
    sequencer = detail["object"].pop("sequencer")
    assert int(sequencer, 16)
    assert detail.pop("request-id")
    assert detail == {
        "version": "0",
        "bucket": {"name": bucket.name},
        "object": {"key": key, "size": 5, "etag": etag},
        "requester": ACCOUNT,
        "source-ip-address": "127.0.0.1",
        "reason": "PutObject",
    }


def test_every_way_to_make_an_object_is_told_once_with_its_reason(bucket: Bucket) -> None:
    bucket.put("put", Tagging="kind=a")
    bucket.s3.copy_object(Bucket=bucket.name, Key="copy", CopySource={"Bucket": bucket.name, "Key": "put"})
    bucket.multipart("parts", b"x" * 5 * 1024 * 1024, b"y")
    bucket.s3.delete_object(Bucket=bucket.name, Key="copy")
    bucket.s3.delete_object(Bucket=bucket.name, Key="never there")
    told = [
        (event["detail-type"], event["detail"]["object"]["key"], event["detail"]["reason"])
        for event in bucket.events(4)
    ]
    assert told == [
        ("Object Created", "put", "PutObject"),
        ("Object Created", "copy", "CopyObject"),
        ("Object Created", "parts", "CompleteMultipartUpload"),
        ("Object Deleted", "copy", "DeleteObject"),
    ]


def test_the_etag_of_an_event_is_that_of_the_object_in_parts_too(bucket: Bucket) -> None:
    bucket.multipart("parts", b"x" * 10)
    [event] = bucket.events(1)
    etag = bucket.s3.head_object(Bucket=bucket.name, Key="parts")["ETag"]
    assert etag == f'"{event["detail"]["object"]["etag"]}"'
    assert event["detail"]["object"]["size"] == 10


def test_the_object_is_complete_when_its_event_arrives(cloud: LocalCloud, bucket: Bucket) -> None:
    for number in range(20):
        bucket.put(str(number), Metadata={"number": str(number)})
    for event in bucket.events(20):
        key = event["detail"]["object"]["key"]
        assert bucket.s3.head_object(Bucket=bucket.name, Key=key)["Metadata"] == {"number": key}


def test_the_later_write_has_the_greater_sequencer(bucket: Bucket) -> None:
    etags = [bucket.put("same", str(number).encode())["ETag"].strip('"') for number in range(12)]
    assert [event["detail"]["object"]["etag"] for event in bucket.events(12)] == etags


def test_a_version_is_named_where_the_bucket_keeps_versions(bucket: Bucket) -> None:
    bucket.s3.put_bucket_versioning(Bucket=bucket.name, VersioningConfiguration={"Status": "Enabled"})
    version = bucket.put("key")["VersionId"]
    [event] = bucket.events(1)
    assert event["detail"]["object"]["version-id"] == version


def test_a_bucket_that_was_not_asked_tells_nothing(cloud: LocalCloud) -> None:
    bucket = Bucket(cloud, told=False)
    bucket.put("key")
    assert bucket.events(0) == []


def test_objects_are_told_of_on_the_default_bus_only(cloud: LocalCloud) -> None:
    name = f"bus{next(_numbers)}"
    cloud.client("events").create_event_bus(Name=name)
    bucket = Bucket(cloud, bus=name)
    bucket.put("key")
    assert bucket.events(0) == []


def test_a_write_that_fails_is_not_told(bucket: Bucket) -> None:
    bucket.put("key")
    with pytest.raises(ClientError):
        bucket.put("key", IfNoneMatch="*")
    bucket.events(1)


def test_a_rule_lets_in_by_prefix_suffix_and_size(cloud: LocalCloud, bucket: Bucket) -> None:
    queue, arn = cloud.queue(LET_IN)
    wanted = {"key": [{"wildcard": "in/*.pdf"}], "size": [{"numeric": ["<=", 4]}]}
    bucket.rule(arn, {"source": ["aws.s3"], "detail": {"bucket": {"name": [bucket.name]}, "object": wanted}})
    for key, body in (
        *(("in/a.pdf", b"1234"), ("in/b.pdf", b"12345"), ("in/c.txt", b"1"), ("out/d.pdf", b"1")),
        ("in/deep/e.pdf", b"1"),
    ):
        bucket.put(key, body)
    bucket.events(5)
    keys = {json.loads(one["Body"])["detail"]["object"]["key"] for one in cloud.received(queue)}
    assert keys == {"in/a.pdf", "in/deep/e.pdf"}


def test_a_queue_that_does_not_let_the_rule_in_gets_nothing(
    cloud: LocalCloud, bucket: Bucket, caplog: pytest.LogCaptureFixture
) -> None:
    closed, arn = cloud.queue()
    bucket.rule(arn, {"source": ["aws.s3"], "detail": {"bucket": {"name": [bucket.name]}}})
    bucket.put("key")
    bucket.events(1)
    eventually(lambda: "no policy of" in caplog.text)
    assert cloud.received(closed) == []


# -- held, shuffled, doubled --------------------------------------------------------------------------
Admin = Callable[..., Any]


@pytest.fixture
def admin(cloud: LocalCloud) -> Admin:
    """`admin("events/hold")`: the route's answer, as the admin API calls it."""
    from serverless_ai_local.admin import AdminCall

    def ask(path: str, body: Any = None) -> Any:
        return cloud.events.routes()["POST", path](AdminCall(path={}, query={}, body=body))

    return ask


def test_held_events_come_when_they_are_released_shuffled_and_a_share_of_them_twice(
    bucket: Bucket, admin: Admin
) -> None:
    assert bucket.name in admin("events/hold")["buckets"]
    keys = [f"{number:02}" for number in range(30)]
    for key in keys:
        bucket.put(key)
    assert bucket.events(0) == []
    assert admin("events/release", {"duplicates": 0.21, "seed": 3}) == {"events": 30, "deliveries": 37}
    told = Counter(event["detail"]["object"]["key"] for event in bucket.events(37))
    assert sorted(told) == keys
    assert Counter(told.values()) == {1: 23, 2: 7}


def test_a_seed_gives_the_same_order_again_and_it_is_not_that_of_the_uploads(
    cloud: LocalCloud, admin: Admin
) -> None:
    def order(seed: int) -> list[str]:
        bucket, delivered = Bucket(cloud), list[str]()
        deliver = cloud.events._object_events._deliver
        cloud.events._object_events._deliver = lambda event: delivered.append(
            event["detail"]["object"]["key"]
        )
        try:
            admin("events/hold")
            for number in range(12):
                bucket.put(str(number))
            admin("events/release", {"seed": seed})
        finally:
            cloud.events._object_events._deliver = deliver
        return delivered

    first = order(5)
    assert order(5) == first
    assert order(6) != first
    assert first != sorted(first, key=int)


def test_what_happens_after_the_release_is_told_at_once(bucket: Bucket, admin: Admin) -> None:
    admin("events/hold")
    admin("events/release")
    bucket.put("key")
    bucket.events(1)


@pytest.mark.parametrize(
    "body", [{"duplicates": 1.5}, {"duplicates": "all"}, {"seed": "x"}, {"seeds": 1}, {"duplicates": True}]
)
def test_a_release_that_cannot_be_is_refused(bucket: Bucket, admin: Admin, body: Any) -> None:
    admin("events/hold")
    with pytest.raises(ValueError, match="the body must be"):
        admin("events/release", body)
    admin("events/release")


def test_nothing_can_be_released_that_is_not_held(admin: Admin) -> None:
    with pytest.raises(LookupError, match="no events are held"):
        admin("events/release")


def test_an_event_of_an_object_can_be_delivered_to_a_queue_again(bucket: Bucket, admin: Admin) -> None:
    admin("events/duplicate", {"times": 2})
    bucket.put("key")
    events = bucket.events(3)
    assert len({event["id"] for event in events}) == 1


# -- writes that depend on what is there --------------------------------------------------------------
def refusal(call: Callable[[], Any]) -> tuple[int, str]:
    with pytest.raises(ClientError) as caught:
        call()
    answer = caught.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]


def test_only_one_of_many_writers_makes_an_object_that_must_not_be_there(bucket: Bucket) -> None:
    wrote: list[int] = []
    lost: list[str] = []

    def write(number: int) -> None:
        try:
            bucket.put("only", str(number).encode(), IfNoneMatch="*")
            wrote.append(number)
        except ClientError as error:
            lost.append(error.response["Error"]["Code"])

    threads = [threading.Thread(target=write, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(wrote) == 1
    assert lost == ["PreconditionFailed"] * 15
    assert bucket.s3.get_object(Bucket=bucket.name, Key="only")["Body"].read() == str(wrote[0]).encode()


def test_only_one_of_many_writers_replaces_what_it_has_seen(bucket: Bucket) -> None:
    etag = bucket.put("key", b"old")["ETag"]
    outcomes: list[bool] = []

    def write(number: int) -> None:
        try:
            bucket.put("key", f"new {number}".encode(), IfMatch=etag)
            outcomes.append(True)
        except ClientError:
            outcomes.append(False)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter(outcomes) == {True: 1, False: 11}


def test_conditions_are_refused_in_s3s_words(bucket: Bucket) -> None:
    bucket.put("key", b"old")
    other = '"0123456789abcdef0123456789abcdef"'
    assert refusal(lambda: bucket.put("key", IfNoneMatch="*")) == (412, "PreconditionFailed")
    assert refusal(lambda: bucket.put("key", IfMatch=other)) == (412, "PreconditionFailed")
    assert refusal(lambda: bucket.put("absent", IfMatch=other)) == (404, "NoSuchKey")
    assert refusal(lambda: bucket.put("key", IfNoneMatch=other)) == (501, "NotImplemented")
    get = bucket.s3.get_object
    assert refusal(lambda: get(Bucket=bucket.name, Key="key", IfMatch=other)) == (412, "PreconditionFailed")
    assert get(Bucket=bucket.name, Key="key")["Body"].read() == b"old"


def test_after_a_deletion_the_object_may_be_made_again(bucket: Bucket) -> None:
    bucket.put("key", IfNoneMatch="*")
    bucket.s3.delete_object(Bucket=bucket.name, Key="key")
    bucket.put("key", IfNoneMatch="*")


# -- permissions ---------------------------------------------------------------------------------------
def acting_as(cloud: LocalCloud, role: str) -> Any:
    """An S3 client with the permissions of a role."""
    issued = cloud.events._lambda._roles._issuer.issue(role, "test")
    session = boto3.session.Session(issued.access_key, issued.secret_key, issued.token, region_name=REGION)
    config = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
    return session.client("s3", endpoint_url=cloud.url, config=config)


def test_a_missing_object_is_forbidden_to_who_may_not_list(cloud: LocalCloud, bucket: Bucket) -> None:
    objects, whole = f"arn:aws:s3:::{bucket.name}/*", f"arn:aws:s3:::{bucket.name}"
    role = cloud.role(allow("s3:GetObject", on=objects))
    s3, about = acting_as(cloud, role), {"Bucket": bucket.name, "Key": "absent"}
    assert refusal(lambda: s3.get_object(**about)) == (403, "AccessDenied")
    assert refusal(lambda: s3.head_object(**about)) == (403, "403")
    cloud.permit(role, allow("s3:GetObject", on=objects), allow("s3:ListBucket", on=whole))
    assert refusal(lambda: s3.get_object(**about)) == (404, "NoSuchKey")
    assert refusal(lambda: s3.head_object(**about)) == (404, "404")


def test_a_write_on_condition_of_an_etag_needs_to_read_as_well(cloud: LocalCloud, bucket: Bucket) -> None:
    objects = f"arn:aws:s3:::{bucket.name}/*"
    role = cloud.role(allow("s3:PutObject", on=objects))
    s3, about = acting_as(cloud, role), {"Bucket": bucket.name, "Key": "key"}
    etag = s3.put_object(**about, IfNoneMatch="*")["ETag"]
    assert refusal(lambda: s3.put_object(**about, IfMatch=etag)) == (403, "AccessDenied")
    cloud.permit(role, allow("s3:PutObject", "s3:GetObject", on=objects))
    s3.put_object(**about, IfMatch=etag)
