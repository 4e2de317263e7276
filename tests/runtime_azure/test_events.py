"""Queue messages: the event that Event Grid or a schedule put there, or an error that says what may be."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serverless_ai_runtime.adapters.azure.events import Event, parse, turn
from serverless_ai_runtime.edge import UnknownEventError

CLOUD = {
    "specversion": "1.0",
    "type": "OrderPlaced",
    "source": "shop",
    "id": "7",
    "time": "2026-11-24T12:00:00Z",
}
GRID = {"id": "g1", "topic": "/t", "subject": "orders/7", "eventType": "OrderPlaced", "dataVersion": "1"}


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({**CLOUD, "data": {"message": "hi"}}, Event("shop|7", "hi")),
        ({**CLOUD, "data": {"a": [1, "ö"]}}, Event("shop|7", '{"a":[1,"ö"]}')),
        ({**CLOUD, "data": {"message": 5}}, Event("shop|7", '{"message":5}')),
        ({**CLOUD, "data": "text"}, Event("shop|7", '"text"')),
        ({**CLOUD, "data": None}, Event("shop|7", "null")),
        ({**GRID, "data": {"message": "hi"}}, Event("g1", "hi")),
        ({**GRID, "data": {}}, Event("g1", "{}")),
        ({**GRID, "id": 5, "data": {}}, Event("5", "{}")),
        ({"source": "schedule", "id": "s1", "message": "write"}, Event("s1", "write")),
        (turn("s2", "ü\n"), Event("s2", "ü\n")),
    ],
)
def test_the_event_is_read(event: dict[str, Any], expected: Event) -> None:
    assert parse(json.dumps(event)) == expected


def test_an_id_of_a_cloud_event_counts_within_its_source_only() -> None:
    here, there = ({**CLOUD, "source": source, "data": {}} for source in ("shop", "mall"))
    assert parse(json.dumps(here)).id != parse(json.dumps(there)).id


@pytest.mark.parametrize("missing", ["id", "source"])
def test_a_cloud_event_that_cannot_be_told_from_another_has_no_id(missing: str) -> None:
    event = {**CLOUD, "data": {}}
    del event[missing]
    assert parse(json.dumps(event)).id == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not JSON"), ("hello", "not JSON"), ("[" * 100_000, "not JSON"), ("[]", "not a JSON object"),
        ("null", "not a JSON object"), ("{}", r"keys \[\]"), (json.dumps(CLOUD), "'specversion'"),
        (json.dumps({**CLOUD, "specversion": "0.3", "data": {}}), "specversion"),
        (json.dumps({**CLOUD, "data_base64": "aGk="}), "data_base64"),
        (json.dumps(GRID), "eventType"), (json.dumps({"source": "schedule", "id": "x"}), "source"),
    ],
    ids=lambda value: value[:20],
)  # fmt: skip
def test_anything_else_is_an_error_that_says_what_is_allowed(text: str, said: str) -> None:
    with pytest.raises(UnknownEventError, match=f"{said}.*CloudEvent"):
        parse(text)


@given(st.text())
def test_no_text_crashes(text: str) -> None:
    with pytest.raises(UnknownEventError):
        parse(text)


FIELDS = st.sampled_from(["specversion", "data", "id", "source", "eventType", "message"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["1.0", "schedule", "", "x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=3),
)


@given(st.dictionaries(FIELDS, VALUES, max_size=6))
def test_no_object_crashes(event: dict[str, Any]) -> None:
    with suppress(UnknownEventError):
        assert isinstance(parse(json.dumps(event)).id, str)
