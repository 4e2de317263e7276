"""Chunks in Vector Search 2.0 and 1.0: kept once, found by whom they are for, gone when deleted."""

from __future__ import annotations

import math

import pytest
from google_local import Local
from vector_stores import HOSTILE, Made, entry, ids, make_collection, make_index

from serverless_ai_local.gcp import types
from serverless_ai_runtime.core.ports import Deadline, Refused
from serverless_ai_runtime.core.rag.ports import Access, Entry, Hit


@pytest.fixture(params=["collection", "classic"])
def made(local: Local, request: pytest.FixtureRequest) -> Made:
    if request.param == "collection":
        make_collection(local)
        return Made(local)
    local.make(types.DATABASE, name="texts", locationId="us-central1", type="FIRESTORE_NATIVE")
    return Made(local, make_index(local)[0])


def test_the_nearest_come_first_with_their_similarity(made: Made) -> None:
    store = made.store()
    store.upsert([entry(0, (0, 1, 0)), entry(1, (5, 0, 0)), entry(2, (1, 1, 0))], Deadline(10))
    first, second, third = store.search((2, 0, 0), 10, Access("a"), Deadline(10))
    assert first._replace(score=1.0) == Hit("id-1", "bucket/a.txt", "words", "Heading", 1.0)
    assert [first.score, second.score, third.score] == pytest.approx([1.0, math.sqrt(0.5), 0.0], abs=1e-6)
    assert [second.id, third.id] == ["id-2", "id-0"]
    assert ids(store, most=1) == ["id-1"]


def test_an_entry_that_comes_again_takes_the_place_of_the_first(made: Made) -> None:
    store = made.store()
    store.upsert([entry(0, text="old"), entry(1)], Deadline(10))
    store.upsert([entry(2), entry(0, (0, 1, 0), text="newer"), entry(0, (0, 0, 1), text="new")], Deadline(10))
    (hit,) = store.search((0, 0, 1), 1, Access("a"), Deadline(10))
    assert (hit.id, hit.text, len(ids(store))) == ("id-0", "new", 3)


def test_what_is_deleted_is_not_found_and_may_be_deleted_again(made: Made) -> None:
    store = made.store()
    store.upsert([entry(0), entry(1)], Deadline(10))
    for _ in range(2):
        store.delete(["id-0", "never", "id-0"], Deadline(10))
    assert ids(store) == ["id-1"]
    store.delete(["id-1"], Deadline(10))
    assert ids(store) == []


def test_nobody_finds_what_is_another_tenants(made: Made) -> None:
    store = made.store()
    tenants = ("", "a", "A", "a\x00", '{"$ne": ""}', "\ud800")
    store.upsert([entry(number, tenant=tenant) for number, tenant in enumerate(tenants)], Deadline(10))
    for number, tenant in enumerate(tenants):
        assert ids(store, tenant=tenant) == [f"id-{number}"]
    assert ids(store, tenant="nobody") == []


def test_a_search_may_be_narrowed_to_documents(made: Made) -> None:
    store = made.store()
    others = [entry(3, document="b/x", tenant="b")]
    mine = [entry(number, document=f"b/{name}") for number, name in enumerate("xyz")]
    store.upsert([*mine, *others], Deadline(10))
    assert sorted(ids(store, documents=["b/x", "b/z", "none"])) == ["id-0", "id-2"]
    assert ids(store, documents=["none"]) == []


def test_whatever_is_in_texts_and_ids_comes_back(made: Made) -> None:
    store = made.store()
    hostile = Entry(HOSTILE, f"b/{HOSTILE}" + "x" * 2000, Access(HOSTILE), HOSTILE * 200, HOSTILE, (1, 0, 0))
    store.upsert([hostile], Deadline(10))
    (hit,) = store.search((1, 0, 0), 5, Access(HOSTILE), Deadline(10), documents=[hostile.document])
    assert hit[:4] == (hostile.id, hostile.document, hostile.text, hostile.heading)
    store.delete([HOSTILE], Deadline(10))
    assert ids(store, tenant=HOSTILE) == []


def test_half_a_surrogate_pair_is_replaced_and_still_tells_ids_apart(made: Made) -> None:
    store = made.store()
    store.upsert(
        [Entry(f"\ud800{half}", "b/x", Access("a"), f"a{half}b", "", (1, 0, 0)) for half in "\udc00\ud801"],
        Deadline(10),
    )
    texts = {hit.text for hit in store.search((1, 0, 0), 5, Access("a"), Deadline(10))}
    assert texts == {"a\ufffdb"}
    assert len(ids(store)) == 2
    store.delete(["\ud800\ud801"], Deadline(10))
    assert len(ids(store)) == 1


def test_more_than_a_batch_goes_in_and_out(made: Made) -> None:
    store = made.store()
    entries = [entry(number) for number in range(230)]
    store.upsert(entries[:120], Deadline(30))
    store.upsert(entries, Deadline(30))
    assert len(ids(store, most=300)) == 230
    store.delete([one.id for one in entries[5:]], Deadline(30))
    assert sorted(ids(store)) == [f"id-{number}" for number in range(5)]


def test_a_vector_of_another_length_is_refused(made: Made) -> None:
    store = made.store()
    with pytest.raises(Refused, match="INVALID_ARGUMENT"):
        store.upsert([entry(0, (1, 0))], Deadline(10))
    with pytest.raises(Refused, match="INVALID_ARGUMENT"):
        ids(store, (1, 0))


def test_a_reader_reads_and_a_writer_writes_and_neither_may_more(made: Made) -> None:
    reader, writer = made.account("reader", writes=False), made.account("writer", writes=True)
    writer.upsert([entry(0)], Deadline(10))
    writer.upsert([entry(0), entry(1)], Deadline(10))
    writer.delete(["id-1", "id-2"], Deadline(10))
    assert ids(reader) == ["id-0"]
    for act in (
        lambda: reader.upsert([entry(2)], Deadline(10)),
        lambda: reader.delete(["id-0"], Deadline(10)),
        lambda: ids(writer),
    ):
        with pytest.raises(Refused) as refusal:
            act()
        assert (refusal.value.status, refusal.value.code) == (403, "PERMISSION_DENIED")


def test_what_is_not_deployed_is_not_found(local: Local) -> None:
    store = Made(local).store()
    for act in (
        lambda: store.upsert([entry(0)], Deadline(10)),
        lambda: store.delete(["id-0"], Deadline(10)),
        lambda: ids(store),
    ):
        with pytest.raises(Refused, match="NOT_FOUND"):
            act()
