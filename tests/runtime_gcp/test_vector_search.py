"""Vector Search 2.0 as a `KeywordStore`: what it asks, how it settles what is there, what answers mean."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from google_calls import cloud
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from loopback import Loopback, reply
from memory_ports import Clock

from serverless_ai_runtime.adapters.gcp import vector_search
from serverless_ai_runtime.adapters.gcp.identity import SCOPE
from serverless_ai_runtime.adapters.gcp.vector_search import VectorSearch
from serverless_ai_runtime.adapters.service import Service
from serverless_ai_runtime.core.ports import Deadline, Refused, Throttled, Unavailable
from serverless_ai_runtime.core.rag.ports import Access, Entry, Hit
from serverless_ai_runtime.core.records import digest

COLLECTION = "projects/p/locations/us-central1/collections/chunks"
OF = re.compile(rf"/v1/{COLLECTION}/dataObjects:(\w+)")
DONE = reply(body={})


def store(server: Loopback) -> VectorSearch:
    here = cloud(Clock().world(), "t")
    return VectorSearch(Service(here, "VectorSearch", server.url, SCOPE), COLLECTION)


def entry(number: int = 0, tenant: str = "a", text: str = "words", vector: Any = (1, 0)) -> Entry:
    return Entry(f"id-{number}", "bucket/a.txt", Access(tenant), text, "Heading", vector)


def asked(server: Loopback) -> list[tuple[str, Any]]:
    """Method and body of every request."""
    found: list[tuple[str, Any]] = []
    for sent in server.requests:
        method = OF.fullmatch(sent.target)
        assert method is not None, sent.target
        assert (sent.method, sent.headers["authorization"]) == ("POST", "Bearer t")
        found.append((method[1], sent.json()))
    return found


def failed(code: str, status: int = 409) -> Any:
    return reply(status, {"error": {"code": status, "message": "so it is", "status": code}})


def there(*numbers: int, more: str = "") -> Any:
    objects = [{"name": "n", "data": {"key": key(number)}} for number in numbers]
    return reply(body={"dataObjects": objects, **({"nextPageToken": more} if more else {})})


def key(number: int) -> str:
    return "e" + digest(f"id-{number}")[:40]


def found(distance: Any = 0.25, **data: Any) -> dict[str, Any]:
    kept = {"entry": "id-0", "document": "bucket/a.txt", "text": "words", "heading": "Heading"}
    return {"dataObject": {"name": "n", "data": kept | data}, "distance": distance}


def search(server: Loopback, documents: tuple[str, ...] = ()) -> list[Hit]:
    return store(server).search([1.0, 0.0], 5, Access("a"), Deadline(5), documents)


def test_an_entry_is_created_with_all_that_a_hit_needs(server: Loopback) -> None:
    server.answer(DONE)
    store(server).upsert([entry(text="old"), entry(text="a\ud800b")], Deadline(5))
    [(method, body)] = asked(server)
    [one] = body["requests"]
    assert (method, one["parent"], one["dataObjectId"]) == ("batchCreate", COLLECTION, key(0))
    assert one["dataObject"]["vectors"] == {"vector": {"dense": {"values": [1.0, 0.0]}}}
    assert one["dataObject"]["data"] == {
        "key": key(0),
        "tenant": digest("a"),
        "of": digest("bucket/a.txt"),
        "entry": "id-0",
        "document": "bucket/a.txt",
        "text": "a\ufffdb",
        "heading": "Heading",
    }
    assert tuple(one["dataObject"]["data"]) == vector_search.FIELDS
    assert set(vector_search.SCHEMA["properties"]) == set(vector_search.FIELDS)


def test_nothing_to_write_is_no_call(server: Loopback) -> None:
    store(server).upsert([], Deadline(5))
    store(server).delete([], Deadline(5))
    assert server.requests == []


def test_what_is_there_is_updated_and_the_rest_created(server: Loopback) -> None:
    server.answer(failed("ALREADY_EXISTS"), there(1, more="next"), there(2), DONE, DONE)
    store(server).upsert([entry(number) for number in range(4)], Deadline(5))
    (_, first), (query, page), (_, second), (update, changed), (create, made) = asked(server)
    assert len(first["requests"]) == 4
    assert (query, update, create) == ("query", "batchUpdate", "batchCreate")
    assert page["filter"] == {"key": {"$in": [key(number) for number in range(4)]}}
    assert second["pageToken"] == "next"
    names = [f"{COLLECTION}/dataObjects/{key(number)}" for number in (1, 2)]
    assert [one["dataObject"]["name"] for one in changed["requests"]] == names
    assert [one["dataObjectId"] for one in made["requests"]] == [key(0), key(3)]


def test_what_goes_between_two_looks_is_looked_for_again(server: Loopback) -> None:
    server.answer(failed("ALREADY_EXISTS"), there(0), failed("NOT_FOUND", 404), reply(body={}), DONE)
    store(server).upsert([entry()], Deadline(5))
    methods = [method for method, _ in asked(server)]
    assert methods == ["batchCreate", "query", "batchUpdate", "query", "batchCreate"]


def test_a_batch_that_never_settles_is_left_for_later(server: Loopback) -> None:
    server.answer(*[failed("ALREADY_EXISTS"), reply(body={})] * 3)
    with pytest.raises(Unavailable) as error:
        store(server).upsert([entry()], Deadline(5))
    assert (error.value.code, len(server.requests)) == ("Contended", 6)


def test_what_is_not_there_is_deleted_already(server: Loopback) -> None:
    server.answer(failed("NOT_FOUND", 404), there(1), DONE, failed("NOT_FOUND", 404), reply(body={}))
    store(server).delete(["id-0", "id-1", "id-0"], Deadline(5))
    store(server).delete(["id-0"], Deadline(5))
    names = [[one["name"][-41:] for one in body.get("requests", ())] for _, body in asked(server)]
    assert names == [[key(0), key(1)], [], [key(1)], [key(0)], []]


def test_a_collection_that_is_not_there_is_refused(server: Loopback) -> None:
    server.answer(*[failed("NOT_FOUND", 404)] * 4)
    with pytest.raises(Refused, match="NOT_FOUND"):
        store(server).upsert([entry()], Deadline(5))
    with pytest.raises(Refused, match="NOT_FOUND"):
        store(server).delete(["id-0"], Deadline(5))


@pytest.mark.parametrize(("count", "calls"), [(100, [100]), (101, [100, 1]), (250, [100, 100, 50])])
def test_no_call_has_more_than_it_may(server: Loopback, count: int, calls: list[int]) -> None:
    server.answer(*[DONE] * 2 * len(calls))
    store(server).upsert([entry(number) for number in range(count)], Deadline(30))
    store(server).delete([f"id-{number}" for number in range(count)], Deadline(30))
    assert [len(body["requests"]) for _, body in asked(server)] == calls * 2


def test_no_request_is_larger_than_it_may_whatever_is_in_it(server: Loopback) -> None:
    server.answer(*[DONE] * 20)
    numbers = tuple(-0.12345678901234567 - number / 1e9 for number in range(3072))
    store(server).upsert(
        [entry(number, text="\x01" * 8000, vector=numbers) for number in range(90)], Deadline(60)
    )
    sent = asked(server)
    assert sum(len(body["requests"]) for _, body in sent) == 90
    assert all(len(json.dumps(body)) < vector_search.MOST_BYTES for _, body in sent)


def test_a_search_asks_for_the_nearest_of_the_tenant_and_turns_distances_round(server: Loopback) -> None:
    server.answer(reply(body={"results": [found(0.25), found(1.5, entry="id-1", heading="")]}))
    first, second = search(server, ("bucket/a.txt", "b"))
    assert first == Hit("id-0", "bucket/a.txt", "words", "Heading", 0.75)
    assert (second.id, second.heading, second.score) == ("id-1", "", -0.5)
    [(method, body)] = asked(server)
    assert method == "search"
    assert body["vectorSearch"] == {
        "searchField": "vector",
        "vector": {"values": [1.0, 0.0]},
        "filter": {
            "$and": [
                {"tenant": {"$eq": digest("a")}},
                {"of": {"$in": [digest("bucket/a.txt"), digest("b")]}},
            ]
        },
        "topK": 5,
        "distanceMetric": "COSINE_DISTANCE",
        "outputFields": {"dataFields": ["entry", "document", "text", "heading"]},
    }


def test_nothing_found_is_nothing(server: Loopback) -> None:
    server.answer(reply(body={}), reply(body={}), reply(body={"results": [{}]}))
    assert search(server) == []
    for _ in range(2):
        assert store(server).search_text("words", 5, Access("a"), Deadline(5)) == []


def test_each_word_is_a_search_and_the_longer_count_more(server: Loopback) -> None:
    server.answer(reply(body={"results": [{"results": [found(0.03)]}]}))
    (hit,) = store(server).search_text("The refund, the REFUND -of", 5, Access("a"), Deadline(5))
    assert hit == Hit("id-0", "bucket/a.txt", "words", "Heading", 0.03)
    [(method, body)] = asked(server)
    texts = [one["textSearch"] for one in body["searches"]]
    assert (method, [one["searchText"] for one in texts]) == ("batchSearch", ["refund", "the", "of"])
    assert {json.dumps(one["filter"]) for one in texts} == {json.dumps({"tenant": {"$eq": digest("a")}})}
    assert body["combine"]["ranker"] == {"rrf": {"weights": [6.0, 3.0, 2.0]}}
    assert body["combine"]["topK"] == 5


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=200))
def test_no_question_holds_more_than_words(server: Loopback, question: str) -> None:
    server.requests.clear()
    server.scripts.clear()
    server.answer(reply(body={}))
    assert store(server).search_text(question, 5, Access("a"), Deadline(5)) == []
    for _, body in asked(server):
        words = [one["textSearch"]["searchText"] for one in body["searches"]]
        assert 1 <= len(words) <= vector_search.MOST_WORDS
        assert all(re.fullmatch(r"\w+", word) for word in words)
        assert len(body["combine"]["ranker"]["rrf"]["weights"]) == len(words)


@pytest.mark.parametrize(
    "results",
    [7, ["x"], [{"distance": 1}], [found(text=7)], [found(distance="near")], [found(distance=None)], [None]],
    ids=repr,
)
def test_an_answer_that_is_none_is_malformed(server: Loopback, results: Any) -> None:
    server.answer(reply(body={"results": results}), reply(body={"results": [{"results": results}]}))
    for act in (
        lambda: search(server),
        lambda: store(server).search_text("words", 5, Access("a"), Deadline(5)),
    ):
        with pytest.raises(Unavailable) as error:
            act()
        assert error.value.code == "MalformedResponse"


def test_objects_that_are_none_of_ours_are_malformed(server: Loopback) -> None:
    server.answer(failed("ALREADY_EXISTS"), reply(body={"dataObjects": [{"name": "n"}]}))
    with pytest.raises(Unavailable, match="MalformedResponse"):
        store(server).upsert([entry()], Deadline(5))


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (429, "RESOURCE_EXHAUSTED", Throttled),
        (503, "UNAVAILABLE", Unavailable),
        (400, "INVALID_ARGUMENT", Refused),
        (403, "PERMISSION_DENIED", Refused),
    ],
)
def test_refusals_are_told_apart(server: Loopback, status: int, code: str, kind: type[Exception]) -> None:
    server.answer(*[failed(code, status)] * 10)
    with pytest.raises(kind, match=code):
        search(server)
    with pytest.raises(kind, match=code):
        store(server).upsert([entry()], Deadline(1))
