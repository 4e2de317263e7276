"""Manifests: which chunks a document has now. Readers go by them, so that a document changes all at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple

from serverless_ai_runtime.core.ports import (
    BatchStore,
    Deadline,
    Record,
    ScannableStore,
    VersionConflict,
    World,
)
from serverless_ai_runtime.core.rag.ports import Access
from serverless_ai_runtime.core.records import digest

MOST_CHUNKS: Final = 3_000
"""Of one document: its manifest must fit into a record while the old chunks and the new ones stand in it."""
EMPTY_KEPT_S: Final = 86_400
"""How long the record of a document that is gone is kept."""
_WRITER_CHARS: Final = 8


class Manifest(NamedTuple):
    document: str
    version: str = ""
    """Of the content whose chunks are `chunks`; "" = there is none, or none that could be read."""
    access: Access = Access()
    chunks: Mapping[str, int] = {}
    """Key -> page: what readers see. None for a document that was deleted."""
    pending: Sequence[str] = ()
    """Keys that are being written, and are to be removed should that never end."""
    stale: Sequence[str] = ()
    """Keys that readers see no more, and that are still in the store."""
    told: bool = True
    """Whether what is cached of the tenant was told to be old after the last change."""
    stored: str | None = None
    """Version of the record; None = there is none."""

    @property
    def settled(self) -> bool:
        """Whether nothing is left to be done."""
        return not self.pending and not self.stale and self.told


class Manifests:
    """Of one index: one embedding model."""

    def __init__(self, store: BatchStore, index: str, world: World) -> None:
        self.index, self._store, self._world = index, store, world

    def get_many(self, documents: Iterable[str], deadline: Deadline) -> dict[str, Manifest]:
        """One for each document, also for one that has none stored."""
        keys = {document: self._key(document) for document in documents}
        records = self._store.get_many(list(keys.values()), deadline)
        return {document: _manifest(document, records.get(key)) for document, key in keys.items()}

    def put(self, manifest: Manifest, deadline: Deadline) -> Manifest:
        """As it is stored now. Raises `VersionConflict` if somebody else has written it."""
        value: dict[str, Any] = {
            "document": manifest.document,
            "version": manifest.version,
            "tenant": manifest.access.tenant,
            "tags": sorted(manifest.access.tags),
            "chunks": dict(manifest.chunks),
            "pending": list(manifest.pending),
            "stale": list(manifest.stale),
            "told": manifest.told,
        }
        # What is settled and says nothing need not be kept: no record says the same.
        empty = manifest.settled and not manifest.version and not manifest.chunks
        version = self._store.put(
            self._key(manifest.document),
            value,
            expect=manifest.stored,
            expires_at=int(self._world.now()) + EMPTY_KEPT_S if empty else 0,
            deadline=deadline,
        )
        return manifest._replace(stored=version)

    def changed(self, tenant: str, token: str, deadline: Deadline) -> None:
        """What is cached of the tenant's documents is old from now on. `token`: one that never was before."""
        key = self._epoch(tenant)
        record = self._store.get(key, deadline)
        expect = record.version if record else None
        # Who is faster tells it after this change too: it was made before the record was read.
        with suppress(VersionConflict):
            self._store.put(key, {"token": token}, expect=expect, expires_at=0, deadline=deadline)

    def epoch(self, tenant: str, deadline: Deadline) -> str:
        """Another one after every change of a document of the tenant."""
        record = self._store.get(self._epoch(tenant), deadline)
        return str(record.value["token"]) if record else ""

    def _key(self, document: str) -> str:
        return _prefix(self.index) + digest(document)[:48]

    def _epoch(self, tenant: str) -> str:
        return f"epoch.{self.index}.{digest(tenant)[:48]}"


def _manifest(document: str, record: Record | None) -> Manifest:
    if record is None:
        return Manifest(document)
    value = record.value
    return Manifest(
        document,
        value["version"],
        Access(str(value["tenant"]), frozenset(value["tags"])),
        value["chunks"],
        value["pending"],
        value["stale"],
        value["told"],
        record.version,
    )


class Roster:
    """Which documents an index has manifests of."""

    def __init__(self, store: ScannableStore, index: str) -> None:
        self._store, self._index = store, index

    def documents(self, after: str, most: int, deadline: Deadline) -> tuple[list[str], str]:
        """Some of them, and where to go on, as `ScannableStore.scan`."""
        records, more = self._store.scan(_prefix(self._index), after, most, deadline)
        return [str(record.value["document"]) for record in records], more


def _prefix(index: str) -> str:
    return f"doc.{index}."


def key_of(chunk: str, writer: str) -> str:
    """Names what one delivery has written: what another one removes is never what this one has put there."""
    return chunk + writer[:_WRITER_CHARS]


def chunk_of(key: str) -> str:
    """The chunk's id in a key."""
    return key[:-_WRITER_CHARS]


def entry_id(document: str, key: str) -> str:
    """Id in the store: two documents with the same text do not share it."""
    return f"{digest(document)[:32]}-{key}"
