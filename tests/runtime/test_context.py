"""The cut of a conversation to a token budget."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serverless_ai_runtime.core.context import Turn, estimate_tokens, fit, system_tokens
from serverless_ai_runtime.core.ports import Message
from serverless_ai_runtime.core.requests import InvalidRequest

TEXT = st.text(max_size=80)
TURNS = st.lists(st.builds(Turn, TEXT, TEXT), max_size=12)


def test_everything_is_sent_while_it_fits() -> None:
    turns = [Turn("q1", "a1"), Turn("q2", "a2")]
    context = fit("be brief", turns, "q3", 1000)
    assert context.messages == (
        Message("user", "q1"),
        Message("assistant", "a1"),
        Message("user", "q2"),
        Message("assistant", "a2"),
        Message("user", "q3"),
    )


def test_the_oldest_turns_go_first_and_whole() -> None:
    turns = [Turn("old " * 100, "older " * 100), Turn("new", "newer")]
    context = fit("", turns, "now", 60)
    assert [message.text for message in context.messages] == ["new", "newer", "now"]


def test_an_old_turn_is_not_kept_behind_a_dropped_one() -> None:
    turns = [Turn("tiny", "tiny"), Turn("huge " * 100, "huge"), Turn("new", "newer")]
    context = fit("", turns, "now", 60)
    assert [message.text for message in context.messages] == ["new", "newer", "now"]


def test_a_message_that_alone_does_not_fit_is_refused_with_both_numbers() -> None:
    with pytest.raises(InvalidRequest, match=r"about \d+ tokens, \d+ are allowed") as caught:
        fit("s" * 30, [], "m" * 300, 100)
    assert caught.value.field == "message"


@pytest.mark.parametrize(
    ("text", "at_least"),
    [
        ("", 0),
        ("a", 1),
        ("The quick brown fox jumps over the lazy dog.", 10),  # ten tokens with cl100k_base
        ("漢字漢字", 4),
        ("🙂🙂🙂", 6),
        ("Добрый день", 5),
    ],
)
def test_the_estimate_is_not_below_what_tokenizers_need(text: str, at_least: int) -> None:
    assert estimate_tokens(text) >= at_least


@given(TEXT, TEXT)
def test_the_estimate_grows_with_the_text(first: str, second: str) -> None:
    together = estimate_tokens(first + second)
    assert max(estimate_tokens(first), estimate_tokens(second)) <= together
    assert together <= estimate_tokens(first) + estimate_tokens(second)


@given(TEXT, TURNS, TEXT, st.integers(1, 400))
def test_a_context_is_the_longest_suffix_that_fits(
    system: str, turns: list[Turn], message: str, limit: int
) -> None:
    try:
        context = fit(system, turns, message, limit)
    except InvalidRequest:
        assert system_tokens(system) + estimate_tokens(message) + 4 > limit
        return
    assert context.tokens <= limit
    assert len(context.messages) % 2 == 1
    texts = [message.text for message in context.messages]
    everything = [text for turn in turns for text in turn] + [message]
    assert texts == everything[len(everything) - len(texts) :]
    assert [m.role for m in context.messages] == ["user", "assistant"] * (len(texts) // 2) + ["user"]
    kept = len(texts) // 2
    if kept < len(turns):
        dropped = turns[len(turns) - kept - 1]
        assert (
            context.tokens + estimate_tokens(dropped.question) + estimate_tokens(dropped.answer) + 8 > limit
        )
