"""Documents into the store: only what is new is embedded, and readers see the old or the new, never a half.

The order of the writes is what makes that so: what is about to be written is noted, then written, then the
manifest is switched, then what is old is removed. A delivery that dies in between leaves a note, and the next
one does the rest.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from serverless_ai_runtime.core.event_pipeline.ports import Unprocessable
from serverless_ai_runtime.core.ports import Deadline, VersionConflict
from serverless_ai_runtime.core.rag.chunks import Chunk, Sizes, batches, chunks, embedded_text
from serverless_ai_runtime.core.rag.index import Index
from serverless_ai_runtime.core.rag.manifests import (
    MOST_CHUNKS,
    Manifest,
    chunk_of,
    entry_id,
    key_of,
)
from serverless_ai_runtime.core.rag.ports import DocumentEvent, Entry
from serverless_ai_runtime.core.records import pause
from serverless_ai_runtime.documents import Section

DELETE_BATCH: Final = 100
MAX_CONFLICTS: Final = 12


class Ingested(NamedTuple):
    """What came of an event."""

    outcome: str
    """`done`, `unchanged` (this version is in already) or `superseded` (a newer one is)."""
    chunks: int = 0
    embedded: int = 0
    """Chunks that were new."""
    removed: int = 0


class Ingestion:
    """Of one index."""

    def __init__(
        self,
        index: Index,
        sizes: Sizes = Sizes(),  # noqa: B008 - frozen
    ) -> None:
        self._embedder, self._store, self._manifests, self._world = index
        self._sizes = sizes

    def put(self, event: DocumentEvent, sections: Iterable[Section], deadline: Deadline) -> Ingested:
        """Make the document what `sections` say. Raises `Unprocessable` for one of too many chunks."""
        found = chunks(sections, self._sizes)
        if len(found) > MOST_CHUNKS:
            said = f"the document has {len(found)} chunks; at most {MOST_CHUNKS} are allowed"
            raise Unprocessable("too_long", said)
        return self._settled(event, found, deadline)

    def delete(self, event: DocumentEvent, deadline: Deadline) -> Ingested:
        """Take the document out. What comes later and is older stays out."""
        return self._settled(event, [], deadline)

    def _settled(self, event: DocumentEvent, found: Sequence[Chunk], deadline: Deadline) -> Ingested:
        """Until nobody else has written the manifest in between."""
        for attempt in range(MAX_CONFLICTS):
            try:
                return self._once(event, found, deadline)
            except VersionConflict:
                if not pause(attempt, self._world, deadline):
                    break
        raise VersionConflict(event.id)

    def _once(self, event: DocumentEvent, found: Sequence[Chunk], deadline: Deadline) -> Ingested:
        manifest = self._manifests.get(event.id, deadline)
        if manifest.stored is not None and event.order <= manifest.order:
            removed = self._finish(manifest, deadline)
            outcome = "unchanged" if event.order == manifest.order else "superseded"
            return Ingested(outcome, len(manifest.chunks), 0, removed)
        # Where access changes, entries must be written anew: stores filter by what stands in them.
        same = event.access == manifest.access
        kept = {chunk_of(key): key for key in manifest.chunks} if same else dict[str, str]()
        writer = self._world.token()
        new = {key_of(chunk.id, writer): chunk for chunk in found if chunk.id not in kept}
        if new:
            manifest = self._manifests.put(manifest._replace(pending=(*manifest.pending, *new)), deadline)
            self._write(event, new, deadline)
        keys = {kept.get(chunk.id) or key_of(chunk.id, writer): chunk.page for chunk in found}
        manifest = self._switched(event, manifest, keys, new, deadline)
        return Ingested("done", len(keys), len(new), self._finish(manifest, deadline))

    def _write(self, event: DocumentEvent, new: Mapping[str, Chunk], deadline: Deadline) -> None:
        for batch in batches(list(new.items()), self._embedder.batch):
            vectors = self._embedder.embed([embedded_text(chunk) for _, chunk in batch], deadline)
            entries = [
                Entry(entry_id(event.id, key), event.id, event.access, chunk.text, chunk.heading, vector)
                for (key, chunk), vector in zip(batch, vectors, strict=True)
            ]
            self._store.upsert(entries, deadline)

    def _switched(
        self,
        event: DocumentEvent,
        before: Manifest,
        keys: Mapping[str, int],
        new: Collection[str],
        deadline: Deadline,
    ) -> Manifest:
        """From here on readers see the new chunks. Raises `VersionConflict`."""
        every = dict.fromkeys((*before.chunks, *before.pending, *before.stale))
        gone = tuple(key for key in every if key not in keys)
        after = Manifest(
            event.id, event.version, event.order, event.access, keys, (), gone, False, before.stored
        )
        try:
            stored = self._manifests.put(after, deadline)
        except VersionConflict:
            self._remove(event.id, list(new), deadline)  # nobody else knows them
            raise
        if event.access.tenant != before.access.tenant and before.stored is not None:
            self._manifests.changed(before.access.tenant, self._world.token(), deadline)
        return stored

    def _finish(self, manifest: Manifest, deadline: Deadline) -> int:
        """Do what an earlier delivery has left; how many chunks were removed."""
        if manifest.settled:
            return 0
        if not manifest.told:
            self._manifests.changed(manifest.access.tenant, self._world.token(), deadline)
        left = [key for key in (*manifest.stale, *manifest.pending) if key not in manifest.chunks]
        self._remove(manifest.document, left, deadline)
        self._manifests.put(manifest._replace(pending=(), stale=(), told=True), deadline)
        return len(left)

    def _remove(self, document: str, keys: Sequence[str], deadline: Deadline) -> None:
        ids = [entry_id(document, key) for key in keys]
        for start in range(0, len(ids), DELETE_BATCH):
            self._store.delete(ids[start : start + DELETE_BATCH], deadline)
