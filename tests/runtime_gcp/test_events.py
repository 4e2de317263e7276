"""Push deliveries of Pub/Sub: what they hold, and what is none."""

from __future__ import annotations

import json

import pytest
from google_calls import push, pushed
from hypothesis import given
from hypothesis import strategies as st

from serverless_ai_runtime.adapters.gcp.events import parse
from serverless_ai_runtime.edge import UnknownEventError


def test_an_event_asks_its_message_under_its_producers_id() -> None:
    attributes = {"source": "shop", "type": "order", "id": "e1"}
    delivery = parse(push({"message": "grüß"}, 3, attributes=attributes))
    assert (delivery.id, delivery.message(), delivery.attempt) == ("e1", "grüß", 3)
    assert delivery.attributes == attributes
    assert json.loads(delivery.data) == {"message": "grüß"}


@pytest.mark.parametrize("attributes", [None, {}, {"source": "shop"}, {"id": ""}])
def test_without_one_the_id_is_pubsubs(attributes: dict[str, str] | None) -> None:
    assert parse(push({"message": "hi"}, attributes=attributes)).id == "m1"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"source": "schedule", "message": "write"}, "write"),
        ({"a": [1, "ö"]}, '{"a":[1,"ö"]}'),
        ({"message": 5}, '{"message":5}'),
        ([1], "[1]"),
        ("text", '"text"'),
    ],
)
def test_other_data_is_asked_as_it_is(data: object, message: str) -> None:
    assert parse(push(data)).message() == message


def test_a_subscription_that_does_not_count_says_nothing_of_attempts() -> None:
    body = json.loads(push({}))
    del body["deliveryAttempt"]
    assert parse(json.dumps(body).encode()).attempt == 0


@pytest.mark.parametrize("data", [b"", b"hello", b"\xff{}", b"{", b"[" * 100_000])
def test_data_that_is_no_json_is_an_unknown_event_whose_data_is_kept(data: bytes) -> None:
    delivery = parse(push(data))
    assert delivery.data == data.decode("utf-8", "replace")
    with pytest.raises(UnknownEventError, match="not JSON"):
        delivery.message()


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{}", b"[]", b"null", b"5", b'"message"', b"[" * 100_000, b"\xff", b'{"message": null}',
        b'{"message": []}', b'{"message": "text"}', b'{"message": {}}', b'{"message": {"data": "e30="}}',
        pushed(data="e30"), pushed(data="e3 0="), pushed(data=5), pushed(data=None), pushed(data="ü"),
        pushed(messageId=5), pushed(messageId=None), pushed(attributes=[1]), pushed(attributes="text"),
        pushed(attributes={"id": 5}), pushed(attributes={"a": None}),
        push({}, "5"), push({}, 1.5), push({}, None),
        json.dumps({"detail-type": "T", "source": "s", "id": "e", "detail": {}}).encode(),
    ],
    ids=lambda value: repr(value)[:40],
)  # fmt: skip
def test_anything_else_is_an_unknown_event(body: bytes) -> None:
    with pytest.raises(UnknownEventError, match="push delivery of Pub/Sub"):
        parse(body)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["message", "data", "attributes", "messageId", "id", "deliveryAttempt"]), inner
        )
    ),
    max_leaves=12,
)


@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_body_is_a_delivery_or_an_unknown_event(body: bytes) -> None:
    try:
        delivery = parse(body)
    except UnknownEventError:
        return
    assert all(isinstance(value, str) for value in (delivery.id, delivery.data))


@given(st.text(), st.dictionaries(st.text(), st.text()), st.integers(1, 100))
def test_any_event_arrives_as_it_was_sent(message: str, attributes: dict[str, str], attempt: int) -> None:
    delivery = parse(push({"message": message}, attempt, attributes=attributes))
    assert (delivery.message(), delivery.attributes, delivery.attempt) == (message, attributes, attempt)
