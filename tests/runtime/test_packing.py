"""Lists of items within two limits, and places out of a configuration."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serverless_ai_runtime.adapters.places import place_texts
from serverless_ai_runtime.core.packing import packed


@given(st.lists(st.integers(0, 50)), st.integers(1, 5), st.integers(1, 60))
def test_nothing_is_lost_and_only_what_is_too_large_alone_is_over_a_limit(
    sizes: list[int], most: int, most_bytes: int
) -> None:
    batches = list(packed(sizes, lambda size: size, most, most_bytes))
    assert [size for batch in batches for size in batch] == sizes
    assert all(0 < len(batch) <= most for batch in batches)
    assert all(sum(batch) <= most_bytes or len(batch) == 1 for batch in batches)


@given(st.lists(st.integers(0, 50)), st.integers(1, 5), st.integers(1, 60))
def test_a_list_ends_only_where_the_next_item_has_no_room(
    sizes: list[int], most: int, most_bytes: int
) -> None:
    batches = list(packed(sizes, lambda size: size, most, most_bytes))
    for batch, after in pairwise(batches):
        assert len(batch) == most or sum(batch) + after[0] > most_bytes


def test_a_place_is_read_in_the_order_that_is_asked_for() -> None:
    assert place_texts('{"b": "2", "a": "1"}', ("a", "b"), "Store") == ["1", "2"]


@pytest.mark.parametrize(
    "given",
    [
        "",
        "[]",
        "7",
        "{}",
        '{"a": "1"}',
        '{"a": "1", "b": ""}',
        '{"a": "1", "b": 2}',
        '{"a": "1", "b": "2", "c": "3"}',
        "[" * 100_000,
        json.dumps({"a": None, "b": "2"}),
    ],
    ids=lambda text: text[:24] or "empty",
)
def test_what_is_no_place_is_refused_with_what_one_has(given: str) -> None:
    with pytest.raises(ValueError, match=r"not a place of Store, a JSON object of texts: a, b"):
        place_texts(given, ("a", "b"), "Store")
