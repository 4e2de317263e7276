"""The built-in model: it finds the sentences of the conversation that fit the question best, and says so.

Small, deterministic and honest. It invents nothing, and its answers are no measure of a real model's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from serverless_ai_local.models import passages, tasks, tokens
from serverless_ai_local.models.chat import END, MAX_TOKENS, STOP_SEQUENCE, ChatAnswer, ChatRequest
from serverless_ai_local.models.words import WORD, content_words, split

LABEL: Final = "[local extractive model]"
MAX_SENTENCES: Final = 2
_ASKING_WORDS: Final = """
    what when where which who whose why how is are was were do does did can could should would tell say
    give list name explain describe repeat remind write summarise summarize
"""
"""A sentence that starts with one of these wants an answer, with or without a question mark."""
_ASKING: Final = frozenset(_ASKING_WORDS.split())


@dataclass(frozen=True, slots=True)
class _Sentence:
    text: str
    words: frozenset[str]
    recency: int
    """Higher is later in the conversation; the system prompt is earliest."""


class ExtractiveModel:
    """Answers from the conversation alone."""

    def answer(self, request: ChatRequest) -> ChatAnswer:
        """The best sentences of what was said, cut to the tokens that were asked for."""
        read = [request.system, *(turn.text for turn in request.turns)]
        text = tasks.answer(request) or passages.answer(request, LABEL) or _compose(request)
        stop = END
        for sequence in request.stop:
            head, found, _ = text.partition(sequence) if sequence else (text, "", "")
            if found:
                text, stop = head, STOP_SEQUENCE
        if request.max_tokens is not None:
            text, was_cut = tokens.cut(text, request.max_tokens)
            stop = MAX_TOKENS if was_cut else stop
        return ChatAnswer(
            text=text, stop=stop, input_tokens=sum(map(tokens.count, read)), output_tokens=tokens.count(text)
        )


def _compose(request: ChatRequest) -> str:
    last = next((turn.text for turn in reversed(request.turns) if turn.role == "user"), "")
    question, statements = _question(last)
    found = _best(question, _sentences(request, question, statements))
    if found:
        return f"{LABEL} {' '.join(found)}"
    if statements:
        return f"{LABEL} Noted: {' '.join(statements)}"
    said = f'"{last.strip()}"' if last.strip() else "that"
    return f"{LABEL} Nothing in this conversation answers {said}"


def _question(text: str) -> tuple[str, list[str]]:
    """The last question of a message, and its sentences that are none."""
    sentences = [one.strip() for one in split(text)]
    questions = [one for one in sentences if _asks(one)]
    return (questions[-1] if questions else ""), [one for one in sentences if one not in questions]


def _asks(sentence: str) -> bool:
    first = WORD.match(sentence.lower())
    return sentence.endswith("?") or (first is not None and first[0] in _ASKING)


def _sentences(request: ChatRequest, question: str, statements: Sequence[str]) -> Iterator[_Sentence]:
    """Everything that may be an answer: what was told, not what was asked, and not this model's own words."""
    if not question:
        return
    history = [turn.text for turn in request.turns[:-1] if turn.role == "user"]
    for recency, text in enumerate((request.system, *history, "\n".join(statements))):
        for sentence in split(text):
            if not _asks(sentence):
                yield _Sentence(sentence, content_words(sentence), recency)


def _best(question: str, sentences: Iterator[_Sentence]) -> list[str]:
    asked = content_words(question)
    scored = [(len(asked & one.words), one) for one in sentences]
    top = max((score for score, _ in scored), default=0)
    if top == 0:
        return []
    chosen = sorted((one for score, one in scored if score == top), key=lambda one: -one.recency)
    return list(dict.fromkeys(one.text for one in chosen))[:MAX_SENTENCES]
