"""Our messages against the azure-storage-queue SDK's: put alike, and read by it."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from azure.storage.queue import QueueClient, TextBase64DecodePolicy, TextBase64EncodePolicy
from azure_fakes import azure
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from loopback import Loopback, reply
from memory_ports import Clock

from serverless_ai_runtime.adapters.azure.queue import RESOURCE, RETENTION_S, QueuePublisher
from serverless_ai_runtime.adapters.service import Service
from serverless_ai_runtime.core.ports import Deadline

XML = {"content-type": "application/xml"}
PUT = (
    b"<?xml version='1.0' encoding='utf-8'?><QueueMessagesList><QueueMessage><MessageId>m</MessageId>"
    b"<InsertionTime>Tue, 24 Nov 2026 12:00:00 GMT</InsertionTime>"
    b"<ExpirationTime>Tue, 01 Dec 2026 12:00:00 GMT</ExpirationTime><PopReceipt>p</PopReceipt>"
    b"<TimeNextVisible>Tue, 24 Nov 2026 12:00:00 GMT</TimeNextVisible></QueueMessage></QueueMessagesList>"
)


@pytest.fixture(scope="module")
def sdk(running: Loopback) -> QueueClient:
    return QueueClient(
        f"{running.url}/account",
        "results",
        credential={"account_name": "account", "account_key": "a2V5"},
        message_encode_policy=TextBase64EncodePolicy(),
        message_decode_policy=TextBase64DecodePolicy(),
    )


def publish(server: Loopback, body: dict[str, Any]) -> None:
    url = f"{server.url}/account/results"
    QueuePublisher(Service(azure(Clock().world()), "QueueStorage", url, RESOURCE)).publish(body, Deadline(5))


BODIES = st.dictionaries(st.text(max_size=10), st.text(max_size=60) | st.integers() | st.none(), max_size=4)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(BODIES)
def test_a_message_is_put_as_by_the_sdk(server: Loopback, sdk: QueueClient, body: dict[str, Any]) -> None:
    server.scripts.clear()
    server.requests.clear()
    server.answer(reply(201, PUT, XML))
    publish(server, body)
    sdk.send_message(json.dumps(body), time_to_live=RETENTION_S)
    ours, theirs = server.requests
    assert ours.method == theirs.method
    here, there = urlsplit(ours.target), urlsplit(theirs.target)
    assert here.path == there.path
    assert parse_qs(here.query).items() <= parse_qs(there.query).items()
    assert text(ours.body) == text(theirs.body)
    assert ours.headers["content-type"] == theirs.headers["content-type"]
    assert {"x-ms-version", "x-ms-date"} <= ours.headers.keys() & theirs.headers.keys()


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(BODIES)
def test_a_message_of_ours_is_read_by_the_sdk(
    server: Loopback, sdk: QueueClient, body: dict[str, Any]
) -> None:
    server.scripts.clear()
    server.requests.clear()
    server.answer(reply(201, b""))
    publish(server, body)
    got = PUT.replace(b"</PopReceipt>", b"</PopReceipt><DequeueCount>1</DequeueCount>").replace(
        b"</QueueMessage>",
        b"<MessageText>" + text(server.requests[0].body) + b"</MessageText></QueueMessage>",
    )
    server.scripts.clear()
    server.answer(reply(200, got, XML))
    message = sdk.receive_message()
    assert message is not None
    assert json.loads(message.content) == body


def text(body: bytes) -> bytes:
    return body.partition(b"<MessageText>")[2].partition(b"</MessageText>")[0]
