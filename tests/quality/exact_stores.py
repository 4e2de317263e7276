"""A store in memory that searches exactly: by cosine, and by BM25 as Lucene has it."""

from __future__ import annotations

import math
import random
import re
from collections import Counter
from collections.abc import Sequence

from rag_ports import ExactStore

from serverless_ai_runtime.core.ports import Deadline
from serverless_ai_runtime.core.rag.ports import Access, Entry, Hit

WORD = re.compile(r"\w+")
K1, B = 1.2, 0.75
"""Lucene's: how soon a word that comes again counts no more, and how much long texts are held back."""


class ExactKeywordStore(ExactStore):
    """A `KeywordStore`. Headings are searched too, as they are embedded."""

    def search_text(
        self,
        text: str,
        most: int,
        access: Access,
        deadline: Deadline,
        documents: Sequence[str] = (),
    ) -> list[Hit]:
        entries = [
            one
            for one in self.entries.values()
            if one.access.tenant == access.tenant and (not documents or one.document in documents)
        ]
        scores = bm25(words(text), [Counter(words(f"{one.heading} {one.text}")) for one in entries])
        found = [hit(one, score) for one, score in zip(entries, scores, strict=True) if score > 0]
        return sorted(found, key=lambda one: -one.score)[:most]


class RandomStore(ExactKeywordStore):
    """Finds anything. What measures quality must not let it pass."""

    def __init__(self) -> None:
        super().__init__()
        self._chance = random.Random(1)

    def search(
        self,
        vector: Sequence[float],
        most: int,
        access: Access,
        deadline: Deadline,
        documents: Sequence[str] = (),
    ) -> list[Hit]:
        some = self._chance.sample(list(self.entries.values()), min(most, len(self.entries)))
        return [hit(one, 0.0) for one in some]

    def search_text(
        self,
        text: str,
        most: int,
        access: Access,
        deadline: Deadline,
        documents: Sequence[str] = (),
    ) -> list[Hit]:
        return self.search((), most, access, deadline, documents)


def words(text: str) -> list[str]:
    return WORD.findall(text.lower())


def bm25(asked: Sequence[str], texts: Sequence[Counter[str]]) -> list[float]:
    """How well each text, as counts of its words, matches the words asked for."""
    average = sum(text.total() for text in texts) / len(texts) if texts else 1.0
    rarity = {
        word: math.log(1 + (len(texts) - having + 0.5) / (having + 0.5))
        for word in set(asked)
        for having in [sum(word in text for text in texts)]
    }
    return [
        sum(rarity[word] * _weight(text[word], text.total() / average) for word in rarity) for text in texts
    ]


def _weight(count: int, length: float) -> float:
    return count / (count + K1 * (1 - B + B * length))


def hit(entry: Entry, score: float) -> Hit:
    return Hit(entry.id, entry.document, entry.text, entry.heading, score)
