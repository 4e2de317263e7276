"""The ingest function's core: events only say where to look, nothing is lost, a resync finds the rest."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from memory_ports import Clock, MemoryStore, Notebook
from pipeline_ports import Graveyard, MemoryObjects, Sooner
from rag_ports import CountingEmbedder, ExactStore, rag_world

from serverless_ai_runtime.core.event_pipeline.ports import MESSAGE, OBJECT, Delivery, Gone, Item, JobNews
from serverless_ai_runtime.core.objects import ANY, ObjectRef
from serverless_ai_runtime.core.ports import Deadline, Record, Throttled
from serverless_ai_runtime.core.rag.bucket import Bucket, Rules
from serverless_ai_runtime.core.rag.index import Index
from serverless_ai_runtime.core.rag.ingest import Ingestion
from serverless_ai_runtime.core.rag.manifests import Manifests, Roster, entry_id
from serverless_ai_runtime.core.rag.resync import Resync, Walk
from serverless_ai_runtime.core.rag.serving import Serving
from serverless_ai_runtime.core.rag.worker import Around, IngestWorker

BUCKET = "documents"
MOST_BYTES = 1000


class Listed(MemoryObjects):
    """A `ListableStore` of two keys a page."""

    def keys(self, container: str, after: str, most: int, deadline: Deadline) -> tuple[list[str], str]:
        every = sorted(ref.key for ref in self.kept if ref.container == container and ref.key > after)
        return every[:2], every[1] if len(every) > 2 else ""


class Scanned(MemoryStore):
    """A `ScannableStore` of two records a page."""

    def scan(self, prefix: str, after: str, most: int, deadline: Deadline) -> tuple[list[Record], str]:
        every = sorted(key for key in self.records if key > after)
        found = [self._live(key) for key in every[:2] if key.startswith(prefix)]
        return [one for one in found if one], every[1] if len(every) > 2 else ""


class World:
    def __init__(self, *, tenants: bool = False, previous: bool = False) -> None:
        self.clock = Clock()
        self.objects, self.records = Listed(), Scanned(self.clock)
        self.embedder, self.store = CountingEmbedder(), ExactStore()
        self.letters, self.later, self.notes = Graveyard(), Sooner(), Notebook()
        world = rag_world(self.clock)
        names = ["new", "old"] if previous else ["new"]
        self.manifests = {name: Manifests(self.records, name, world) for name in names}
        bucket = Bucket(self.objects, BUCKET, Rules(tenants, MOST_BYTES))
        ingestions = [
            Ingestion(Index(self.embedder, self.store, one, world), bucket) for one in self.manifests.values()
        ]
        self.serving = Serving(self.records, *names)
        walk = Walk(self.objects, BUCKET, Roster(self.records, "new"), self.later, self.serving)
        around = Around(BUCKET, Resync(ingestions, walk), self.letters, 3, world)
        self.worker = IngestWorker(ingestions, around)

    def write(self, key: str, text: str, **metadata: str) -> Item:
        ref = ObjectRef(BUCKET, key)
        self.objects.put(
            ref,
            text.encode(),
            self.clock.deadline(9),
            content_type="text/plain",
            metadata=metadata,
            expect=ANY,
        )
        return Item(OBJECT, f"{BUCKET}/{key}", "upload", ref=ref)

    def remove(self, key: str) -> Gone:
        self.objects.kept.pop(ObjectRef(BUCKET, key), None)
        return Gone(ObjectRef(BUCKET, key))

    def deliver(self, *news: Any, attempt: int = 1) -> list[float]:
        """Seconds after which what failed comes again."""
        deliveries = [Delivery(str(number), attempt, "body", one) for number, one in enumerate(news)]
        retries = self.worker.process(deliveries, self.clock.deadline(60), self.notes)
        return [one.after_s for one in retries]

    def seen(self, key: str, index: str = "new") -> list[str]:
        manifest = self.manifests[index].get_many([key], self.clock.deadline(9))[key]
        return [self.store.entries[entry_id(key, one)].text for one in manifest.chunks]

    def run(self, message: dict[str, Any]) -> None:
        """A message, and whatever it puts into the queue, one after the other."""
        waiting = [message]
        while waiting:
            text = json.dumps(waiting.pop(0))
            assert self.deliver(Item(MESSAGE, "m", "queue", text=text)) == [], self.notes.warnings
            waiting += [body for body, _ in self.later.sent]
            self.later.sent.clear()

    def codes(self) -> list[str]:
        return [code for _, code, _ in self.letters.letters]


def test_an_upload_and_a_deletion_are_followed() -> None:
    world = World()
    assert world.deliver(world.write("a.txt", "The lamp is lit.")) == []
    assert world.seen("a.txt") == ["The lamp is lit."]
    assert world.deliver(world.remove("a.txt")) == []
    assert (world.seen("a.txt"), world.store.entries) == ([], {})


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(["one", "two", "three", ""]), min_size=1, max_size=6), st.randoms())
def test_whatever_order_events_come_in_the_end_is_what_is_in_the_bucket(
    writes: list[str], chance: Any
) -> None:
    world = World()
    events = [world.write("a.txt", f"It is {word}.") if word else world.remove("a.txt") for word in writes]
    shuffled = [*events, *chance.sample(events, len(events) // 2)]
    chance.shuffle(shuffled)
    world.deliver(*shuffled)
    assert world.seen("a.txt") == ([f"It is {writes[-1]}."] if writes[-1] else [])


@pytest.mark.parametrize(
    ("key", "text", "metadata", "code"),
    [
        ("a.txt", "", {}, "empty_document"),
        ("a.txt", "x" * (MOST_BYTES + 1), {}, "too_large"),
        ("a.pdf", "%PDF-1.7 nothing", {}, "damaged_document"),
        ("a.txt", "words", {"tags": ",".join(map(str, range(21)))}, "bad_tags"),
        ("a.txt", "words", {"tags": "x" * 65}, "bad_tags"),
    ],
)
def test_what_cannot_be_taken_in_is_a_dead_letter_at_once(
    key: str, text: str, metadata: dict[str, str], code: str
) -> None:
    world = World()
    assert world.deliver(world.write(key, text, **metadata)) == []
    assert world.codes() == [code]
    assert world.store.entries == {}


@pytest.mark.parametrize(
    "news",
    [
        ValueError("no event"),
        JobNews("token", "handle"),
        Item(OBJECT, "x", "upload", ref=ObjectRef("elsewhere", "a.txt")),
        Gone(ObjectRef("elsewhere", "a.txt")),
        Item(MESSAGE, "m", "queue", text="hello"),
        Item(MESSAGE, "m", "queue", text='{"resync": 1}'),
        Item(MESSAGE, "m", "queue", text='{"resync": {"stage": "moon"}}'),
    ],
    ids=str,
)
def test_a_message_that_is_no_event_of_the_bucket_is_a_dead_letter(news: Any) -> None:
    world = World()
    assert world.deliver(news) == []
    assert world.codes() == ["unknown_message"]


def test_a_failure_comes_again_later_each_time_and_is_given_up_at_last() -> None:
    world = World()
    item = world.write("a.txt", "The lamp is lit.")

    def fail(operation: str) -> None:
        raise Throttled("Model", "Embed", 429, "Throttled", "slow down")

    world.embedder.before = fail
    (first,) = world.deliver(item)
    (second,) = world.deliver(item, attempt=2)
    assert second > first
    assert world.deliver(item, attempt=3) == []
    assert world.codes() == ["Throttled"]
    world.embedder.before = lambda operation: None
    world.deliver(item)
    assert world.seen("a.txt") == ["The lamp is lit."]


def test_a_dead_letter_that_cannot_be_sent_comes_again() -> None:
    world = World()

    def fail(operation: str) -> None:
        raise Throttled("Queue", "Send", 429, "Throttled", "slow down")

    world.letters.before = fail
    assert len(world.deliver(world.write("a.txt", ""))) == 1
    assert world.codes() == []


def test_a_document_of_no_tenant_is_a_dead_letter_where_each_must_have_one() -> None:
    world = World(tenants=True)
    assert world.deliver(world.write("a.txt", "words"), world.write("/b.txt", "words")) == []
    assert world.codes() == ["no_tenant", "no_tenant"]
    world.deliver(world.write("acme/a.txt", "The lamp is lit.", tags="board, st%C3%A4ff"))
    (entry,) = world.store.entries.values()
    assert (entry.access.tenant, entry.access.tags) == ("acme", {"board", "stäff"})


def test_a_resync_takes_in_what_was_never_told_and_takes_out_what_is_gone() -> None:
    world = World()
    world.deliver(*(world.write(f"{number}.txt", f"Text {number}.") for number in range(5)))
    world.remove("1.txt")
    world.write("2.txt", "Changed.")
    world.write("new.txt", "New.")
    world.write("broken.pdf", "%PDF-1.7 nothing")
    world.embedder.texts.clear()
    world.run({"resync": {}})
    assert (world.seen("1.txt"), world.seen("2.txt"), world.seen("new.txt")) == ([], ["Changed."], ["New."])
    assert world.embedder.texts == ["Changed.", "New."], "what agrees is left alone"
    assert [said for said, _ in world.notes.warnings] == ["a document cannot be read"] * 2
    assert world.codes() == []


def test_the_index_before_serves_until_a_resync_has_filled_the_new_one() -> None:
    world = World(previous=True)
    world.write("a.txt", "The lamp is lit.")
    world.write("b.txt", "The bell is loud.")
    deadline = world.clock.deadline(99)
    assert world.serving.index(deadline) == "old"
    world.deliver(Item(MESSAGE, "m", "queue", text='{"resync": {}}'))
    assert world.serving.index(deadline) == "old", "the first page is not all"
    world.run({"resync": {}})
    assert world.serving.index(deadline) == "new"
    assert world.seen("a.txt", "new") == world.seen("a.txt", "old") == ["The lamp is lit."]
    back = Serving(world.records, "old", "new")
    assert back.index(deadline) == "new", "on the way back the other one is not complete yet"


def test_without_an_index_before_nothing_is_looked_up() -> None:
    world = World()
    asked: list[str] = []
    world.records.before = lambda operation, key: asked.append(key)
    assert world.serving.index(world.clock.deadline(9)) == "new"
    assert asked == []
