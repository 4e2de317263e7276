"""Vector Search 1.0 behind the `VectorStore`: the index and its texts stay together, whatever fails when."""

from __future__ import annotations

import json
from typing import Any

import pytest
from google_calls import cloud
from hypothesis import given
from hypothesis import strategies as st
from loopback import Loopback, reply
from memory_ports import Clock

from serverless_ai_runtime.adapters.gcp import texts
from serverless_ai_runtime.adapters.gcp.identity import SCOPE
from serverless_ai_runtime.adapters.gcp.texts import Texts
from serverless_ai_runtime.adapters.gcp.vector_search_classic import (
    ClassicPlace,
    VectorSearchClassic,
    classic_services,
    read_place,
)
from serverless_ai_runtime.adapters.service import Service
from serverless_ai_runtime.core.ports import Deadline, Refused, Unavailable
from serverless_ai_runtime.core.rag.ports import Access, Entry, Hit
from serverless_ai_runtime.core.records import digest

TEXTS = "projects/p/databases/d/documents/chunks"
PLACE = ClassicPlace(
    vectors="projects/p/locations/europe-west1/indexes/7",
    endpoint="projects/p/locations/europe-west1/indexEndpoints/8",
    domain="42.europe-west1-43.vdb.vertexai.goog",
    deployed="chunks",
    texts=TEXTS,
)
DONE = reply(body={})
KEY = digest("id-0")


def store(server: Loopback) -> VectorSearchClassic:
    here = cloud(Clock().world(), "t")
    kept = Texts(Service(here, "Firestore", server.url, SCOPE), TEXTS)
    return VectorSearchClassic(*classic_services(here, PLACE, server.url), kept, PLACE)


def entry(number: int = 0, text: str = "words") -> Entry:
    return Entry(f"id-{number}", "b/a.txt", Access("a"), text, "Heading", (3, 4))


def paths(server: Loopback) -> list[str]:
    return [sent.target.removeprefix("/v1/projects/p/") for sent in server.requests]


def neighbors(*found: tuple[str, Any]) -> Any:
    each = [{"datapoint": {"datapointId": key}, "distance": distance} for key, distance in found]
    return reply(body={"nearestNeighbors": [{"id": "", "neighbors": each}]})


def kept(key: str = KEY, tenant: str = "a", **values: Any) -> dict[str, Any]:
    texts_of = {
        "entry": "id-0",
        "document": "b/a.txt",
        "text": "words",
        "heading": "",
        "tenant": digest(tenant),
    }
    fields = {name: {"stringValue": value} for name, value in (texts_of | values).items()}
    return {"found": {"name": f"{TEXTS}/{key}", "fields": fields}, "readTime": "now"}


def search(server: Loopback, documents: tuple[str, ...] = ()) -> list[Hit]:
    return store(server).search([0, 2], 5, Access("a"), Deadline(5), documents)


def test_texts_are_written_before_their_vectors_and_deleted_after_them(server: Loopback) -> None:
    server.answer(*[DONE] * 4)
    store(server).upsert([entry(text="old"), entry(text="a\ud800b")], Deadline(5))
    store(server).delete(["id-0", "id-0"], Deadline(5))
    index, commit = "locations/europe-west1/indexes/7", "databases/d/documents:commit"
    assert paths(server) == [commit, f"{index}:upsertDatapoints", f"{index}:removeDatapoints", commit]
    put, upserted, removed, dropped = (sent.json() for sent in server.requests)
    fields = put["writes"][0]["update"]["fields"]
    assert {name: one["stringValue"] for name, one in fields.items()} == {
        "entry": "id-0",
        "document": "b/a.txt",
        "text": "a\ufffdb",
        "heading": "Heading",
        "tenant": digest("a"),
    }
    assert upserted["datapoints"] == [
        {
            "datapointId": KEY,
            "featureVector": [0.6, 0.8],
            "restricts": [
                {"namespace": "tenant", "allowList": [digest("a")]},
                {"namespace": "document", "allowList": [digest("b/a.txt")]},
            ],
        }
    ]
    assert removed == {"datapointIds": [KEY]}
    assert dropped == {"writes": [{"delete": f"{TEXTS}/{KEY}"}]}


def test_without_their_texts_no_vectors_are_written(server: Loopback) -> None:
    server.answer(reply(403, {"error": {"status": "PERMISSION_DENIED", "message": "no"}}))
    with pytest.raises(Refused):
        store(server).upsert([entry()], Deadline(5))
    assert len(server.requests) == 1


