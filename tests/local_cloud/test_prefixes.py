"""What is kept of prompts: only what was there before, no more than is the same, and not for ever."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from serverless_ai_local.models import tokens
from serverless_ai_local.models.prefixes import KEPT_S, STEP, Cached, Prefixes

WORDS = st.lists(st.sampled_from(["red", "sail", "?", "ü", "\ud800"]), max_size=400).map(" ".join)


@given(begins=WORDS, one=WORDS, other=WORDS, least=st.integers(1, 300))
def test_no_more_is_read_than_two_prompts_have_in_common(
    begins: str, one: str, other: str, least: int
) -> None:
    prefixes = Prefixes()
    first, second = f"{begins} {one}", f"{begins} {other}"
    assert prefixes.automatic("m", [first], least) == 0
    read = prefixes.automatic("m", [second], least)
    same = 0
    for left, right in zip(tokens.each(first), tokens.each(second), strict=False):
        if left != right:
            break
        same += 1
    assert read == (0 if same < least else least + (same - least) // STEP * STEP)
    assert prefixes.automatic("another", [second], least) == 0


def test_what_nobody_asks_for_is_forgotten_and_what_is_asked_for_stays() -> None:
    now = [0.0]
    prefixes, text = Prefixes(lambda: now[0]), "sail " * 100
    assert prefixes.at_points("m", [text], 100) == Cached(0, 100)
    for _ in range(3):
        now[0] += KEPT_S - 1
        assert prefixes.at_points("m", [text], 100) == Cached(100, 0)
    now[0] += KEPT_S
    assert prefixes.at_points("m", [text], 100) == Cached(0, 100)


def test_of_several_points_the_longest_known_is_read_and_the_rest_written() -> None:
    prefixes, text = Prefixes(), "sail " * 100
    prefixes.at_points("m", [text], 10)
    assert prefixes.at_points("m", [text, text * 2, text * 3], 10) == Cached(100, 200)
    assert prefixes.at_points("m", [text, text * 2, text * 3], 10) == Cached(300, 0)
