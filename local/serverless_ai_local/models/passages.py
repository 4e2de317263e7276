"""What the built-in model makes of a question with passages: the sentence that fits best, with its quote.

The prompt is that of RAG. A question of which no sentence has at least half of the words is not answered.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from serverless_ai_local.models.chat import ChatRequest
from serverless_ai_local.models.words import content_words, split

_PROMPT: Final = "You answer questions from documents."
_ENOUGH: Final = 0.5
"""Share of the question's words that a sentence must have."""


class _Found(NamedTuple):
    share: float
    passage: int
    sentence: str


def answer(request: ChatRequest, label: str) -> str | None:
    """The JSON that was asked for, the answer after `label`; None if this is no such question."""
    if not request.system.startswith(_PROMPT) or not request.turns:
        return None
    try:
        asked = _objects(request.turns[-1].text)
        question = str(asked["question"])
        passages = [(int(one["number"]), str(one["text"])) for one in asked["passages"]]
        before = [str(turn["question"]) for turn in asked.get("turns", ())]
    except (ValueError, KeyError, TypeError):
        return None
    best = _best(question, passages)
    if best is None and before:
        best = _best(f"{before[-1]} {question}", passages)
    if best is None:
        return json.dumps({"citations": [], "answer": None})
    citation = {"passage": best.passage, "quote": best.sentence}
    return json.dumps({"citations": [citation], "answer": f"{label} {best.sentence}"}, ensure_ascii=False)


def _objects(text: str) -> Mapping[str, Any]:
    """The fields of the objects that stand in the text, one after the other."""
    decoder, fields = json.JSONDecoder(), dict[str, Any]()
    text = text.strip()
    while text:
        found, end = decoder.raw_decode(text)
        fields |= found
        text = text[end:].strip()
    return fields


def _best(question: str, passages: list[tuple[int, str]]) -> _Found | None:
    """The first of those that share most with the question."""
    found = max(_scored(question, passages), key=lambda one: one.share, default=None)
    return found if found is not None and found.share >= _ENOUGH else None


def _scored(question: str, passages: list[tuple[int, str]]) -> Iterator[_Found]:
    words = content_words(question)
    for number, text in passages:
        for sentence in split(text):
            if words and not sentence.endswith("?"):
                yield _Found(len(words & content_words(sentence)) / len(words), number, sentence)
