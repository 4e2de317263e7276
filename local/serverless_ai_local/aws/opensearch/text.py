"""Words of a text and BM25 over them.

The analyzer is a simple one in the manner of OpenSearch's standard analyzer: words in lower case, ideographs
one by one. The scores are Lucene's, but that the lengths of fields are exact here and rounded there.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

K1: Final = 1.2
B: Final = 0.75
LONGEST: Final = 255
_WORD: Final = re.compile(r"[぀-ヿ㐀-鿿豈-﫿]|[^\W぀-ヿ㐀-鿿豈-﫿]+(?:['’.][^\W぀-ヿ㐀-鿿豈-﫿]+)*")


def words(text: str) -> list[str]:
    """The terms of a text, in order."""
    found = (match.group().lower() for match in _WORD.finditer(text))
    return [word[start : start + LONGEST] for word in found for start in range(0, len(word), LONGEST)]


def rarity(documents: int, having: int) -> float:
    """Of a term that `having` of `documents` hold: the weight that it has."""
    return math.log(1 + (documents - having + 0.5) / (having + 0.5))


def scores(
    terms: Sequence[str], fields: Mapping[str, Iterable[str]], *, every: bool = False
) -> dict[str, float]:
    """The documents (id -> terms of the field) that hold any of the terms, or `every` one, by their score."""
    counts = {key: Counter(held) for key, held in fields.items()}
    counts = {key: held for key, held in counts.items() if held}
    lengths = {key: held.total() for key, held in counts.items()}
    average = sum(lengths.values()) / len(lengths) if lengths else 0.0
    asked = Counter(terms)
    weights = {term: rarity(len(counts), sum(term in held for held in counts.values())) for term in asked}
    found: dict[str, float] = {}
    for key, held in counts.items():
        shared = [term for term in asked if term in held]
        if not shared or (every and len(shared) < len(asked)):
            continue
        room = K1 * (1 - B + B * lengths[key] / average)
        found[key] = sum(asked[term] * weights[term] * held[term] / (held[term] + room) for term in shared)
    return found
