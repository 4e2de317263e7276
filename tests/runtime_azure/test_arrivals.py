"""What each sender's message means to the event pipeline on Azure; hostile ones say what is wrong."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serverless_ai_runtime.adapters.azure.arrivals import delivery
from serverless_ai_runtime.adapters.azure.queue import Received, packed
from serverless_ai_runtime.core.event_pipeline.ports import Item, JobNews
from serverless_ai_runtime.core.objects import ObjectRef
from serverless_ai_runtime.edge import UnknownEventError

CREATED = {
    "specversion": "1.0",
    "id": "e-1",
    "source": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/docs",
    "type": "Microsoft.Storage.BlobCreated",
    "subject": "/blobServices/default/containers/uploads/blobs/in/a b#%/blobs/x.txt",
    "data": {
        "api": "PutBlob",
        "eTag": "0x8D4BCC2E4835CD0",
        "contentLength": 12,
        "sequencer": "00000000000004420000000000028963",
    },
}
ITEM = Item(
    "object",
    "uploads/in/a b#%/blobs/x.txt",
    "upload",
    "0x8D4BCC2E4835CD0",
    "00000000000004420000000000028963",
    ObjectRef("uploads", "in/a b#%/blobs/x.txt"),
    12,
)


def arrived(body: object, uploads: str = "uploads") -> Any:
    text = body if isinstance(body, str) else json.dumps(body)
    return delivery(Received("m-1", "r", 3, text), uploads)


def news(body: object, uploads: str = "uploads") -> Any:
    return arrived(body, uploads).news


def event(kind: str, data: Any, **more: Any) -> dict[str, Any]:
    return {"specversion": "1.0", "id": "7", "source": "shop", "type": kind, "data": data, **more}


def test_an_uploaded_blob_is_named_by_container_key_etag_and_order() -> None:
    assert news(CREATED) == ITEM


def test_the_other_schema_of_event_grid_says_the_same() -> None:
    old = {
        "id": "e-1",
        "topic": CREATED["source"],
        "subject": CREATED["subject"],
        "eventType": CREATED["type"],
        "data": CREATED["data"],
    }
    assert news(old) == ITEM


@pytest.mark.parametrize(
    "change",
    [
        {"subject": "/blobServices/default/containers/uploads"},
        {"subject": ""},
        {"data": {"sequencer": "1"}},
        {"data": {"eTag": "e"}},
        {"data": {"eTag": "e", "sequencer": "1", "contentLength": "many"}},
        {"data": None},
        {"data": []},
    ],
    ids=str,
)
def test_half_an_event_says_what_is_missing(change: dict[str, Any]) -> None:
    found = news(CREATED | change)
    assert isinstance(found, UnknownEventError)
    assert "Microsoft.Storage.BlobCreated" in str(found)


def test_an_event_of_the_bus_is_known_by_its_source_and_id() -> None:
    assert news(event("OrderPlaced", {"message": "sold"})) == Item("message", "shop|7", "bus", text="sold")
    assert news(event("OrderPlaced", {"n": 1})).text == '{"n":1}'


def test_what_has_attributes_came_by_the_shared_topic_and_is_read_without_them() -> None:
    data = {"message": "Invoice", "attributes": {"kind": "invoice"}}
    assert news(event("Document", data)) == Item("message", "shop|7", "topic", text="Invoice")
    assert news(event("Document", {"attributes": {}, "n": 1})).text == '{"n":1}'
    assert news(event("Document", {"attributes": "none"})).source == "bus"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"message": "It is hot."}, "It is hot."),
        ({"degrees": 90}, '{"degrees":90}'),
        (b64encode(b"It is hot.").decode(), "It is hot."),
        ("not base64!", "not base64!"),
        ([1, 2], "[1,2]"),
    ],
)
def test_telemetry_of_a_device_is_json_or_base64(body: Any, text: str) -> None:
    data = {"properties": {}, "systemProperties": {"iothub-connection-device-id": "d"}, "body": body}
    found = news(event("Microsoft.Devices.DeviceTelemetry", data, subject="devices/d"))
    assert found == Item("message", "shop|7", "device", text=text)


def test_telemetry_without_a_body_is_no_item() -> None:
    assert isinstance(news(event("Microsoft.Devices.DeviceTelemetry", {})), UnknownEventError)


def test_a_turn_of_the_schedule_and_a_look_at_a_job() -> None:
    assert news({"source": "schedule", "id": "t", "message": "noon"}) == Item(
        "message", "t", "schedule", text="noon"
    )
    assert news({"job": "token", "handle": "h"}) == JobNews("token", "h")


def test_plain_messages_are_items_as_they_stand() -> None:
    assert news("plain text") == Item("message", "m-1", "queue", text="plain text")
    assert news({"id": "o-7", "message": "chairs"}) == Item("message", "o-7", "queue", text="chairs")
    assert news({"id": 7, "n": 1}).id == "m-1"


def test_a_claim_refers_to_the_pipelines_own_container_only() -> None:
    assert news({"object": {"key": "big.txt"}}).ref == ObjectRef("uploads", "big.txt")
    assert isinstance(news({"object": {"key": "big.txt"}}, uploads=""), UnknownEventError)
    assert isinstance(news({"object": {"bucket": "others"}}), UnknownEventError)


def test_a_dead_letter_that_was_put_back_is_the_message_in_it_under_its_first_name() -> None:
    envelope = {"id": "m-0", "code": "too_large", "reason": "why", "attempts": 5}
    for letter in (
        {**envelope, "payload": "plain text"},
        {**envelope, "packed": packed("plain text")},
    ):
        found = arrived(letter)
        assert (found.handle, found.body, found.redriven) == ("m-0", "plain text", True)
        assert found.news == Item("message", "m-0", "queue", text="plain text")
        assert found.attempt == 3


@pytest.mark.parametrize(
    "change", [{"packed": "%%%"}, {"packed": "aGVsbG8="}, {"other": 1}, {"payload": "x", "more": 1}], ids=str
)
def test_what_only_looks_like_a_dead_letter_is_an_item(change: dict[str, Any]) -> None:
    found = arrived({"id": "m-0", "code": "c", "reason": "r", "attempts": 5, **change})
    assert not found.redriven
    assert found.news.source == "queue"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(
            ["specversion", "id", "source", "type", "subject", "data", "eventType", "body", "attributes",
             "object", "key", "job", "handle", "message", "code", "reason", "attempts", "payload", "packed"]
        ),
        inner,
        max_size=6,
    ),
    max_leaves=12,
)  # fmt: skip


@given(JSON | st.text())
def test_no_message_can_break_the_reading_of_messages(body: Any) -> None:
    found = arrived(body if isinstance(body, str) else json.dumps(body))
    assert isinstance(found.news, Item | JobNews | UnknownEventError)