def test_a_search_asks_the_index_and_then_for_the_texts_of_what_it_found(server: Loopback) -> None:
    other = digest("id-1")
    server.answer(
        neighbors((KEY, 0.5), (other, 0.25)),
        reply(body=[kept(), kept(other, entry="id-1", heading="H")]),
    )
    first, second = search(server, ("b/a.txt",))
    assert first == Hit("id-1", "b/a.txt", "words", "H", 0.875)
    assert (second.id, second.score) == ("id-0", 0.75)
    asked, got = (sent.json() for sent in server.requests)
    assert paths(server)[0] == "locations/europe-west1/indexEndpoints/8:findNeighbors"
    assert asked["deployedIndexId"] == "chunks"
    [query] = asked["queries"]
    assert (query["neighborCount"], query["datapoint"]["featureVector"]) == (5, [0.0, 1.0])
    assert [one["namespace"] for one in query["datapoint"]["restricts"]] == ["tenant", "document"]
    assert got == {"documents": [f"{TEXTS}/{KEY}", f"{TEXTS}/{other}"]}


def test_a_hit_without_a_text_or_with_anothers_is_left_out(server: Loopback) -> None:
    gone, foreign = digest("gone"), digest("foreign")
    server.answer(
        neighbors((gone, 0.0), (foreign, 0.1), (KEY, 0.2)),
        reply(body=[{"missing": f"{TEXTS}/{gone}"}, kept(foreign, tenant="b"), kept()]),
    )
    assert [hit.id for hit in search(server)] == ["id-0"]


@pytest.mark.parametrize("body", [{}, {"nearestNeighbors": []}, {"nearestNeighbors": [{"id": ""}]}])
def test_nothing_found_asks_for_no_texts(server: Loopback, body: Any) -> None:
    server.answer(reply(body=body))
    assert search(server) == []
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "body",
    [
        {"nearestNeighbors": [7]},
        {"nearestNeighbors": [{"neighbors": [{}]}]},
        {"nearestNeighbors": [{"neighbors": [{"datapoint": {"datapointId": 7}}]}]},
        {"nearestNeighbors": [{"neighbors": [{"datapoint": {"datapointId": "x"}, "distance": "far"}]}]},
    ],
    ids=repr,
)
def test_neighbours_that_are_none_are_malformed(server: Loopback, body: Any) -> None:
    server.answer(reply(body=body))
    with pytest.raises(Unavailable, match="MalformedResponse"):
        search(server)


@pytest.mark.parametrize(
    "body", [7, [7], [{"found": {"name": "x"}}], [{"found": {"name": "x", "fields": {}}}]], ids=repr
)
def test_texts_that_are_none_of_ours_are_malformed(server: Loopback, body: Any) -> None:
    server.answer(neighbors((KEY, 0.0)), reply(body=body))
    with pytest.raises(Unavailable, match="MalformedResponse"):
        search(server)


def test_no_call_has_more_than_it_may(server: Loopback) -> None:
    server.answer(*[DONE] * 20)
    store(server).upsert([entry(number) for number in range(230)], Deadline(30))
    sizes = [len(next(iter(sent.json().values()))) for sent in server.requests]
    assert sizes == [100, 100, 100, 100, 30, 30]


def test_no_commit_is_larger_than_firestore_takes(server: Loopback) -> None:
    server.answer(*[DONE] * 20)
    kept = Texts(Service(cloud(Clock().world(), "t"), "Firestore", server.url, SCOPE), TEXTS)
    kept.put({str(number): entry(number, "\x01" * 90_000) for number in range(40)}, Deadline(60))
    bodies = [sent.body for sent in server.requests]
    assert all(len(body) < texts.MOST_BYTES + 1000 for body in bodies)
    assert sum(len(json.loads(body)["writes"]) for body in bodies) == 40


def test_the_index_is_changed_at_vertex_and_asked_at_its_own_name() -> None:
    changes, asked = classic_services(cloud(Clock().world()), PLACE)
    assert changes.url == "https://europe-west1-aiplatform.googleapis.com"
    assert asked.url == "https://42.europe-west1-43.vdb.vertexai.goog"


def test_a_place_is_read_back() -> None:
    assert read_place(json.dumps(PLACE._asdict())) == PLACE


@given(
    st.text(max_size=20)
    | st.recursive(
        st.none() | st.text(max_size=3) | st.integers(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from([*ClassicPlace._fields, "x"]), inner)
        ),
    ).map(json.dumps)
)
def test_a_text_that_is_no_place_is_refused_with_what_it_must_have(text: str) -> None:
    try:
        place = read_place(text)
    except ValueError as error:
        message = str(error)
    else:
        message = "vectors, endpoint, domain, deployed, texts"
        assert all(place)
    assert "vectors, endpoint, domain, deployed, texts" in message
