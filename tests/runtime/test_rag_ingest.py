"""Ingestion: the newest version, whole or not at all, whatever comes twice, too late or dies in between."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from memory_ports import Clock, MemoryStore
from rag_ports import CountingEmbedder, ExactStore

from serverless_ai_runtime.core.event_pipeline.ports import Unprocessable
from serverless_ai_runtime.core.ports import VersionConflict
from serverless_ai_runtime.core.rag.chunks import Sizes
from serverless_ai_runtime.core.rag.index import Index
from serverless_ai_runtime.core.rag.ingest import Ingested, Ingestion
from serverless_ai_runtime.core.rag.manifests import MOST_CHUNKS, Manifests, entry_id
from serverless_ai_runtime.core.rag.ports import Access, DocumentEvent
from serverless_ai_runtime.documents import Section

SIZES = Sizes(most=40, overlap=0)
DOCUMENT = "docs/a.md"
ANYONE = Access()


class Died(Exception):
    """The function was killed."""


class World:
    def __init__(self) -> None:
        self.clock = Clock()
        self.records = MemoryStore(self.clock)
        self.embedder, self.store = CountingEmbedder(), ExactStore()
        self.manifests = Manifests(self.records, "i1")
        self.ingestion = Ingestion(
            Index(self.embedder, self.store, self.manifests, self.clock.world()), SIZES
        )

    def put(
        self, order: int, *paragraphs: str, document: str = DOCUMENT, access: Access = ANYONE
    ) -> Ingested:
        event = DocumentEvent(document, f"v{order}", f"{order:09}", access)
        return self.ingestion.put(event, [Section(one) for one in paragraphs], self.clock.deadline(60))

    def delete(self, order: int, document: str = DOCUMENT) -> Ingested:
        return self.ingestion.delete(DocumentEvent(document, "", f"{order:09}"), self.clock.deadline(60))

    def seen(self, document: str = DOCUMENT) -> list[str]:
        """What readers see: what is in the store and in the manifest."""
        manifest = self.manifests.get(document, self.clock.deadline(60))
        return [self.store.entries[entry_id(document, key)].text for key in manifest.chunks]

    def stored(self) -> list[str]:
        return sorted(entry.text for entry in self.store.entries.values())

    def die_at(self, call: int) -> None:
        """At the call of this number that changes anything, before it does."""
        left = [call]

        def count(*_: Any) -> None:
            left[0] -= 1
            if left[0] == 0:
                raise Died

        def changing(operation: str, key: str) -> None:
            if operation != "get":
                count()

        self.records.before = changing
        self.store.before = self.embedder.before = lambda operation: count()

    def live(self) -> None:
        self.records.before = lambda operation, key: None
        self.store.before = self.embedder.before = lambda operation: None


def test_a_document_is_chunks_that_readers_see() -> None:
    world = World()
    assert world.put(1, "The lamp.", "The tide.") == Ingested("done", 2, 2, 0)
    assert world.seen() == ["The lamp.", "The tide."]


def test_only_what_is_new_is_embedded_and_what_is_old_is_gone() -> None:
    world = World()
    world.put(1, "The lamp.", "The tide.", "The bell.")
    assert world.put(2, "The lamp.", "The wind.", "The bell.") == Ingested("done", 3, 1, 1)
    assert world.embedder.texts[-1:] == ["The wind."]
    assert world.seen() == ["The lamp.", "The wind.", "The bell."]
    assert world.stored() == ["The bell.", "The lamp.", "The wind."]


def test_a_version_that_comes_again_embeds_nothing_and_an_older_one_changes_nothing() -> None:
    world = World()
    world.put(2, "New.")
    assert world.put(2, "New.").outcome == "unchanged"
    assert world.put(1, "Old.").outcome == "superseded"
    assert (world.seen(), world.embedder.texts) == (["New."], ["New."])


def test_a_deletion_is_a_version_and_what_is_older_stays_out() -> None:
    world = World()
    world.put(1, "Here.")
    assert world.delete(3).removed == 1
    assert world.put(2, "Late.").outcome == "superseded"
    assert (world.seen(), world.stored()) == ([], [])
    assert world.put(4, "Back.").outcome == "done"
    assert world.seen() == ["Back."]


def test_two_documents_with_the_same_text_do_not_share_it() -> None:
    world = World()
    world.put(1, "Same.", document="a")
    world.put(1, "Same.", document="b")
    world.delete(2, document="a")
    assert (world.seen("a"), world.seen("b")) == ([], ["Same."])


def test_a_change_of_access_writes_every_chunk_anew_and_leaves_no_other() -> None:
    world = World()
    world.put(1, "Secret.", access=Access("one"))
    world.put(2, "Secret.", access=Access("two", frozenset({"board"})))
    (entry,) = world.store.entries.values()
    assert entry.access == Access("two", frozenset({"board"}))


def test_500_documents_of_which_one_in_a_hundred_changed_embed_only_what_changed() -> None:
    world = World()
    written = {f"d{number}": [f"Part {part} of {number}." for part in range(4)] for number in range(500)}
    for name, parts in written.items():
        world.put(1, *parts, document=name)
    world.embedder.texts.clear()
    for name, parts in written.items():
        world.put(2, *parts, document=name)
    assert world.embedder.texts == []
    for number in range(0, 500, 100):
        written[f"d{number}"][2] = f"Changed in {number}."
    for name, parts in written.items():
        world.put(3, *parts, document=name)
    assert sorted(world.embedder.texts) == [f"Changed in {number}." for number in range(0, 500, 100)]


def test_chunks_are_embedded_in_as_few_calls_as_the_provider_allows() -> None:
    world = World()
    world.put(1, *[f"Paragraph {number}." for number in range(40)])
    assert world.embedder.calls == 3


def test_a_document_of_too_many_chunks_is_refused_before_anything_is_written() -> None:
    world = World()
    with pytest.raises(Unprocessable, match=f"at most {MOST_CHUNKS} are allowed"):
        world.put(1, *[f"Paragraph {number}." for number in range(MOST_CHUNKS + 1)])
    assert (world.store.entries, world.records.records) == ({}, {})


def test_the_largest_document_and_the_one_that_replaces_it_fit_into_a_record() -> None:
    from serverless_ai_runtime.core.records import MAX_RECORD_BYTES, json_bytes

    world, largest = World(), [0]

    def weigh(operation: str, key: str) -> None:
        for value, _, _ in world.records.records.values():
            largest[0] = max(largest[0], json_bytes(value))

    world.records.before = weigh
    for order in (1, 2, 3):
        world.put(order, *[f"Paragraph {number} of {order}." for number in range(MOST_CHUNKS)])
    assert largest[0] <= MAX_RECORD_BYTES


VERSIONS = [("The lamp.", "The tide."), ("The lamp.", "The wind."), (), ("The bell.",)]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9)), min_size=1, max_size=8),
)
def test_whatever_dies_where_and_comes_again_the_newest_version_is_whole(
    deliveries: Sequence[tuple[int, int]],
) -> None:
    """Each delivery of a version (by number) dies at a call (0: it does not); then each comes once more."""
    world = World()
    newest = max(version for version, _ in deliveries)
    for version, dies_at in (*deliveries, *((version, 0) for version, _ in deliveries)):
        world.live()
        before = world.seen()
        if dies_at:
            world.die_at(dies_at)
        try:
            if VERSIONS[version]:
                world.put(version + 1, *VERSIONS[version])
            else:
                world.delete(version + 1)
        except Died:
            world.live()
            seen = world.seen()
            assert seen in (before, list(VERSIONS[version])), "never half a document"
    assert world.seen() == list(VERSIONS[newest])
    assert world.stored() == sorted(VERSIONS[newest]), "nothing is left behind"


@pytest.mark.parametrize("seed", range(5))
def test_versions_that_are_worked_on_at_the_same_time_end_as_the_newest(seed: int) -> None:
    world = World()

    def work(order: int) -> None:
        for _ in range(3):
            try:
                world.put(order, f"Version {order}.", "Common.")
            except VersionConflict:
                continue
            return

    threads = [threading.Thread(target=work, args=(order,)) for order in range(1, 7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    world.put(6, "Version 6.", "Common.")
    assert world.seen() == ["Version 6.", "Common."]


def test_every_change_makes_what_is_cached_of_the_tenant_old_and_repetitions_do_not() -> None:
    world = World()

    def epoch(tenant: str) -> str:
        return world.manifests.epoch(tenant, world.clock.deadline(9))

    world.put(1, "A.", access=Access("one"))
    seen = [epoch("one")]
    world.put(1, "A.", access=Access("one"))
    assert epoch("one") == seen[0]
    world.put(2, "B.", access=Access("one"))
    seen.append(epoch("one"))
    assert epoch("two") == ""
    world.put(3, "B.", access=Access("two"))
    seen += [epoch("two"), epoch("one")]
    assert len(set(seen)) == 4, "the tenant that has lost it is told too"
