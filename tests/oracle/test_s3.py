"""Our S3 requests against boto3's: the same objects for any key, and conditions that hold."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from loopback import loopback, reply
from memory_ports import Clock

from serverless_ai_runtime.adapters.aws.s3 import S3Endpoint, S3Objects
from serverless_ai_runtime.adapters.aws.service import Aws
from serverless_ai_runtime.config import AwsConfig
from serverless_ai_runtime.core.objects import (
    ANY,
    ObjectChanged,
    ObjectMissing,
    ObjectRef,
    ObjectTooLarge,
)
from serverless_ai_runtime.core.ports import Deadline, Refused, VersionConflict
from serverless_ai_runtime.http import HttpClient
from serverless_ai_runtime.wiring import WORLD

KEYS = AwsConfig("us-east-1", "AKID", "secret", "")
BUCKET = "documents"
PUBLIC = "s3.us-east-1.amazonaws.com"
ALL = 10**6


def boto(url: str) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=url,
        region_name=KEYS.region,
        aws_access_key_id=KEYS.access_key_id,
        aws_secret_access_key=KEYS.secret_access_key,
    )


def objects(url: str) -> S3Objects:
    world = WORLD._replace(sleep=Clock().sleep)
    return S3Objects(Aws(HttpClient(world), world, lambda: KEYS), S3Endpoint(PUBLIC, url))


@pytest.fixture(scope="module")
def bucket(moto_url: str) -> str:
    boto(moto_url).create_bucket(Bucket=BUCKET)
    return BUCKET


def put(url: str, key: str, body: bytes, expect: str | None = ANY, **metadata: str) -> None:
    objects(url).put(
        ObjectRef(BUCKET, key),
        body,
        Deadline(5),
        content_type="text/plain",
        metadata=metadata,
        expect=expect,
    )


def get(url: str, key: str, version: str = "", most: int = ALL) -> bytes:
    return objects(url).get(ObjectRef(BUCKET, key), Deadline(5), version=version, max_bytes=most)


KEY = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=40).filter(
    lambda key: not {".", ".."} & set(key.split("/")) and not key.startswith("/") and "//" not in key
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(KEY, st.binary(max_size=200))
def test_any_key_is_one_object_for_boto3_and_for_us(
    moto_url: str, bucket: str, key: str, body: bytes
) -> None:
    put(moto_url, key, body, order="0007")
    found = boto(moto_url).get_object(Bucket=bucket, Key=key)
    assert (found["Body"].read(), found["Metadata"]) == (body, {"order": "0007"})
    boto(moto_url).put_object(Bucket=bucket, Key=key, Body=body + b"!")
    assert get(moto_url, key) == body + b"!"


@pytest.mark.parametrize("key", ["a b.txt", "50%.txt", "#1.txt", "a+b&c=d?.txt", "ü/😀.txt", "a'b(c)!*.txt"])
def test_names_with_special_characters_are_signed_as_boto3_signs_them(key: str) -> None:
    with loopback() as server:
        server.answer(reply(200, b"", {"etag": '"e"', "content-length": "0"}))
        boto(server.url).head_object(Bucket=BUCKET, Key=key)
        objects(server.url).head(ObjectRef(BUCKET, key), Deadline(5))
        theirs, ours = server.requests
        assert (ours.method, ours.target) == (theirs.method, theirs.target)


def test_what_is_known_of_an_object_is_what_boto3_knows(moto_url: str, bucket: str) -> None:
    put(moto_url, "known.txt", b"four", order="12")
    head = objects(moto_url).head(ObjectRef(bucket, "known.txt"), Deadline(5))
    theirs = boto(moto_url).head_object(Bucket=bucket, Key="known.txt")
    assert head is not None
    assert head == (theirs["ETag"], theirs["ContentLength"], theirs["ContentType"], theirs["Metadata"])


def test_a_missing_object_is_told_apart_from_a_missing_bucket(moto_url: str, bucket: str) -> None:
    assert objects(moto_url).head(ObjectRef(bucket, "nothing"), Deadline(5)) is None
    with pytest.raises(ObjectMissing):
        get(moto_url, "nothing")


def test_content_that_has_changed_is_not_read_as_the_old_one(moto_url: str, bucket: str) -> None:
    put(moto_url, "changing.txt", b"one")
    etag = boto(moto_url).head_object(Bucket=bucket, Key="changing.txt")["ETag"].strip('"')
    assert get(moto_url, "changing.txt", etag) == b"one"
    put(moto_url, "changing.txt", b"two")
    with pytest.raises(ObjectChanged):
        get(moto_url, "changing.txt", etag)


def test_more_than_the_reader_takes_is_not_read(moto_url: str, bucket: str) -> None:
    put(moto_url, "large.txt", b"x" * 1000)
    assert len(get(moto_url, "large.txt", most=1000)) == 1000
    with pytest.raises(ObjectTooLarge, match="999 bytes"):
        get(moto_url, "large.txt", most=999)


@pytest.mark.parametrize("status", [409, 412])
@pytest.mark.parametrize(("expect", "header"), [(None, "if-none-match"), ('"e1"', "if-match")])
def test_a_write_that_lost_is_a_conflict(status: int, expect: str | None, header: str) -> None:
    body = b"<Error><Code>PreconditionFailed</Code><Message>lost</Message></Error>"
    with loopback() as server:
        server.answer(reply(status, body))
        with pytest.raises(VersionConflict):
            put(server.url, "a.txt", b"x", expect)
        assert server.requests[0].headers[header] == (expect or "*")


def test_an_error_has_the_services_own_code_and_words() -> None:
    body = b"<Error><Code>AccessDenied</Code><Message>User is not authorized</Message></Error>"
    with loopback() as server:
        server.answer(reply(403, body))
        with pytest.raises(Refused, match=r"AccessDenied \(403\): User is not authorized"):
            put(server.url, "a.txt", b"x")


@pytest.mark.parametrize(
    ("container", "base", "url"),
    [
        ("docs", "", "https://docs.s3.us-east-1.amazonaws.com/a%20b"),
        ("my.docs", "", "https://s3.us-east-1.amazonaws.com/my.docs/a%20b"),
        ("docs", "http://127.0.0.1:9", "http://127.0.0.1:9/docs/a%20b"),
    ],
)
def test_the_bucket_is_in_the_host_where_the_certificate_covers_it(
    container: str, base: str, url: str
) -> None:
    assert S3Endpoint(PUBLIC, base).url(ObjectRef(container, "a b")) == url
