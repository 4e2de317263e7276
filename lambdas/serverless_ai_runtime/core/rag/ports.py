"""What RAG needs of the world, and the values that cross its ports. No cloud is named here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from serverless_ai_runtime.core.ports import Deadline

if TYPE_CHECKING:  # who only reads an index never loads it
    from serverless_ai_runtime.documents import Section

MOST_DOCUMENTS: Final = 10
"""That a search may be narrowed to: every store takes so many values in a filter."""


class Access(NamedTuple):
    """Who may see a document."""

    tenant: str = ""
    """Only callers of this tenant; "" is a tenant as any other."""
    tags: frozenset[str] = frozenset()
    """Only callers who have all of them; none = every caller of the tenant."""


class Found(NamedTuple):
    """A document as it is now, where its users put it."""

    version: str
    """Of its content: etag or generation."""
    access: Access
    read: Callable[[Deadline], Iterable[Section]]
    """Its text. Raises `Unprocessable`, `ServiceError`, and `ObjectChanged` or `ObjectMissing` when the
    document is no longer this one."""


class Documents(Protocol):
    """Where users put their documents: what is there counts, whatever events said."""

    def look(self, document: str, deadline: Deadline) -> Found | None:
        """None for one that is not there (any more). Raises `Unprocessable`, `ServiceError`."""
        ...


class Entry(NamedTuple):
    """A chunk as a vector store holds it."""

    id: str
    document: str
    access: Access
    text: str
    heading: str
    vector: Sequence[float]


class Hit(NamedTuple):
    """A chunk that a search has found."""

    id: str
    document: str
    text: str
    heading: str
    score: float
    """The better the greater; of which scale, is the store's matter."""


class Embedder(Protocol):
    """Texts into vectors."""

    @property
    def model(self) -> str: ...

    @property
    def dimension(self) -> int: ...

    @property
    def batch(self) -> int:
        """Most texts of one `embed`."""
        ...

    @property
    def batch_bytes(self) -> int:
        """Most bytes of UTF-8 of the texts of one `embed`; a single text may have more."""
        ...

    def embed(self, texts: Sequence[str], deadline: Deadline) -> list[list[float]]:
        """One vector a text, in their order. Raises `ServiceError`."""
        ...


class VectorStore(Protocol):
    """Chunks by their vectors. All calls may be repeated: the same entry twice is there once."""

    def upsert(self, entries: Sequence[Entry], deadline: Deadline) -> None: ...

    def delete(self, ids: Sequence[str], deadline: Deadline) -> None:
        """What is not there is deleted already."""
        ...

    def search(
        self,
        vector: Sequence[float],
        most: int,
        access: Access,
        deadline: Deadline,
        documents: Sequence[str] = (),
    ) -> list[Hit]:
        """At most `most` chunks of the caller's tenant, the nearest first.

        `access.tags` are those that the caller has. Tags may be left to whoever asks, tenants may not.
        `documents`: of these only, at most `MOST_DOCUMENTS`; none = of any.
        """
        ...


class KeywordStore(VectorStore, Protocol):
    """A vector store that also finds chunks by their words."""

    def search_text(
        self,
        text: str,
        most: int,
        access: Access,
        deadline: Deadline,
        documents: Sequence[str] = (),
    ) -> list[Hit]:
        """As `search`, the best match first: chunks that hold any of the words of `text`.

        The text is whatever somebody asked: nothing in it is an operator of a query language.
        """
        ...
