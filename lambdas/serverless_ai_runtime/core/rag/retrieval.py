"""Passages for a question: near it, of the caller's own tenant and tags, and of documents as they are now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple, cast

from serverless_ai_runtime.core.ports import Deadline, KeyValueStore, VersionConflict
from serverless_ai_runtime.core.rag.fusion import fused
from serverless_ai_runtime.core.rag.index import Index
from serverless_ai_runtime.core.rag.manifests import Manifest, entry_id
from serverless_ai_runtime.core.rag.ports import Access, Hit, KeywordStore
from serverless_ai_runtime.core.records import digest

OVERFETCH: Final = 3
"""So many times more than wanted is asked for: what is old or not the caller's falls away."""
MOST: Final = 100
"""That any store gives at once."""
MOST_AGAIN: Final = 2
"""Times that a store is searched again because a document has changed meanwhile."""


VECTOR, KEYWORD, HYBRID = "vector", "keyword", "hybrid"
MODES: Final = (VECTOR, KEYWORD, HYBRID)


class Passage(NamedTuple):
    """A chunk that the caller may see."""

    document: str
    version: str
    """Of the document's content that it is of."""
    page: int
    """0 = the document has no pages."""
    heading: str
    text: str
    score: float


class Retrieved(NamedTuple):
    passages: list[Passage]
    cached: bool
    """Whether the question's vector was known already."""


class _Where(NamedTuple):
    access: Access
    documents: Sequence[str]


class Retrieval:
    """Of one index. `cache` keeps vectors of questions for `cached_s` seconds; None: it keeps none."""

    def __init__(
        self,
        index: Index,
        *,
        mode: str = VECTOR,
        cache: KeyValueStore | None = None,
        cached_s: int = 0,
    ) -> None:
        """`mode`: VECTOR, or with a `KeywordStore` KEYWORD or HYBRID. Raises `ValueError` for another one."""
        self._embedder, self._store, self._manifests, self._world = index
        self.mode, self._cache, self._cached_s = mode, cache, cached_s
        if mode not in MODES or (mode != VECTOR and not hasattr(index.store, "search_text")):
            raise ValueError(
                f"search must be vector, or keyword or hybrid with a store that has words: {mode}"
            )

    def search(
        self, question: str, access: Access, most: int, deadline: Deadline, documents: Sequence[str] = ()
    ) -> Retrieved:
        """At most `most` passages, the nearest first. `access`: what the caller has, as was verified.

        `documents`: of these only; none = of any.
        """
        vector, cached = ([], False)
        if self.mode != KEYWORD:
            vector, cached = self._vector(normalised(question), deadline)
        asked, again = min(MOST, most * OVERFETCH), MOST_AGAIN
        while True:
            hits = self._hits(question, vector, asked, _Where(access, documents), deadline)
            found, overtaken = self._visible(hits, access, most, deadline)
            if overtaken and again:
                again -= 1
                continue
            if len(found) >= most or len(hits) < asked or asked == MOST:
                return Retrieved(found, cached)
            asked = min(MOST, asked * OVERFETCH)

    def _hits(
        self, question: str, vector: Sequence[float], asked: int, where: _Where, deadline: Deadline
    ) -> list[Hit]:
        """What the store finds, by the mode."""
        access, documents = where
        if self.mode == VECTOR:
            return self._store.search(vector, asked, access, deadline, documents)
        words = cast("KeywordStore", self._store).search_text(question, asked, access, deadline, documents)
        if self.mode == KEYWORD:
            return words
        near = self._store.search(vector, asked, access, deadline, documents)
        return fused((near, words), asked)

    def _visible(
        self, hits: Sequence[Hit], access: Access, most: int, deadline: Deadline
    ) -> tuple[list[Passage], bool]:
        """The first `most` that stand in the manifest of their document, and that the caller may see.

        And whether one no longer stands there: its document may have changed since the store was searched,
        and what it has now is not among the hits. Manifests are read for as many hits as are wanted, which
        nearly always are all that are needed.
        """
        found: list[Passage] = []
        seen: dict[str, tuple[str, Mapping[str, int]] | None] = {}
        at, overtaken = 0, False
        while len(found) < most and at < len(hits):
            some = hits[at : at + most - len(found)]
            at += len(some)
            unknown = {hit.document for hit in some if hit.document not in seen}
            for one, manifest in self._manifests.get_many(sorted(unknown), deadline).items():
                seen[one] = (manifest.version, _pages(manifest)) if may_see(manifest, access) else None
            for hit in some:
                version, pages = seen[hit.document] or ("", {})
                if hit.id in pages:
                    found.append(_passage(hit, version, pages))
                overtaken = overtaken or (bool(pages) and hit.id not in pages)
        return found, overtaken

    def _vector(self, question: str, deadline: Deadline) -> tuple[list[float], bool]:
        """And whether it came out of the cache."""
        key = f"embed.{digest(f'{self._embedder.model} {self._embedder.dimension} {question}')[:64]}"
        if self._cache is not None:
            record = self._cache.get(key, deadline)
            if record is not None:
                return list(record.value["vector"]), True
        (vector,) = self._embedder.embed([question], deadline)
        if self._cache is not None:
            keep(self._cache, key, {"vector": vector}, self._world.now() + self._cached_s, deadline)
        return vector, False


def normalised(question: str) -> str:
    """The same for questions that differ in nothing but case and space."""
    return " ".join(question.casefold().split())


def keep(store: KeyValueStore, key: str, value: Mapping[str, Any], until: float, deadline: Deadline) -> None:
    """Put into a cache. Somebody else may have done so at the same time, which is as good."""
    with suppress(VersionConflict):
        store.put(key, value, expect=None, expires_at=int(until), deadline=deadline)


def may_see(manifest: Manifest, access: Access) -> bool:
    return manifest.access.tenant == access.tenant and manifest.access.tags <= access.tags


def _passage(hit: Hit, version: str, pages: Mapping[str, int]) -> Passage:
    return Passage(hit.document, version, pages[hit.id], hit.heading, hit.text, hit.score)


def _pages(manifest: Manifest) -> dict[str, int]:
    """Id in the store -> page."""
    return {entry_id(manifest.document, key): page for key, page in manifest.chunks.items()}
