"""Ingestion: what is in the bucket, whole or not at all, whatever comes twice, too late or dies."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from memory_ports import Clock, MemoryStore
from rag_ports import CountingEmbedder, ExactStore, Shelf, rag_world

from serverless_ai_runtime.core.event_pipeline.ports import Unprocessable
from serverless_ai_runtime.core.ports import Deadline, Refused, Unavailable
from serverless_ai_runtime.core.rag.chunks import Sizes
from serverless_ai_runtime.core.rag.index import Index
from serverless_ai_runtime.core.rag.ingest import MOST_HELD, Ingested, Ingestion
from serverless_ai_runtime.core.rag.manifests import EMPTY_KEPT_S, MOST_CHUNKS, Manifest, Manifests, entry_id
from serverless_ai_runtime.core.rag.ports import Access

SIZES = Sizes(most=40, overlap=0)
DOCUMENT = "docs/a.md"
ANYONE = Access()


class Died(BaseException):
    """The function was killed."""


class World:
    def __init__(self) -> None:
        self.clock = Clock()
        self.records = MemoryStore(self.clock)
        self.embedder, self.store, self.shelf = CountingEmbedder(), ExactStore(), Shelf()
        world = rag_world(self.clock)
        self.manifests = Manifests(self.records, "i1", world)
        self.ingestion = Ingestion(Index(self.embedder, self.store, self.manifests, world), self.shelf, SIZES)

    def settle(self, document: str = DOCUMENT) -> Ingested | Exception:
        return self.ingestion.settle([document], self.clock.deadline(60))[document]

    def put(self, *paragraphs: str, document: str = DOCUMENT, access: Access = ANYONE) -> Any:
        self.shelf.put(document, *paragraphs, access=access)
        return self.settle(document)

    def delete(self, document: str = DOCUMENT) -> Any:
        self.shelf.remove(document)
        return self.settle(document)

    def seen(self, document: str = DOCUMENT) -> list[str]:
        """What readers see: what is in the store and in the manifest."""
        manifest = self.manifest(document)
        return [self.store.entries[entry_id(document, key)].text for key in manifest.chunks]

    def manifest(self, document: str = DOCUMENT) -> Manifest:
        return self.manifests.get_many([document], self.clock.deadline(60))[document]

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
    assert world.put("The lamp.", "The tide.") == Ingested("done", 2, 2, 0)
    assert world.seen() == ["The lamp.", "The tide."]


def test_only_what_is_new_is_embedded_and_what_is_old_is_gone() -> None:
    world = World()
    world.put("The lamp.", "The tide.", "The bell.")
    assert world.put("The lamp.", "The wind.", "The bell.") == Ingested("done", 3, 1, 1)
    assert world.embedder.texts[-1:] == ["The wind."]
    assert world.seen() == ["The lamp.", "The wind.", "The bell."]
    assert world.stored() == ["The bell.", "The lamp.", "The wind."]


def test_events_that_come_again_or_late_embed_nothing_and_change_nothing() -> None:
    world = World()
    world.put("New.")
    writes = dict(world.records.records)
    assert [world.settle() for _ in range(3)] == [Ingested("unchanged", 1, 0, 0)] * 3
    assert (world.seen(), world.embedder.texts, world.records.records) == (["New."], ["New."], writes)


def test_another_version_with_the_same_text_is_noted_and_nothing_else_is_done() -> None:
    world = World()
    world.put("The lamp.", "The tide.")
    writes: list[str] = []
    world.records.before = lambda operation, key: writes.append(operation) if operation != "get" else None
    world.store.before = writes.append
    epoch = world.manifests.epoch("", world.clock.deadline(9))
    assert world.put("The lamp.", "The tide.") == Ingested("unchanged", 2, 0, 0)
    assert writes == ["put"]
    assert world.embedder.calls == 1
    assert world.manifests.epoch("", world.clock.deadline(9)) == epoch
    assert world.manifest().version == world.shelf.documents[DOCUMENT][0]
    assert world.settle() == Ingested("unchanged", 2, 0, 0)
    assert writes == ["put"], "the version is known now"


def test_a_new_version_with_the_same_text_finishes_what_a_delivery_that_died_has_left() -> None:
    world = World()
    world.put("The lamp.")
    world.die_at(4)  # noted, embedded, stored; before the manifest is switched
    with pytest.raises(Died):
        world.put("The bell.")
    world.live()
    assert world.put("The lamp.") == Ingested("unchanged", 1, 0, 1)
    assert (world.seen(), world.stored()) == (["The lamp."], ["The lamp."])
    assert world.manifest().settled


def test_many_documents_are_written_by_and_by_so_that_what_was_done_stays_done() -> None:
    world = World()
    each = MOST_HELD // 4
    names = [f"docs/{number}.md" for number in range(6)]
    for name in names:
        world.shelf.put(name, *(f"{name} {at}." for at in range(each)))
    looks = 0

    def look(operation: str) -> None:
        nonlocal looks
        looks += operation == "look"
        if looks == 6:
            raise Died

    world.shelf.before = look
    with pytest.raises(Died):
        world.ingestion.settle(names, world.clock.deadline(60))
    assert [len(world.seen(name)) for name in names] == [each] * 4 + [0, 0]
    world.shelf.before = lambda operation: None
    outcomes = world.ingestion.settle(names, world.clock.deadline(60))
    assert [one.outcome for one in outcomes.values() if isinstance(one, Ingested)] == [
        *["unchanged"] * 4,
        *["done"] * 2,
    ]
    assert sorted(world.embedder.texts) == sorted(f"{name} {at}." for name in names for at in range(each))


def test_batches_are_stored_at_the_same_time_and_one_that_fails_lets_nothing_be_seen() -> None:
    world = World()
    paragraphs = [f"Paragraph {number} of many." for number in range(16 * 3)]
    together = threading.Barrier(3)
    world.store.before = lambda operation: together.wait(10) and None
    assert world.put(*paragraphs).outcome == "done"
    failures = iter([None, Unavailable("Store", "Upsert", 503, "Down", "it is down")])

    def fail(operation: str) -> None:
        error = next(failures, None) if operation == "upsert" else None
        if error:
            raise error

    world.store.before = fail
    outcome = world.put(*(one.upper() for one in paragraphs))
    assert isinstance(outcome, Unavailable)
    assert world.seen() == paragraphs
    assert world.put(*(one.upper() for one in paragraphs)).outcome == "done"
    assert sorted(world.stored()) == sorted(one.upper() for one in paragraphs)


def test_what_is_deleted_is_gone_and_what_comes_back_is_there() -> None:
    world = World()
    world.put("Here.")
    assert world.delete() == Ingested("removed", 0, 0, 1)
    assert (world.seen(), world.stored()) == ([], [])
    assert world.put("Back.").outcome == "done"
    assert world.seen() == ["Back."]


def test_a_document_that_never_was_leaves_nothing() -> None:
    world = World()
    assert world.delete() == Ingested("absent")
    assert (world.records.records, world.store.entries) == ({}, {})


def test_the_record_of_a_document_that_is_gone_goes_too() -> None:
    world = World()
    world.put("Here.")
    world.delete()
    world.clock.now += 2 * EMPTY_KEPT_S
    assert world.manifest().stored is None
    assert world.settle() == Ingested("absent")


def test_a_document_that_can_no_longer_be_read_is_seen_no_more_and_tried_again() -> None:
    world = World()
    world.put("Fine.")
    world.shelf.damage(DOCUMENT)
    for _ in range(2):
        outcome = world.settle()
        assert isinstance(outcome, Unprocessable)
        assert outcome.code == "damaged_document"
        assert (world.seen(), world.stored()) == ([], [])
    assert world.put("Mended.").outcome == "done"


def test_a_document_that_changes_while_it_is_read_is_read_again() -> None:
    world = World()
    world.shelf.put(DOCUMENT, "First.")
    changes = iter(["Second.", "Third."])

    def change(operation: str) -> None:
        text = next(changes, None) if operation == "read" else None
        if text:
            world.shelf.put(DOCUMENT, text)

    world.shelf.before = change
    assert world.settle() == Ingested("done", 1, 1, 0)
    assert (world.seen(), world.stored()) == (["Third."], ["Third."])


def test_a_change_that_comes_while_the_old_version_is_written_wins() -> None:
    world = World()
    world.shelf.put(DOCUMENT, "Old.")
    busy = [True]

    def meanwhile(operation: str) -> None:
        if operation == "upsert" and busy[0]:
            busy[0] = False
            world.put("New.")

    world.store.before = meanwhile
    assert world.settle() == Ingested("unchanged", 1, 0, 0)
    assert (world.seen(), world.stored()) == (["New."], ["New."])


def test_two_documents_with_the_same_text_do_not_share_it() -> None:
    world = World()
    world.put("Same.", document="a")
    world.put("Same.", document="b")
    world.delete(document="a")
    assert (world.seen("a"), world.seen("b")) == ([], ["Same."])


def test_a_change_of_access_writes_every_chunk_anew_and_leaves_no_other() -> None:
    world = World()
    world.shelf.put(DOCUMENT, "Secret.", access=Access("one"), version="same")
    world.settle()
    world.shelf.put(DOCUMENT, "Secret.", access=Access("two", frozenset({"board"})), version="same")
    assert world.settle() == Ingested("done", 1, 1, 1)
    (entry,) = world.store.entries.values()
    assert entry.access == Access("two", frozenset({"board"}))


def test_500_documents_of_which_one_in_a_hundred_changed_embed_only_what_changed() -> None:
    world = World()
    names = [f"d{number}" for number in range(500)]
    written = {name: [f"Part {part} of {name}." for part in range(4)] for name in names}

    def ingest() -> None:
        outcomes = world.ingestion.settle(names, world.clock.deadline(60))
        assert all(isinstance(one, Ingested) for one in outcomes.values())

    for name, parts in written.items():
        world.shelf.put(name, *parts)
    ingest()
    assert len(world.embedder.texts) == 2000
    world.embedder.texts.clear()
    ingest()
    for name, parts in written.items():
        world.shelf.put(name, *parts)
    ingest()
    assert world.embedder.texts == [], "neither the same version nor the same text is embedded again"
    world.embedder.calls = 0
    changed = names[::100]
    for name in changed:
        world.shelf.put(name, *written[name][:2], f"Changed in {name}.", *written[name][3:])
    ingest()
    assert world.embedder.texts == [f"Changed in {name}." for name in changed]
    assert world.embedder.calls == 1, "documents that are settled together share a call"


def test_chunks_are_embedded_in_as_few_calls_as_the_provider_allows() -> None:
    world = World()
    world.put(*[f"Paragraph {number}." for number in range(40)])
    assert world.embedder.calls == 3
    assert world.seen() == [f"Paragraph {number}." for number in range(40)]


def test_one_document_that_the_provider_refuses_takes_none_with_it() -> None:
    world = World()
    for name in ("a", "b", "c"):
        world.shelf.put(name, f"Text of {name}.")

    embed = world.embedder.embed

    def picky(texts: Sequence[str], deadline: Deadline) -> list[list[float]]:
        if any("of b" in text for text in texts):
            raise Refused("Model", "Embed", 400, "ValidationException", "not this")
        return embed(texts, deadline)

    world.embedder.embed = picky
    outcomes = world.ingestion.settle(["a", "b", "c"], world.clock.deadline(60))
    assert isinstance(outcomes["b"], Refused)
    assert [world.seen(name) for name in ("a", "b", "c")] == [["Text of a."], [], ["Text of c."]]


def test_a_document_of_too_many_chunks_is_refused_and_nothing_of_it_is_embedded() -> None:
    world = World()
    outcome = world.put(*[f"Paragraph {number}." for number in range(MOST_CHUNKS + 1)])
    assert isinstance(outcome, Unprocessable)
    assert f"at most {MOST_CHUNKS} are allowed" in str(outcome)
    assert (world.store.entries, world.embedder.texts) == ({}, [])


def test_the_largest_document_and_the_one_that_replaces_it_fit_into_a_record() -> None:
    from serverless_ai_runtime.core.records import MAX_RECORD_BYTES, json_bytes

    world, largest = World(), [0]

    def weigh(operation: str, key: str) -> None:
        for value, _, _ in world.records.records.values():
            largest[0] = max(largest[0], json_bytes(value))

    world.records.before = weigh
    for order in (1, 2, 3):
        world.put(*[f"Paragraph {number} of {order}." for number in range(MOST_CHUNKS)])
    assert largest[0] <= MAX_RECORD_BYTES


VERSIONS = [("The lamp.", "The tide."), ("The lamp.", "The wind."), (), ("The bell.",)]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9)), min_size=1, max_size=8),
)
def test_whatever_dies_where_the_next_delivery_completes_it(deliveries: Sequence[tuple[int, int]]) -> None:
    """Each delivery finds a version (by number) and dies at a call (0: it does not); then one comes again."""
    world = World()
    for version, dies_at in deliveries:
        world.live()
        before = world.seen()
        if VERSIONS[version]:
            world.shelf.put(DOCUMENT, *VERSIONS[version])
        else:
            world.shelf.remove(DOCUMENT)
        if dies_at:
            world.die_at(dies_at)
        try:
            world.settle()
        except Died:
            world.live()
            assert world.seen() in (before, list(VERSIONS[version])), "never half a document"
    world.live()
    world.settle()
    last = VERSIONS[deliveries[-1][0]]
    assert world.seen() == list(last)
    assert world.stored() == sorted(last), "nothing is left behind"


@pytest.mark.parametrize("seed", range(5))
def test_versions_that_are_worked_on_at_the_same_time_end_as_what_is_there(seed: int) -> None:
    world = World()

    def work(number: int) -> None:
        world.shelf.put(DOCUMENT, f"Version {number}.", "Common.")
        world.settle()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(1, 7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    world.settle()
    assert world.seen() == list(world.shelf.documents[DOCUMENT][2])
    assert world.stored() == sorted(world.seen())


def test_every_change_makes_what_is_cached_of_the_tenant_old_and_repetitions_do_not() -> None:
    world = World()

    def epoch(tenant: str) -> str:
        return world.manifests.epoch(tenant, world.clock.deadline(9))

    world.put("A.", access=Access("one"))
    seen = [epoch("one")]
    world.settle()
    assert epoch("one") == seen[0]
    world.put("B.", access=Access("one"))
    seen.append(epoch("one"))
    assert epoch("two") == ""
    world.put("B.", access=Access("two"))
    seen += [epoch("two"), epoch("one")]
    assert len(set(seen)) == 4, "the tenant that has lost it is told too"
