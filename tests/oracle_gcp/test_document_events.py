"""Documents that Google's own library has serialised are read as they were meant, whatever they hold."""

from __future__ import annotations

import base64
import json
import math
from datetime import UTC, datetime
from typing import Any

import pytest
from google.cloud.firestore_v1.types import ArrayValue, Document, MapValue, Value
from google.protobuf.struct_pb2 import NULL_VALUE
from google.type.latlng_pb2 import LatLng
from hypothesis import given
from hypothesis import strategies as st

from serverless_ai_local.gcp.services.document_event import event_data
from serverless_ai_runtime.adapters.gcp.documents import written
from serverless_ai_runtime.adapters.gcp.protobuf import WireError

NAME = "projects/p/databases/d/documents/notes/ä b"
NOW = datetime(2026, 11, 26, 20, 15, 30, 123456, tzinfo=UTC)
TEXT = st.text(max_size=20).filter(lambda text: text.isprintable())
SCALARS = {bool: "boolean_value", int: "integer_value", float: "double_value", str: "string_value"}
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    TEXT,
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=12,
)


def value(plain: Any) -> Value:
    """As Google's library means it."""
    if plain is None:
        return Value(null_value=NULL_VALUE)
    for kind, field in SCALARS.items():
        if isinstance(plain, kind):
            return Value(**{field: plain})
    if isinstance(plain, list):
        return Value(array_value=ArrayValue(values=[value(one) for one in plain]))
    return Value(map_value=MapValue(fields={key: value(one) for key, one in plain.items()}))


def event(document: Document | None, before: Document | None = None) -> bytes:
    """DocumentEventData: its two documents are its fields 1 and 2."""
    parts = b""
    for number, one in ((1, document), (2, before)):
        if one is not None:
            body = Document.serialize(one)
            parts += bytes([number << 3 | 2]) + varint(len(body)) + body
    return parts


def varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


@given(st.dictionaries(TEXT, VALUES, max_size=4))
def test_what_the_library_writes_is_read_as_it_was(fields: dict[str, Any]) -> None:
    document = Document(
        name=NAME, fields={key: value(one) for key, one in fields.items()}, create_time=NOW, update_time=NOW
    )
    found = written(event(document, before=document))
    assert found is not None
    assert found.fields == fields
    assert (found.name, found.updated) == (NAME, "2026-11-26T20:15:30.123456Z")


@given(st.dictionaries(TEXT, VALUES, max_size=4))
def test_what_the_local_cloud_writes_is_what_the_library_would(fields: dict[str, Any]) -> None:
    document = Document(
        name=NAME, fields={key: value(one) for key, one in fields.items()}, create_time=NOW, update_time=NOW
    )
    wire = json.loads(Document.to_json(document))
    stamp = "2026-11-26T20:15:30.123456Z"
    local = event_data({**wire, "createTime": stamp, "updateTime": stamp}, None)
    found, meant = written(local), written(event(document))
    assert found == meant


def test_kinds_that_json_has_not_become_texts() -> None:
    fields = {
        "when": Value(timestamp_value=NOW),
        "raw": Value(bytes_value=b"\0\xff"),
        "to": Value(reference_value=NAME),
        "at": Value(geo_point_value=LatLng(latitude=52.5, longitude=-13.25)),
        "nowhere": Value(geo_point_value=LatLng()),
        "much": Value(double_value=math.inf),
        "what": Value(double_value=math.nan),
    }
    found = written(event(Document(name=NAME, fields=fields, update_time=NOW)))
    assert found is not None
    assert found.fields == {
        "when": "2026-11-26T20:15:30.123456Z",
        "raw": base64.b64encode(b"\0\xff").decode(),
        "to": NAME,
        "at": {"latitude": 52.5, "longitude": -13.25},
        "nowhere": {"latitude": 0.0, "longitude": 0.0},
        "much": "inf",
        "what": "nan",
    }


def test_a_deletion_leaves_no_document() -> None:
    assert written(event(None, before=Document(name=NAME, update_time=NOW))) is None


@given(st.binary(max_size=80))
def test_other_bytes_are_an_error_and_nothing_else(body: bytes) -> None:
    try:
        found = written(body)
    except WireError:
        return
    assert found is None or found.name


@pytest.mark.parametrize("cut", [1, 5, 20, 40])
def test_a_truncated_event_is_an_error(cut: int) -> None:
    whole = event(Document(name=NAME, fields={"x": value("y" * 30)}, update_time=NOW))
    with pytest.raises(WireError):
        written(whole[:-cut])


def test_values_too_deep_for_firestore_do_not_exhaust_the_stack() -> None:
    deep: Any = {"stringValue": "x"}
    for _ in range(60):
        deep = {"arrayValue": {"values": [deep]}}
    stamp = NOW.isoformat()
    document = {"name": NAME, "fields": {"x": deep}, "createTime": stamp, "updateTime": stamp}
    with pytest.raises(WireError, match="deep"):
        written(event_data(document, None))
