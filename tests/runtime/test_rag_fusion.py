"""Fusion: what several searches find is before what one finds, and only ranks count."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serverless_ai_runtime.core.rag.fusion import K, fused
from serverless_ai_runtime.core.rag.ports import Hit

EVERY = 1_000


def hit(one: str, score: float = 0.0) -> Hit:
    return Hit(one, f"docs/{one}", f"text of {one}", "", score)


def ranking(ids: str) -> list[Hit]:
    return [hit(one) for one in ids]


def order(found: list[Hit]) -> str:
    return "".join(one.id for one in found)


RANKINGS = st.lists(
    st.lists(st.sampled_from("abcdefgh"), unique=True).map(lambda ids: ranking("".join(ids))), max_size=4
)


def test_what_both_find_is_before_what_one_finds_first() -> None:
    assert order(fused([ranking("abc"), ranking("xcy")], EVERY)) == "caxby"


def test_the_score_is_the_sum_of_reciprocal_ranks() -> None:
    (first, second) = fused([ranking("ab"), ranking("b")], EVERY)
    assert (first.id, first.score) == ("b", pytest.approx(1 / (K + 2) + 1 / (K + 1)))
    assert (second.id, second.score) == ("a", pytest.approx(1 / (K + 1)))
    assert first.text == "text of b"


def test_scores_of_the_searches_do_not_count() -> None:
    near, words = [hit("a", 0.9), hit("b", 0.1)], [hit("b", 17.0), hit("a", 2.0)]
    assert order(fused([near, words], EVERY)) == "ab"
    assert order(fused([words, near], EVERY)) == "ba"


def test_of_equal_hits_the_first_met_is_first() -> None:
    assert order(fused([ranking("abc"), ranking("xyz")], EVERY)) == "axbycz"


def test_a_hit_that_a_ranking_names_twice_counts_once_by_its_best_rank() -> None:
    assert fused([ranking("aba")], EVERY) == fused([ranking("ab")], EVERY)


@pytest.mark.parametrize(("most", "found"), [(2, "ab"), (0, ""), (-1, ""), (9, "abc")])
def test_no_more_than_asked_for(most: int, found: str) -> None:
    assert order(fused([ranking("abc")], most)) == found


def test_nothing_found_is_nothing() -> None:
    assert fused([], 5) == fused([[], []], 5) == []


@given(RANKINGS)
def test_every_hit_is_there_once_and_the_best_first(rankings: list[list[Hit]]) -> None:
    found = fused(rankings, EVERY)
    assert sorted(order(found)) == sorted({one.id for ranked in rankings for one in ranked})
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)


@given(st.lists(st.sampled_from("abcdefgh"), unique=True))
def test_one_ranking_stays_as_it_is(ids: list[str]) -> None:
    assert order(fused([ranking("".join(ids))], EVERY)) == "".join(ids)


@given(RANKINGS)
def test_scores_do_not_depend_on_the_order_of_the_rankings(rankings: list[list[Hit]]) -> None:
    scores = [{one.id: one.score for one in fused(some, EVERY)} for some in permutations(rankings)]
    assert all(one == scores[0] for one in scores)


@given(RANKINGS.filter(bool), st.data())
def test_a_better_rank_never_makes_it_worse(rankings: list[list[Hit]], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(rankings) - 1))
    ranked = rankings[place]
    if len(ranked) < 2:
        return
    at = data.draw(st.integers(1, len(ranked) - 1))
    raised = [*ranked[: at - 1], ranked[at], ranked[at - 1], *ranked[at + 1 :]]
    one = ranked[at].id
    before, after = fused(rankings, EVERY), fused([*rankings[:place], raised, *rankings[place + 1 :]], EVERY)
    assert order(after).index(one) <= order(before).index(one)
