"""The ports of RAG in memory: an embedder that counts, and a store that searches exactly."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from serverless_ai_runtime.core.ports import Deadline
from serverless_ai_runtime.core.rag.ports import Access, Entry, Hit


class CountingEmbedder:
    """Counts letters, so that texts with the same words are near each other."""

    model, dimension, batch = "letters", 26, 16

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.calls = 0
        self.before: Callable[[str], None] = lambda operation: None

    def embed(self, texts: Sequence[str], deadline: Deadline) -> list[list[float]]:
        self.before("embed")
        assert 0 < len(texts) <= self.batch
        self.calls += 1
        self.texts += texts
        return [_letters(text) for text in texts]


class ExactStore:
    """A `VectorStore`. `before` sees each call first, and may raise."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self.before: Callable[[str], None] = lambda operation: None

    def upsert(self, entries: Sequence[Entry], deadline: Deadline) -> None:
        self.before("upsert")
        self.entries |= {entry.id: entry for entry in entries}

    def delete(self, ids: Sequence[str], deadline: Deadline) -> None:
        self.before("delete")
        for one in ids:
            self.entries.pop(one, None)

    def search(
        self,
        vector: Sequence[float],
        most: int,
        access: Access,
        deadline: Deadline,
        documents: Sequence[str] = (),
    ) -> list[Hit]:
        self.before("search")
        found = [
            Hit(one.id, one.document, one.text, one.heading, _cosine(vector, one.vector))
            for one in self.entries.values()
            if one.access.tenant == access.tenant and (not documents or one.document in documents)
        ]
        return sorted(found, key=lambda hit: -hit.score)[:most]


def _letters(text: str) -> list[float]:
    return [float(text.lower().count(chr(ord("a") + number))) for number in range(26)]


def _cosine(one: Sequence[float], other: Sequence[float]) -> float:
    size = math.hypot(*one) * math.hypot(*other)
    return sum(left * right for left, right in zip(one, other, strict=True)) / size if size else 0.0
