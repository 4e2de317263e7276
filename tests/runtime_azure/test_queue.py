"""Messages as Storage takes them, whatever is in them."""

from __future__ import annotations

import json
from base64 import b64decode
from typing import Any
from xml.etree import ElementTree

import pytest
from azure_fakes import azure
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from loopback import Loopback, raw, reply
from memory_ports import Clock

from serverless_ai_runtime.adapters.azure.queue import RESOURCE, QueuePublisher
from serverless_ai_runtime.adapters.service import Service
from serverless_ai_runtime.core.ports import Deadline, Refused


def publisher(server: Loopback) -> QueuePublisher:
    return QueuePublisher(Service(azure(Clock().world()), "QueueStorage", server.url + "/results", RESOURCE))


def message(body: bytes) -> Any:
    root = ElementTree.fromstring(body)
    assert root.tag == "QueueMessage"
    return json.loads(b64decode(root.findtext("MessageText") or "", validate=True))


def test_a_message_is_put_with_all_that_the_service_asks_for(server: Loopback) -> None:
    server.answer(reply(201, b""))
    publisher(server).publish({"a": 1}, Deadline(5))
    (sent,) = server.requests
    assert (sent.method, sent.target) == ("POST", "/results/messages?messagettl=1209600")
    assert (
        sent.headers.items()
        >= {
            "authorization": "Bearer token-1",
            "x-ms-version": "2021-12-02",
            "x-ms-date": "Tue, 24 Nov 2026 12:00:00 GMT",
            "content-type": "application/xml",
        }.items()
    )


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
@given(st.dictionaries(st.text(), st.text(st.characters()) | st.integers() | st.none(), max_size=4))
def test_any_text_survives(server: Loopback, body: dict[str, Any]) -> None:
    server.scripts.clear()
    server.answer(reply(201, b""))
    publisher(server).publish(body, Deadline(5))
    assert message(server.requests[-1].body) == body


def test_a_send_is_retried_and_a_refusal_raised_with_its_code(server: Loopback) -> None:
    server.answer(raw(b""), reply(503), reply(201, b""))
    publisher(server).publish({"a": 1}, Deadline(5))
    assert len(server.requests) == 3
    error = (
        b"<?xml version='1.0'?><Error><Code>RequestBodyTooLarge</Code><Message>too large</Message></Error>"
    )
    server.scripts.clear()
    server.answer(reply(413, error, {"x-ms-error-code": "RequestBodyTooLarge"}))
    with pytest.raises(Refused, match=r"RequestBodyTooLarge \(413\): too large"):
        publisher(server).publish({"a": "b" * 100_000}, Deadline(5))
