"""Documents into the store: only what is new is embedded, and readers see the old or the new, never a half.

An event only says where to look: what counts is the document as it is now. The manifest is read before the
document is, and written only if nobody else has written it meanwhile; so whatever comes twice, too late or in
another order ends as what is there.

The order of the writes makes a change whole: what is about to be written is noted, then written, then the
manifest is switched, then what is old is removed. A delivery that dies in between leaves a note, and the next
one does the rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from serverless_ai_runtime.core.event_pipeline.ports import Unprocessable
from serverless_ai_runtime.core.objects import ObjectChanged, ObjectMissing
from serverless_ai_runtime.core.packing import packed
from serverless_ai_runtime.core.ports import Deadline, Refused, VersionConflict
from serverless_ai_runtime.core.rag.chunks import Chunk, Sizes, chunks, embedded_text
from serverless_ai_runtime.core.rag.index import Index
from serverless_ai_runtime.core.rag.manifests import (
    MOST_CHUNKS,
    Manifest,
    chunk_of,
    entry_id,
    key_of,
)
from serverless_ai_runtime.core.rag.ports import Access, Documents, Entry, Found
from serverless_ai_runtime.core.records import pause

DELETE_BATCH: Final = 100
MAX_CONFLICTS: Final = 12
MOST_AT_ONCE: Final = 4
"""Batches that are embedded and stored at the same time."""
MOST_HELD: Final = 512
"""New chunks from which on documents are written before more of them are read: what was done so far stays
done should the time be up, and memory holds no more."""
_MOVED: Final = (VersionConflict, ObjectChanged, ObjectMissing)
"""Somebody else has changed the document or its manifest meanwhile: it is looked at again."""


class Ingested(NamedTuple):
    """What came of a look at a document."""

    outcome: str
    """`done`, `removed`, `unchanged`, or `absent` (there is none and there was none)."""
    chunks: int = 0
    embedded: int = 0
    """Chunks that were new."""
    removed: int = 0


class _Plan(NamedTuple):
    """A document that is not as its manifest says."""

    manifest: Manifest
    """As stored, with what is new noted in it."""
    version: str
    found: Found | None
    pages: Mapping[str, int]
    """Key -> page of every chunk that readers will see."""
    new: Mapping[str, Chunk]
    unreadable: Unprocessable | None


class _New(NamedTuple):
    """A chunk that is to be stored."""

    document: str
    access: Access
    key: str
    chunk: Chunk
    embedded: str

    def size(self) -> int:
        """Bytes of what is embedded."""
        return len(self.embedded.encode("utf-8", "surrogatepass"))


class Ingestion:
    """Of one index."""

    def __init__(
        self,
        index: Index,
        documents: Documents,
        sizes: Sizes = Sizes(),  # noqa: B008 - frozen
    ) -> None:
        self._embedder, self._store, self._manifests, self._world = index
        self._documents, self._sizes = documents, sizes

    def settle(self, documents: Sequence[str], deadline: Deadline) -> dict[str, Ingested | Exception]:
        """Make the index say what these documents are now; what came of each.

        `Unprocessable` for one that cannot be read: readers see nothing of it any more.
        """
        outcomes: dict[str, Ingested | Exception] = {}
        left = list(dict.fromkeys(documents))
        for attempt in range(MAX_CONFLICTS):
            outcomes |= self._once(left, deadline)
            left = [one for one in left if isinstance(outcomes[one], _MOVED)]
            if not left or not pause(attempt, self._world, deadline):
                break
        return outcomes

    def _once(self, documents: Sequence[str], deadline: Deadline) -> dict[str, Ingested | Exception]:
        outcomes: dict[str, Ingested | Exception] = {}
        plans: dict[str, _Plan] = {}
        try:
            manifests = self._manifests.get_many(documents, deadline)
        except Exception as error:
            return dict.fromkeys(documents, error)
        for document, manifest in manifests.items():
            try:
                planned = self._plan(manifest, deadline)
            except Exception as error:
                planned = error
            if isinstance(planned, _Plan):
                plans[document] = planned
            else:
                outcomes[document] = planned
            if sum(len(plan.new) for plan in plans.values()) >= MOST_HELD:
                outcomes |= self._carried_out(plans, deadline)
                plans = {}
        return outcomes | self._carried_out(plans, deadline)

    def _carried_out(self, plans: Mapping[str, _Plan], deadline: Deadline) -> dict[str, Ingested | Exception]:
        failed = self._write(plans, deadline)
        written = {name: plan for name, plan in plans.items() if name not in failed}
        return {**failed, **self._switch(written, deadline)}

    # -- what is to be done -----------------------------------------------------------------------
    def _plan(self, manifest: Manifest, deadline: Deadline) -> Ingested | _Plan:
        found = self._documents.look(manifest.document, deadline)
        if found is None and manifest.stored is None:
            return Ingested("absent")
        version, access = (found.version, found.access) if found else ("", manifest.access)
        if (version, access) == (manifest.version, manifest.access) and manifest.stored is not None:
            return self._unchanged(manifest, deadline)
        unreadable, now = None, list[Chunk]()
        try:
            now = self._chunks(found, deadline)
        except Unprocessable as error:
            version, unreadable = "", error
        # Where access changes, entries must be written anew: stores filter by what stands in them.
        kept = {chunk_of(key): key for key in manifest.chunks} if access == manifest.access else {}
        writer = self._world.token()
        new = {key_of(chunk.id, writer): chunk for chunk in now if chunk.id not in kept}
        pages = {kept.get(chunk.id) or key_of(chunk.id, writer): chunk.page for chunk in now}
        if version and manifest.version and (pages, access) == (manifest.chunks, manifest.access):
            # Another version with the same text: nothing that readers see becomes another.
            return self._unchanged(
                self._manifests.put(manifest._replace(version=version), deadline), deadline
            )
        if new:
            manifest = self._manifests.put(manifest._replace(pending=(*manifest.pending, *new)), deadline)
        return _Plan(manifest, version, found, pages, new, unreadable)

    def _unchanged(self, manifest: Manifest, deadline: Deadline) -> Ingested:
        return Ingested("unchanged", len(manifest.chunks), 0, self._finish([manifest], deadline)[0])

    def _chunks(self, found: Found | None, deadline: Deadline) -> list[Chunk]:
        """Raises `Unprocessable` for a document of too many chunks."""
        now = chunks(found.read(deadline), self._sizes) if found else []
        if len(now) > MOST_CHUNKS:
            said = f"the document has {len(now)} chunks; at most {MOST_CHUNKS} are allowed"
            raise Unprocessable("too_long", said)
        return now

    # -- what is new ------------------------------------------------------------------------------
    def _write(self, plans: Mapping[str, _Plan], deadline: Deadline) -> dict[str, Exception]:
        """Embed and store what is new of all of them; why it failed for whom."""
        fresh = {name: plan for name, plan in plans.items() if plan.new}
        try:
            self._store_new(fresh, deadline)
        except Refused as error:
            if len(fresh) == 1:
                return dict.fromkeys(fresh, error)
            failed: dict[str, Exception] = {}
            for name, plan in fresh.items():  # one that is refused takes none with it
                failed |= self._write({name: plan}, deadline)
            return failed
        except Exception as error:
            return dict.fromkeys(fresh, error)
        return {}

    def _store_new(self, plans: Mapping[str, _Plan], deadline: Deadline) -> None:
        """In as few calls of the embedder as its limits allow, some of them at the same time."""
        items = [
            _New(name, _access(plan), key, chunk, embedded_text(chunk))
            for name, plan in plans.items()
            for key, chunk in plan.new.items()
        ]
        groups = list(packed(items, _New.size, self._embedder.batch, self._embedder.batch_bytes))
        if len(groups) < 2:
            for group in groups:
                self._store_batch(group, deadline)
            return
        from concurrent.futures import ThreadPoolExecutor  # a document of one batch never needs it

        def store(batch: Sequence[_New]) -> None:
            self._store_batch(batch, deadline)

        pool = ThreadPoolExecutor(MOST_AT_ONCE)
        try:
            for _ in pool.map(store, groups):
                pass
        finally:
            pool.shutdown(cancel_futures=True)

    def _store_batch(self, batch: Sequence[_New], deadline: Deadline) -> None:
        vectors = self._embedder.embed([one.embedded for one in batch], deadline)
        entries = [
            Entry(
                entry_id(one.document, one.key),
                one.document,
                one.access,
                one.chunk.text,
                one.chunk.heading,
                vector,
            )
            for one, vector in zip(batch, vectors, strict=True)
        ]
        self._store.upsert(entries, deadline)

    # -- what readers see -------------------------------------------------------------------------
    def _switch(self, plans: Mapping[str, _Plan], deadline: Deadline) -> dict[str, Ingested | Exception]:
        """From here on readers see the new chunks."""
        outcomes: dict[str, Ingested | Exception] = {}
        switched: dict[str, Manifest] = {}
        for name, plan in plans.items():
            try:
                switched[name] = self._switched(name, plan, deadline)
            except Exception as error:
                outcomes[name] = error
        try:
            removed = self._finish(list(switched.values()), deadline)
        except Exception as error:
            return outcomes | dict.fromkeys(switched, error)
        for name, count in zip(switched, removed, strict=True):
            plan = plans[name]
            outcome = "done" if plan.found else "removed"
            ingested = Ingested(outcome, len(plan.pages), len(plan.new), count)
            outcomes[name] = plan.unreadable or ingested
        return outcomes

    def _switched(self, document: str, plan: _Plan, deadline: Deadline) -> Manifest:
        """Raises `VersionConflict`."""
        before = plan.manifest
        every = dict.fromkeys((*before.chunks, *before.pending, *before.stale))
        gone = tuple(key for key in every if key not in plan.pages)
        after = Manifest(document, plan.version, _access(plan), plan.pages, (), gone, False, before.stored)
        try:
            stored = self._manifests.put(after, deadline)
        except VersionConflict:
            self._remove(document, list(plan.new), deadline)  # nobody else knows them
            raise
        if after.access.tenant != before.access.tenant and before.stored is not None:
            self._manifests.changed(before.access.tenant, self._world.token(), deadline)
        return stored

    def _finish(self, manifests: Sequence[Manifest], deadline: Deadline) -> list[int]:
        """Do what is left after a switch, by whomever; how many chunks were removed of each."""
        for tenant in {one.access.tenant for one in manifests if not one.told}:
            self._manifests.changed(tenant, self._world.token(), deadline)
        return [self._finished(one, deadline) for one in manifests]

    def _finished(self, manifest: Manifest, deadline: Deadline) -> int:
        if manifest.settled:
            return 0
        left = [key for key in (*manifest.stale, *manifest.pending) if key not in manifest.chunks]
        self._remove(manifest.document, left, deadline)
        self._manifests.put(manifest._replace(pending=(), stale=(), told=True), deadline)
        return len(left)

    def _remove(self, document: str, keys: Sequence[str], deadline: Deadline) -> None:
        ids = [entry_id(document, key) for key in keys]
        for start in range(0, len(ids), DELETE_BATCH):
            self._store.delete(ids[start : start + DELETE_BATCH], deadline)


def _access(plan: _Plan) -> Access:
    return plan.found.access if plan.found else plan.manifest.access
