"""The pipeline's own queue and its dead letters: taken, given back, buried with the reason."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from typing import Any
from xml.etree import ElementTree
from xml.sax.saxutils import escape

import pytest
from azure_fakes import azure
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from loopback import Loopback, raw, reply
from memory_ports import Clock

from serverless_ai_runtime.adapters.azure.arrivals import delivery
from serverless_ai_runtime.adapters.azure.queue import (
    MOST_BYTES,
    RESOURCE,
    QueueDeadLetters,
    Received,
    StorageQueue,
    decoded,
)
from serverless_ai_runtime.adapters.service import Service
from serverless_ai_runtime.core.event_pipeline.ports import Delivery
from serverless_ai_runtime.core.ports import Deadline, Refused, Unavailable

XML = {"content-type": "application/xml"}


def service(server: Loopback) -> Service:
    return Service(azure(Clock().world()), "QueueStorage", server.url + "/events", RESOURCE)


def listing(*texts: str) -> bytes:
    items = "".join(
        f"<QueueMessage><MessageId>m{number}</MessageId><PopReceipt>r+/=</PopReceipt>"
        f"<DequeueCount>{number + 1}</DequeueCount><MessageText>{escape(text)}</MessageText></QueueMessage>"
        for number, text in enumerate(texts)
    )
    return f"<?xml version='1.0'?><QueueMessagesList>{items}</QueueMessagesList>".encode()


def text_of(body: bytes) -> str:
    root = ElementTree.fromstring(body)
    return b64decode(root.findtext("MessageText") or "", validate=True).decode()


def test_messages_are_taken_with_their_receipts_and_counts(server: Loopback) -> None:
    server.answer(reply(200, listing(b64encode("ä".encode()).decode(), "as it is <&>"), XML))
    taken = StorageQueue(service(server)).take(9, 35.2, Deadline(5))
    assert taken == [Received("m0", "r+/=", 1, "ä"), Received("m1", "r+/=", 2, "as it is <&>")]
    assert server.requests[0].target == "/events/messages?numofmessages=9&visibilitytimeout=36"


def test_one_call_takes_what_the_service_allows_and_is_not_repeated_blindly(server: Loopback) -> None:
    server.answer(raw(b""))
    with pytest.raises(Unavailable):
        StorageQueue(service(server)).take(99, 0, Deadline(5))
    assert [sent.target for sent in server.requests] == [
        "/events/messages?numofmessages=32&visibilitytimeout=1"
    ]


@pytest.mark.parametrize("body", [b"", b"{}", b"<a>", listing("x").replace(b">1<", b">many<")])
def test_an_answer_that_is_no_list_is_said_to_be_none(server: Loopback, body: bytes) -> None:
    server.answer(reply(200, body, XML))
    with pytest.raises(Unavailable, match="not a list"):
        StorageQueue(service(server)).take(1, 30, Deadline(5))


def test_a_message_is_given_back_for_whole_seconds_and_never_too_early(server: Loopback) -> None:
    server.answer(reply(204, b""))
    queue, message = StorageQueue(service(server)), Received("m 1", "r+/=", 1, "")
    queue.give_back(message, 2.1, Deadline(5))
    queue.give_back(message, 10**9, Deadline(5))
    queue.delete(message, Deadline(5))
    place = "/events/messages/m%201?popreceipt=r%2B%2F%3D"
    assert [(sent.method, sent.target) for sent in server.requests] == [
        ("PUT", f"{place}&visibilitytimeout=3"),
        ("PUT", f"{place}&visibilitytimeout=604800"),
        ("DELETE", place),
    ]
    assert all(not sent.body for sent in server.requests), "the text stays as it is"


def test_what_is_sent_for_later_is_hidden_until_then(server: Loopback) -> None:
    server.answer(reply(201, b""))
    StorageQueue(service(server)).send({"job": "t", "handle": "h"}, 20.0, Deadline(5))
    (sent,) = server.requests
    assert sent.target == "/events/messages?messagettl=1209600&visibilitytimeout=20"
    assert json.loads(text_of(sent.body)) == {"job": "t", "handle": "h"}


def bury(server: Loopback, body: str, reason: str = "why") -> Any:
    server.answer(reply(201, b""))
    buried = Delivery("m-1", 5, body, ValueError("x"))
    QueueDeadLetters(service(server)).bury(buried, "too_large", reason, Deadline(5))
    return text_of(server.requests[-1].body)


def test_a_dead_letter_has_the_message_and_the_reason(server: Loopback) -> None:
    letter = json.loads(bury(server, '{"id": "o-7"}', "r" * 5000))
    assert letter == {
        "id": "m-1",
        "code": "too_large",
        "reason": "r" * 2000,
        "attempts": 5,
        "payload": '{"id": "o-7"}',
    }


BODIES = st.text(max_size=200) | st.sampled_from(['"\\' * 15_000, "ä" * 20_000, "\n" * 40_000])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@given(BODIES)
def test_whatever_was_buried_fits_and_comes_back_whole(server: Loopback, body: str) -> None:
    letter = bury(server, body)
    assert len(letter.encode()) <= MOST_BYTES
    back = delivery(Received("m-2", "r", 1, letter), "")
    assert (back.handle, back.body, back.redriven) == ("m-1", body, True)


def test_a_dead_letter_that_cannot_be_sent_is_raised(server: Loopback) -> None:
    server.scripts.clear()
    server.answer(reply(403, b"", {"x-ms-error-code": "AuthorizationPermissionMismatch"}))
    with pytest.raises(Refused, match="AuthorizationPermissionMismatch"):
        QueueDeadLetters(service(server)).bury(Delivery("m", 1, "x", ValueError()), "c", "r", Deadline(5))


@given(st.text())
def test_a_text_is_what_its_sender_wrote(text: str) -> None:
    assert (
        decoded(b64encode(text.encode("utf-8", "replace")).decode())
        == text.encode("utf-8", "replace").decode()
    )
