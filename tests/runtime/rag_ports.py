"""The ports of RAG in memory: an embedder that counts, and a store that searches exactly."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import count

from memory_ports import Clock

from serverless_ai_runtime.core.event_pipeline.ports import Unprocessable
from serverless_ai_runtime.core.objects import ObjectChanged
from serverless_ai_runtime.core.ports import Deadline, World
from serverless_ai_runtime.core.rag.ports import Access, Entry, Found, Hit
from serverless_ai_runtime.documents import Section


def rag_world(clock: Clock) -> World:
    """Tokens differ in their first digits too, of which keys of chunks are made."""
    numbers = count(1)
    return clock.world()._replace(token=lambda: f"{next(numbers):08x}" * 4)


class CountingEmbedder:
    """Counts letters, so that texts with the same words are near each other."""

    model, dimension, batch, batch_bytes = "letters", 26, 16, 2_000

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.calls = 0
        self.before: Callable[[str], None] = lambda operation: None

    def embed(self, texts: Sequence[str], deadline: Deadline) -> list[list[float]]:
        self.before("embed")
        assert 0 < len(texts) <= self.batch
        assert len(texts) == 1 or sum(len(text.encode()) for text in texts) <= self.batch_bytes
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


ANYONE = Access()


class Shelf:
    """`Documents` in memory: a document is paragraphs, each a section and a page of its own."""

    def __init__(self) -> None:
        self.documents: dict[str, tuple[str, Access, tuple[str, ...] | Unprocessable]] = {}
        self.before: Callable[[str], None] = lambda operation: None
        self._writes = 0

    def put(
        self,
        document: str,
        *paragraphs: str,
        access: Access = ANYONE,
        version: str = "",
    ) -> None:
        self._writes += 1
        self.documents[document] = (version or f"v{self._writes}", access, paragraphs)

    def damage(self, document: str) -> None:
        self._writes += 1
        error = Unprocessable("damaged_document", "it is damaged")
        self.documents[document] = (f"v{self._writes}", Access(), error)

    def remove(self, document: str) -> None:
        self.documents.pop(document, None)

    def look(self, document: str, deadline: Deadline) -> Found | None:
        self.before("look")
        there = self.documents.get(document)
        if there is None:
            return None

        def read(deadline: Deadline) -> Iterable[Section]:
            self.before("read")
            if self.documents.get(document) is not there:
                raise ObjectChanged(document)
            if isinstance(there[2], Unprocessable):
                raise there[2]
            return [Section(one, number) for number, one in enumerate(there[2], 1)]

        return Found(there[0], there[1], read)


def _letters(text: str) -> list[float]:
    return [float(text.lower().count(chr(ord("a") + number))) for number in range(26)]


def _cosine(one: Sequence[float], other: Sequence[float]) -> float:
    size = math.hypot(*one) * math.hypot(*other)
    return sum(left * right for left, right in zip(one, other, strict=True)) / size if size else 0.0
