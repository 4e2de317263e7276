"""Keyword search of the local Azure: words of a text, and BM25. There is no stemming, and no stop word."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

K1: Final = 1.2
B: Final = 0.75
"""The parameters that Azure AI Search documents, and that BM25 usually has."""
_WORD: Final = re.compile(r"[^\W_]+")


class Counts(NamedTuple):
    """Of all texts that are searched."""

    texts: int
    words: int
    hits: Sequence[int]
    """Of each term: texts that hold it."""


def words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def contains(text: object, term: str) -> bool:
    """Whether the term's words are in the text, one after the other."""
    return isinstance(text, str) and _times(words(text), words(term)) > 0


def count(texts: Iterable[str], terms: Sequence[str]) -> Counts:
    """What BM25 needs to know of all texts."""
    listed = list(texts)
    hits = [sum(contains(text, term) for text in listed) for term in terms]
    return Counts(len(listed), sum(len(words(text)) for text in listed), hits)


def score(text: str, terms: Sequence[str], counts: Counts) -> float:
    """BM25 of a text; 0 if it holds none of the terms."""
    held = words(text)
    average = counts.words / counts.texts if counts.texts and counts.words else 1.0
    length = K1 * (1 - B + B * len(held) / average)
    total = 0.0
    for term, hits in zip(terms, counts.hits, strict=True):
        times = _times(held, words(term))
        rarity = math.log(1 + (counts.texts - hits + 0.5) / (hits + 0.5))
        total += rarity * times * (K1 + 1) / (times + length)
    return total


def _times(held: Sequence[str], phrase: Sequence[str]) -> int:
    if len(phrase) == 1:
        return Counter(held)[phrase[0]]
    starts = range(len(held) - len(phrase) + 1) if phrase else ()
    return sum(list(held[start : start + len(phrase)]) == list(phrase) for start in starts)
