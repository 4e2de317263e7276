"""What each sender's message means to the event pipeline on AWS; hostile ones say what is wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serverless_ai_runtime.adapters.aws.arrivals import delivery
from serverless_ai_runtime.core.event_pipeline.ports import Item, JobNews
from serverless_ai_runtime.core.objects import ObjectRef
from serverless_ai_runtime.edge import UnknownEventError

TOKEN = "0123456789abcdef0123456789abcdef"
CREATED = {
    "version": "0",
    "id": "event-1",
    "detail-type": "Object Created",
    "source": "aws.s3",
    "detail": {
        "bucket": {"name": "uploads"},
        "object": {"key": "in/a b#%.txt", "size": 12, "etag": "e1", "sequencer": "00617F08299329D189"},
        "reason": "PutObject",
    },
}


def record(body: object, **more: Any) -> dict[str, Any]:
    text = body if isinstance(body, str) else json.dumps(body)
    return {"messageId": "m-1", "body": text, "attributes": {"ApproximateReceiveCount": "3"}, **more}


def news(body: object, uploads: str = "uploads") -> Any:
    return delivery(record(body), uploads).news


def test_an_uploaded_object_is_named_by_bucket_key_etag_and_order() -> None:
    assert news(CREATED) == Item(
        "object",
        "uploads/in/a b#%.txt",
        "upload",
        "e1",
        "0000000000000000000000" + "00617F08299329D189",
        ObjectRef("uploads", "in/a b#%.txt"),
        12,
    )


@given(st.integers(0, 2**120), st.integers(0, 2**120))
def test_of_two_sequencers_of_any_length_the_later_compares_greater(one: int, other: int) -> None:
    def order(number: int) -> str:
        event = json.loads(json.dumps(CREATED))
        event["detail"]["object"]["sequencer"] = f"{number:X}"
        return news(event).order

    assert (order(one) < order(other)) == (one < other)


def test_the_end_of_a_transcription_is_news_of_its_job() -> None:
    event = {
        "id": "e",
        "source": "aws.transcribe",
        "detail-type": "Transcribe Job State Change",
        "detail": {"TranscriptionJobName": f"pipe-{TOKEN}", "TranscriptionJobStatus": "COMPLETED"},
    }
    assert news(event) == JobNews(TOKEN, f"pipe-{TOKEN}")
    event["detail"] = {
        "TranscriptionJobName": f"pipe-{TOKEN}",
        "TranscriptionJobStatus": "FAILED",
        "FailureReason": "Unsupported audio format",
    }
    assert news(event) == JobNews(TOKEN, f"pipe-{TOKEN}", "Unsupported audio format")


def test_the_end_of_an_analysis_comes_through_a_topic() -> None:
    said = {"JobId": "j", "Status": "SUCCEEDED", "API": "StartDocumentTextDetection", "JobTag": TOKEN}
    envelope = {"Type": "Notification", "MessageId": "n", "TopicArn": "arn:x", "Message": json.dumps(said)}
    assert news(envelope) == JobNews(TOKEN, "j")
    envelope["Message"] = json.dumps(said | {"Status": "FAILED"})
    assert "FAILED" in news(envelope).failure


def test_a_topics_message_is_an_item_under_the_topics_id() -> None:
    envelope = {"Type": "Notification", "MessageId": "n-1", "TopicArn": "arn:x", "Message": "words"}
    assert news(envelope) == Item("message", "n-1", "topic", text="words")
    envelope["Message"] = json.dumps({"message": "inner words", "id": "own"})
    assert news(envelope) == Item("message", "own", "topic", text="inner words")


@pytest.mark.parametrize(
    ("body", "item"),
    [
        ("plain words", Item("message", "m-1", "queue", text="plain words")),
        ('"quoted"', Item("message", "m-1", "queue", text='"quoted"')),
        ({"message": "hi", "id": "o-1"}, Item("message", "o-1", "queue", text="hi")),
        ({"message": "hi", "id": 7}, Item("message", "m-1", "queue", text="hi")),
        ({"chairs": 7}, Item("message", "m-1", "queue", text='{"chairs":7}')),
        ({"source": "schedule", "id": "s", "message": "noon"}, Item("message", "s", "schedule", text="noon")),
        ({"id": "b", "source": "shop", "detail-type": "Sold", "detail": {"message": "lamp"}},
         Item("message", "b", "bus", text="lamp")),
        ({"object": {"key": "in/a"}},
         Item("object", "uploads/in/a#m-1", "queue", ref=ObjectRef("uploads", "in/a"))),
        ({"job": TOKEN, "handle": "h"}, JobNews(TOKEN, "h")),
    ],
)  # fmt: skip
def test_every_sender_is_told_by_its_shape(body: object, item: Item | JobNews) -> None:
    assert news(body) == item


@pytest.mark.parametrize("claim", [{"key": 7}, {"key": ""}, {"bucket": "other"}])
def test_a_claim_that_names_no_object_says_what_is_allowed(claim: dict[str, Any]) -> None:
    found = news({"object": claim})
    assert isinstance(found, UnknownEventError)
    assert '{"object": {"key"' in str(found)


def test_a_claim_without_a_bucket_of_uploads_is_refused() -> None:
    assert isinstance(news({"object": {"key": "in/a"}}, uploads=""), UnknownEventError)


def test_an_upload_that_lacks_a_part_is_told_by_its_name() -> None:
    event = json.loads(json.dumps(CREATED))
    del event["detail"]["object"]["sequencer"]
    found = news(event)
    assert isinstance(found, UnknownEventError)
    assert "sequencer" in str(found)


def test_a_dead_letter_that_was_put_back_is_told_by_its_reason() -> None:
    back = record("x", messageAttributes={"Reason": {"stringValue": "bad", "dataType": "String"}})
    assert delivery(back, "").redriven
    assert not delivery(record("x"), "").redriven
    assert delivery(record("x"), "").attempt == 3


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
NAMES = st.sampled_from(
    ["detail", "detail-type", "source", "id", "Type", "TopicArn", "Message", "object", "job", "handle"]
)


@given(st.text() | JSON.map(json.dumps) | st.dictionaries(NAMES, JSON, max_size=6).map(json.dumps))
def test_no_message_breaks_the_reader(body: str) -> None:
    found = delivery(record(body), "uploads")
    assert isinstance(found.news, Item | JobNews | UnknownEventError)
    assert found.body == body
