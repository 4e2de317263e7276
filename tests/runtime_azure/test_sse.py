"""Server-sent events, however they are cut, are what the openai SDK reads."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai._streaming import SSEDecoder

from serverless_ai_runtime.adapters.sse import MAX_EVENT_BYTES, EventTooLong, decode

LINES = st.lists(
    st.sampled_from(
        ["data: a", "data:b", "data:  c", "data", "data:", ": comment", "event: x", "id: 1", "", "", "",
         "datax: y", "data: ü🙂", "retry: 5", "data: [DONE]"]
    ),
    max_size=12,
)  # fmt: skip
ENDS = st.sampled_from(["\n", "\r\n", "\r"])


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[start:end] for start, end in pairwise(edges)]


@given(LINES, ENDS, st.lists(st.integers(0, 1000), max_size=8))
def test_data_is_what_the_sdk_reads(lines: list[str], end: str, places: list[int]) -> None:
    stream = "".join(line + end for line in lines).encode()
    # The SDK reports an event as soon as it has any field; we only care for those with data.
    theirs: list[str] = []
    decoder = SSEDecoder()
    has_data = False
    for line in lines:
        has_data = has_data or line.partition(":")[0] == "data"
        event = decoder.decode(line)
        if event is not None:
            theirs += [event.data] if has_data else []
            has_data = False
    assert list(decode(cut(stream, places))) == theirs


@given(st.lists(st.binary(max_size=20), max_size=20))
def test_no_bytes_crash_and_cutting_them_changes_nothing(chunks: list[bytes]) -> None:
    assert list(decode(chunks)) == list(decode([b"".join(chunks)]))


@given(st.lists(st.sampled_from([b"data: a", b"\n", b"\r", b"\r\n", b""]), max_size=20))
def test_an_end_of_line_may_be_cut_in_two(chunks: list[bytes]) -> None:
    single = [bytes((byte,)) for byte in b"".join(chunks)]
    assert list(decode(single)) == list(decode([b"".join(chunks)]))


def test_an_event_that_does_not_end_is_left_out() -> None:
    assert list(decode([b"data: a\n\ndata: b\n"])) == ["a"]


@pytest.mark.parametrize("piece", [b"x" * 65_536, b"data: " + b"x" * 65_529 + b"\n"], ids=["line", "event"])
def test_what_grows_without_end_is_an_error(piece: bytes) -> None:
    with pytest.raises(EventTooLong, match=str(MAX_EVENT_BYTES)):
        list(decode(piece for _ in range(100)))
