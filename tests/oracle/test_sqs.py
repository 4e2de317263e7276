"""Our SendMessage against boto3's: the same request, and messages that boto3 receives as they were sent."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from loopback import loopback, reply
from memory_ports import Clock

from serverless_ai_runtime.adapters.aws.service import Aws, Service
from serverless_ai_runtime.adapters.aws.sqs import SqsPublisher
from serverless_ai_runtime.config import AwsConfig
from serverless_ai_runtime.core.ports import Deadline, Refused
from serverless_ai_runtime.http import HttpClient
from serverless_ai_runtime.wiring import WORLD

KEYS = AwsConfig("us-east-1", "AKID", "secret", "")


def boto(url: str) -> Any:
    return boto3.client(
        "sqs",
        endpoint_url=url,
        region_name=KEYS.region,
        aws_access_key_id=KEYS.access_key_id,
        aws_secret_access_key=KEYS.secret_access_key,
    )


def publisher(url: str, queue: str) -> SqsPublisher:
    world = WORLD._replace(sleep=Clock().sleep)
    return SqsPublisher(Service(Aws(HttpClient(world), world, lambda: KEYS), "SQS", url, "sqs"), queue)


@pytest.fixture(scope="module")
def queue(moto_url: str) -> str:
    return boto(moto_url).create_queue(QueueName="results")["QueueUrl"]


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.text(), st.text() | st.integers() | st.none(), max_size=4))
def test_any_message_is_received_by_boto3_as_it_was_sent(
    moto_url: str, queue: str, body: dict[str, Any]
) -> None:
    publisher(moto_url, queue).publish(body, Deadline(5))
    client = boto(moto_url)
    (message,) = client.receive_message(QueueUrl=queue)["Messages"]
    client.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    assert json.loads(message["Body"]) == body


def test_a_missing_queue_is_refused_by_its_name(moto_url: str) -> None:
    with pytest.raises(Refused, match="NonExistentQueue"):
        publisher(moto_url, f"{moto_url}/123456789012/missing").publish({}, Deadline(5))


def test_the_request_equals_boto3s() -> None:
    with loopback() as server:
        url = f"{server.url}/123456789012/results"
        server.answer(reply(body={"MessageId": "m", "MD5OfMessageBody": "99914b932bd37a50b983c5e7c90ae93b"}))
        boto(server.url).send_message(QueueUrl=url, MessageBody="{}")
        publisher(server.url, url).publish({}, Deadline(5))
        theirs, ours = server.requests
        assert (ours.method, ours.target, ours.json()) == (theirs.method, theirs.target, theirs.json())
        for name in ("content-type", "x-amz-target"):
            assert ours.headers[name] == theirs.headers[name]
