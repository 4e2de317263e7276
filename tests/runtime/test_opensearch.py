"""OpenSearch Serverless behind the `KeywordStore`: what it is asked, within limits, and what answers mean."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from loopback import Loopback, reply
from memory_ports import Clock

from serverless_ai_runtime.adapters.aws import opensearch, opensearch_index
from serverless_ai_runtime.adapters.aws.opensearch import OpenSearch
from serverless_ai_runtime.adapters.aws.opensearch_index import Place, place
from serverless_ai_runtime.adapters.aws.service import Aws, Service
from serverless_ai_runtime.config import AwsConfig, ConfigError
from serverless_ai_runtime.core.ports import Deadline, Refused, Throttled, Unavailable
from serverless_ai_runtime.core.rag.ports import Access, Entry, Hit
from serverless_ai_runtime.core.records import digest
from serverless_ai_runtime.http import HttpClient

MADE = reply(body={"acknowledged": True})
EMPTY = {"timed_out": False, "_shards": {"failed": 0}, "hits": {"hits": []}}
SOURCE = {"entry": "id-0", "document": "bucket/a.txt", "text": "words", "heading": "Heading"}


def store(server: Loopback, *, classic: bool = False) -> OpenSearch:
    world = Clock().world()
    aws = Aws(HttpClient(world), world, lambda: AwsConfig("us-east-1", "AKID", "secret", "token"))
    where = Place(server.url, "i1", 2, classic)
    return OpenSearch(Service(aws, "OpenSearch", where.url, opensearch_index.SIGNING_NAME), where)


def entry(
    number: int = 0, *, tenant: str = "a", text: str = "words", vector: tuple[float, ...] = (2, 0)
) -> Entry:
    return Entry(f"id-{number}", "bucket/a.txt", Access(tenant), text, "Heading", vector)


def done(*statuses: int, action: str = "index", error: str = "") -> Any:
    """The answer to a bulk request."""
    items = [
        {action: {"status": one, **({"error": {"type": error, "reason": "why"}} if one >= 300 else {})}}
        for one in statuses
    ]
    return reply(body={"errors": any(one >= 300 for one in statuses), "items": items})


def hit(score: Any = 1.5, **source: Any) -> dict[str, Any]:
    return {"_id": "x", "_score": score, "_source": SOURCE | source}


def found(*hits: Any, **more: Any) -> Any:
    return reply(body={**EMPTY, "hits": {"hits": list(hits)}, **more})


def lines(body: bytes) -> list[Any]:
    assert body.endswith(b"\n")
    return [json.loads(line) for line in body.splitlines()]


def search(server: Loopback, most: int = 5, tenant: str = "a", *, classic: bool = False) -> list[Hit]:
    return store(server, classic=classic).search([1.0, 0.0], most, Access(tenant), Deadline(5))


def test_the_first_write_makes_the_index_and_later_ones_do_not(server: Loopback) -> None:
    server.answer(MADE, done(201))
    one = store(server)
    one.upsert([entry()], Deadline(5))
    one.upsert([entry(text="new")], Deadline(5))
    made, *writes = server.requests
    assert (made.method, made.target) == ("PUT", "/i1")
    properties = made.json()["mappings"]["properties"]
    assert properties["vector"] == {"type": "knn_vector", "dimension": 2, "space_type": "innerproduct"}
    assert made.json()["mappings"]["dynamic"] == "strict"
    assert [(sent.method, sent.target) for sent in writes] == [("POST", "/i1/_bulk")] * 2
    action, document = lines(writes[0].body)
    assert action == {"index": {"_id": digest("id-0")}}
    assert document.keys() == properties.keys()
    assert (document["vector"], document["entry"], document["text"]) == ([1, 0], "id-0", "words")
    assert {one: document[one] for one in ("tenant", "of", "key")} == {
        "tenant": digest("a"), "of": digest("bucket/a.txt"), "key": digest("id-0")
    }  # fmt: skip


def test_every_request_is_signed_for_the_service_with_the_hash_of_its_body(server: Loopback) -> None:
    server.answer(MADE, done(201))
    store(server).upsert([entry()], Deadline(5))
    for sent in server.requests:
        assert "/us-east-1/aoss/aws4_request" in sent.headers["authorization"]
        assert "x-amz-content-sha256" in sent.headers["authorization"]
        assert sent.headers["x-amz-content-sha256"] == sha256(sent.body).hexdigest()
    assert server.requests[1].headers["content-type"] == "application/x-ndjson"


def test_an_index_that_is_there_is_written_to(server: Loopback) -> None:
    error = {"type": "resource_already_exists_exception", "reason": "already exists"}
    server.answer(reply(400, {"error": error, "status": 400}), done(201))
    store(server).upsert([entry()], Deadline(5))
    assert len(server.requests) == 2


def test_an_index_that_is_gone_is_made_by_the_next_write(server: Loopback) -> None:
    gone = done(404, error="index_not_found_exception")
    server.answer(MADE, *[gone] * 4, MADE, done(201))
    one = store(server)
    with pytest.raises(Unavailable, match="index_not_found_exception"):
        one.upsert([entry()], Deadline(60))
    one.upsert([entry()], Deadline(5))
    assert [sent.method for sent in server.requests].count("PUT") == 2


def test_a_classic_collection_gives_its_own_ids_and_older_copies_go(server: Loopback) -> None:
    server.answer(MADE, found({"_id": "old-1"}, {"_id": "old-2"}), done(201), done(200, 404, action="delete"))
    store(server, classic=True).upsert([entry(), entry(text="new")], Deadline(5))
    made, asked, written, deleted = server.requests
    method = {"name": "hnsw", "engine": "faiss", "space_type": "innerproduct"}
    assert made.json()["mappings"]["properties"]["vector"] == {
        "type": "knn_vector", "dimension": 2, "method": method
    }  # fmt: skip
    assert asked.json()["query"] == {"terms": {"key": [digest("id-0")]}}
    action, document = lines(written.body)
    assert (action, document["text"]) == ({"index": {}}, "new")
    assert lines(deleted.body) == [{"delete": {"_id": "old-1"}}, {"delete": {"_id": "old-2"}}]


def test_a_classic_collection_is_asked_for_the_ids_that_it_gave(server: Loopback) -> None:
    server.answer(found({"_id": "x"}), done(200, action="delete"))
    store(server, classic=True).delete(["id-0", "id-0"], Deadline(5))
    asked, deleted = server.requests
    assert asked.json()["query"] == {"terms": {"key": [digest("id-0")]}}
    assert lines(deleted.body) == [{"delete": {"_id": "x"}}]


def test_what_is_found_twice_in_a_classic_collection_is_one_hit(server: Loopback) -> None:
    server.answer(found(hit(1.9), hit(1.8), hit(1.7, entry="id-1"), hit(1.6, entry="id-2")))
    assert [one.id for one in search(server, 2, classic=True)] == ["id-0", "id-1"]
    assert server.requests[0].json()["size"] == 4


def test_nothing_to_write_or_delete_is_no_call(server: Loopback) -> None:
    for classic in (False, True):
        store(server, classic=classic).upsert([], Deadline(5))
        store(server, classic=classic).delete([], Deadline(5))
    assert server.requests == []


def test_no_request_has_more_than_it_may(server: Loopback) -> None:
    batches = [500, 500, 100]
    server.answer(MADE, *(done(*[201] * size) for size in batches))
    store(server).upsert([entry(number) for number in range(1100)], Deadline(30))
    assert [len(lines(sent.body)) // 2 for sent in server.requests[1:]] == batches
    server.requests.clear()
    server.scripts.clear()
    server.answer(MADE, done(201, 201), done(201, 201), done(201))
    large = "\x01" * 400_000  # as JSON six times as long
    store(server).upsert([entry(number, text=large) for number in range(5)], Deadline(30))
    sizes = [len(sent.body) for sent in server.requests[1:]]
    assert len(sizes) == 3
    assert all(size <= opensearch_index.MOST_BYTES for size in sizes)


def test_only_what_was_refused_for_now_is_sent_again(server: Loopback) -> None:
    server.answer(MADE, done(201, 429, 503, error="busy"), done(201, 201))
    store(server).upsert([entry(0), entry(1), entry(2)], Deadline(30))
    again = lines(server.requests[2].body)
    assert [one["index"]["_id"] for one in again[::2]] == [digest("id-1"), digest("id-2")]


@pytest.mark.parametrize(
    ("status", "kind"), [(400, Refused), (403, Refused), (429, Throttled), (503, Unavailable)]
)
def test_an_entry_that_is_not_taken_is_an_error(server: Loopback, status: int, kind: type[Exception]) -> None:
    server.answer(MADE, done(status, error="some_exception"))
    with pytest.raises(kind, match=r"some_exception.*why"):
        store(server).upsert([entry()], Deadline(30))


def test_a_final_error_among_others_is_the_one_that_is_told(server: Loopback) -> None:
    items = [{"index": {"status": 429}}, {"index": {"status": 400, "error": {"type": "no", "reason": "r"}}}]
    server.answer(MADE, reply(body={"errors": True, "items": items}))
    with pytest.raises(Refused, match="no"):
        store(server).upsert([entry(0), entry(1)], Deadline(30))


def test_the_nearest_come_with_their_cosine(server: Loopback) -> None:
    server.answer(found(hit(1.75), hit(1.0, entry="id-1"), hit(2 / 3, entry="id-2", heading="")))
    hits = store(server).search([3.0, 4.0], 3, Access("a"), Deadline(5), ["x", "y"])
    assert hits[0] == Hit("id-0", "bucket/a.txt", "words", "Heading", 0.75)
    assert [one.score for one in hits] == pytest.approx([0.75, 0.0, -0.5])
    [sent] = server.requests
    assert (sent.method, sent.target) == ("POST", "/i1/_search")
    asked = sent.json()
    near = asked["query"]["knn"]["vector"]
    assert (asked["size"], near["k"], near["vector"]) == (3, 3, [0.6, 0.8])
    tenant, documents = near["filter"]["bool"]["filter"]
    assert tenant == {"term": {"tenant": digest("a")}}
    assert documents == {"terms": {"of": [digest("x"), digest("y")]}}


def test_more_hits_than_the_service_gives_are_not_asked_for(server: Loopback) -> None:
    server.answer(found())
    assert search(server, most=50_000) == []
    assert server.requests[0].json()["size"] == opensearch.MOST_HITS


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(codec=None), max_size=60), st.text(max_size=10))
def test_a_question_is_words_within_the_tenant(server: Loopback, question: str, tenant: str) -> None:
    server.requests.clear()
    server.scripts.clear()
    server.answer(found())
    store(server).search_text(question, 5, Access(tenant), Deadline(5))
    if not question.split():
        assert server.requests == []
        return
    [sent] = server.requests
    query = sent.json()["query"]["bool"]
    [match] = query["must"]
    assert match["multi_match"].keys() == {"query", "fields", "operator"}
    assert set(match["multi_match"]["query"].split()) <= {
        word.encode("utf-16", "surrogatepass").decode("utf-16", "replace") for word in question.split()
    }
    assert query["filter"] == [{"term": {"tenant": digest(tenant)}}]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=300), max_size=600))
def test_a_question_has_at_most_so_many_words(server: Loopback, words: list[str]) -> None:
    server.requests.clear()
    server.answer(found())
    store(server).search_text(" ".join(["word", *words]), 5, Access(), Deadline(5))
    kept = server.requests[0].json()["query"]["bool"]["must"][0]["multi_match"]["query"].split()
    terms = sum(1 + len(one) // 255 if one.isascii() and one.isalnum() else len(one) for one in kept)
    assert 1 <= terms <= opensearch.MOST_TERMS


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"{",
        {"timed_out": False},
        {**EMPTY, "hits": None},
        {**EMPTY, "hits": {"hits": 7}},
        {**EMPTY, "hits": {"hits": ["x"]}},
        {**EMPTY, "hits": {"hits": [{"_score": 1}]}},
        {**EMPTY, "hits": {"hits": [hit(None)]}},
        {**EMPTY, "hits": {"hits": [hit("near")]}},
        {**EMPTY, "hits": {"hits": [hit(text=7)]}},
        {**EMPTY, "hits": {"hits": [hit(entry=None)]}},
        {**EMPTY, "hits": {"hits": [{**hit(), "_source": None}]}},
    ],
    ids=repr,
)
def test_an_answer_that_is_none_is_malformed(server: Loopback, body: Any) -> None:
    server.answer(reply(body=body))
    with pytest.raises(Unavailable) as error:
        search(server)
    assert error.value.code == "MalformedResponse"


@pytest.mark.parametrize(
    "body",
    [
        {"items": []},
        {"items": 7},
        {"items": [7]},
        {"items": [{}]},
        {"items": [{"index": {}}]},
        {"items": [{"index": {"status": "x"}}]},
        {"items": [{"index": None}]},
        {},
    ],
    ids=repr,
)
def test_a_bulk_answer_that_is_none_is_malformed(server: Loopback, body: Any) -> None:
    server.answer(MADE, reply(body=body))
    with pytest.raises(Unavailable) as error:
        store(server).upsert([entry()], Deadline(5))
    assert error.value.code == "MalformedResponse"


def test_part_of_an_answer_is_no_answer(server: Loopback) -> None:
    for more in ({"timed_out": True}, {"_shards": {"failed": 1}}):
        server.scripts.clear()
        server.answer(found(hit(), **more))
        with pytest.raises(Unavailable, match="a part of the index did not answer"):
            search(server)


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (403, {"status": 403, "error": {"type": "Forbidden", "reason": "no"}}, Refused, "Forbidden"),
        (400, {"error": {"type": "parsing_exception", "reason": "no"}}, Refused, "parsing_exception"),
        (400, {"error": "no handler"}, Refused, "no handler"),
        (413, b"<html>", Refused, "413"),
        (429, {"message": "slow down"}, Throttled, "slow down"),
        (503, b"", Unavailable, "503"),
    ],
)  # fmt: skip
def test_refusals_are_told_apart(
    server: Loopback, status: int, body: Any, kind: type[Exception], words: str
) -> None:
    server.answer(reply(status, body))
    with pytest.raises(kind, match=words):
        search(server)


def test_a_search_before_there_is_an_index_finds_nothing(server: Loopback) -> None:
    server.answer(reply(404, {"error": {"type": "index_not_found_exception", "reason": "no such index"}}))
    assert search(server) == []
    assert store(server).search_text("x", 5, Access(), Deadline(5)) == []
    store(server, classic=True).delete(["x"], Deadline(5))


def test_a_place_is_read_as_it_was_written() -> None:
    written = Place("https://x.us-east-1.aoss.amazonaws.com", "i0123456789ab", 1024, True)
    assert place("vectors", written.to_text()) == written
    assert place("vectors", written._replace(url="http://127.0.0.1:4566/_aws/aoss/x").to_text())


@pytest.mark.parametrize(
    "change",
    [
        {"url": "http://example.com"},
        {"url": 7},
        {"name": "../x"},
        {"name": "I1"},
        {"name": ""},
        {"name": None},
        {"dimension": "2"},
        {"dimension": True},
        {"classic": "no"},
        {"more": 1},
    ],
)
def test_a_place_that_is_none_names_its_variable(change: dict[str, Any]) -> None:
    given = {**Place("https://x", "i1", 2, False)._asdict(), **change}
    with pytest.raises(ConfigError, match="VECTORS"):
        place("vectors", json.dumps(given))
    for text in ("", "[]", "{}", "7"):
        with pytest.raises(ConfigError, match="VECTORS"):
            place("vectors", text)
