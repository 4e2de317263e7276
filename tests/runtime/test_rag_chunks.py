"""Chunks: nothing is lost, none is too large, and an edit changes only what is near it."""

from __future__ import annotations

import random
import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serverless_ai_runtime.core.rag.chunks import Sizes, chunks, embedded_text
from serverless_ai_runtime.documents import Section

SIZES = Sizes(most=120, overlap=30)
TEXTS = st.text(alphabet="ab .!?\n\t☂é", max_size=800)


def texts(text: str, sizes: Sizes = SIZES) -> list[str]:
    return [one.text for one in chunks([Section(text)], sizes)]


def words(text: str) -> list[str]:
    return re.findall(r"\S+", text)


@given(TEXTS)
def test_no_chunk_is_larger_than_allowed_or_empty(text: str) -> None:
    assert all(0 < len(one) <= SIZES.most and one.strip() for one in texts(text))


@given(TEXTS)
def test_no_letter_is_lost(text: str) -> None:
    """The text is its chunks one after the other: where one comes again, it counts once."""
    kept = {"".join(one.split()) for one in texts(text, Sizes(most=40, overlap=0))}
    letters = "".join(text.split())
    reached = {0}
    for start in range(len(letters)):
        if start in reached:
            reached |= {start + len(one) for one in kept if letters.startswith(one, start)}
    assert len(letters) in reached
    single = re.sub(r"\n\s*\n+", "\n", text).strip()
    if len(single) <= SIZES.most and single:
        assert words(" ".join(texts(single))) == words(single)


def book(seed: int, paragraphs: int = 200) -> list[str]:
    chance = random.Random(seed)
    return [
        " ".join(f"w{chance.randrange(1000)}" for _ in range(chance.randrange(5, 40))) + "."
        for _ in range(paragraphs)
    ]


@pytest.mark.parametrize("seed", range(5))
def test_an_edit_changes_only_chunks_near_it(seed: int) -> None:
    written = book(seed)
    before = {one.id for one in chunks([Section("\n\n".join(written))])}
    written[len(written) // 2] += " And one more sentence was added here."
    after = {one.id for one in chunks([Section("\n\n".join(written))])}
    assert 1 <= len(after - before) <= 6
    assert len(before & after) >= 0.75 * len(before)


def test_an_edit_under_one_heading_changes_no_chunk_under_another() -> None:
    sections = [Section("\n\n".join(book(number, 10)), heading=f"Part {number}") for number in range(4)]
    before = chunks(sections)
    sections[1] = Section("All of it is new.", heading="Part 1")
    after = {one.id for one in chunks(sections)}
    assert {one.id for one in before if one.heading != "Part 1"} <= after


def test_a_chunk_begins_with_the_end_of_the_one_before() -> None:
    sentences = [f"Sentence number {number} says what it says." for number in range(12)]
    found = texts(" ".join(sentences), Sizes(most=200, overlap=60))
    assert len(found) > 2
    for one, following in pairwise(found):
        assert following.split(". ")[0].rstrip(".") in one


def test_chunks_know_their_page_and_heading_and_are_embedded_under_it() -> None:
    found = chunks([Section("On the first.", 1, "Tides"), Section("On the second.", 2, "Tides")])
    assert [(one.page, one.heading) for one in found] == [(1, "Tides"), (2, "Tides")]
    assert embedded_text(found[0]) == "Tides\n\nOn the first."


def test_the_same_text_counts_once_and_its_page_does_not_name_it() -> None:
    found = chunks([Section("Again.", 1), Section("Again.", 7), Section("Again.", 2, "Else")])
    assert [(one.page, one.heading) for one in found] == [(1, ""), (2, "Else")]
    assert chunks([Section("Again.", 5)])[0].id == found[0].id


@pytest.mark.parametrize("text", ["", " \n\t\n ", "\n\n\n"])
def test_nothing_has_no_chunks(text: str) -> None:
    assert texts(text) == []


def test_a_word_larger_than_a_chunk_is_cut() -> None:
    word = "".join(str(number) for number in range(300))
    found = texts(word)
    assert len(found) > 1
    assert "".join(found).replace(" ", "") == word


def test_a_heading_is_never_a_chunk_without_what_stands_under_it() -> None:
    for number in range(64):  # one paragraph in eight is a place where packing starts anew
        (one,) = chunks([Section(f"## Rule {number}\n\nDogs are kept on a leash.", heading=f"Rule {number}")])
        assert one.text.endswith("leash.")
