"""Entries in AI Search on the wire: batches and their limits, searches by page, failures, hostile answers.

The azure-search-documents SDK makes the same calls of the same server.
"""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from azure.core.credentials import AccessToken
from azure.core.pipeline.transport import RequestsTransport
from azure.search.documents import SearchClient
from azure.search.documents.models import VectorizedQuery
from azure_fakes import azure
from hypothesis import given
from hypothesis import strategies as st
from loopback import Loopback, loopback, reply, stall
from memory_ports import Clock

from serverless_ai_runtime.adapters.azure import ai_search
from serverless_ai_runtime.adapters.azure.ai_search import RESOURCE, AiSearch
from serverless_ai_runtime.adapters.azure.ai_search_index import definition
from serverless_ai_runtime.adapters.service import Service
from serverless_ai_runtime.core.ports import Deadline, Refused, Throttled, TimedOut, Unavailable
from serverless_ai_runtime.core.rag.ports import Access, Entry, Hit
from serverless_ai_runtime.core.records import digest, whole_characters

ADA = digest("ada")
FOUND = {"@search.score": 0.5, "entry": "e", "document": "d", "text": "t", "heading": "h"}
VERSION = "?api-version=2026-04-01"
INDEX, SEARCH = (
    f"/indexes('i1')/docs/search.index{VERSION}",
    f"/indexes('i1')/docs/search.post.search{VERSION}",
)
MISSING = reply(404, {"error": {"code": "", "message": "The index 'i1' for service 's' was not found."}})


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(server: Loopback, clock: Clock) -> AiSearch:
    return made(server, clock)


def made(server: Loopback, clock: Clock) -> AiSearch:
    return AiSearch(Service(azure(clock.world()), "AiSearch", server.url, RESOURCE), "i1", 2)


def entry(id_: str = "e", *vector: float, text: str = "t") -> Entry:
    return Entry(id_, "d", Access("ada", frozenset({"x"})), text, "h", vector or (1.0, 0.0))


def done(*ids: str, **failed: int) -> Any:
    results = [{"key": digest(one), "status": True, "errorMessage": None, "statusCode": 201} for one in ids]
    results += [
        {"key": digest(one), "status": False, "errorMessage": "why", "statusCode": status}
        for one, status in failed.items()
    ]
    return reply(207 if failed else 200, {"value": results})


def page(*documents: Any, **more: Any) -> Any:
    return reply(body={"value": documents, **more})


def search(store: AiSearch, *vector: float, most: int = 5, documents: Any = ()) -> list[Hit]:
    return store.search(vector or (1.0, 0.0), most, Access("ada"), Deadline(5), documents)


def search_text(store: AiSearch, text: str = "red", most: int = 5) -> list[Hit]:
    return store.search_text(text, most, Access("ada"), Deadline(5))


class TestWrites:
    def test_an_entry_is_one_document_by_its_digest(self, server: Loopback, store: AiSearch) -> None:
        server.answer(done("e/1"))
        store.upsert([entry("e/1", 0.1, 0.2)], Deadline(5))
        (request,) = server.requests
        assert (request.method, request.target) == ("POST", INDEX)
        assert request.headers["authorization"] == "Bearer token-1"
        document = {
            "@search.action": "upload", "id": digest("e/1"), "tenant": ADA, "doc": digest("d"),
            "entry": "e/1", "document": "d", "text": "t", "heading": "h", "vector": [0.1, 0.2],
        }  # fmt: skip
        assert request.json() == {"value": [document]}

    def test_the_same_entry_twice_is_written_once_as_it_was_last(
        self, server: Loopback, store: AiSearch
    ) -> None:
        server.answer(done("1"))
        store.upsert([entry("1", text="old"), entry("1", text="new")], Deadline(5))
        assert [one["text"] for one in server.requests[0].json()["value"]] == ["new"]

    def test_nothing_is_no_call(self, server: Loopback, store: AiSearch) -> None:
        store.upsert([], Deadline(5))
        store.delete([], Deadline(5))
        assert server.requests == []

    def test_a_missing_index_is_made_by_the_first_write(self, server: Loopback, store: AiSearch) -> None:
        server.answer(MISSING, reply(201, {}), done("1"))
        store.upsert([entry("1")], Deadline(5))
        first, put, again = server.requests
        assert (put.method, put.target) == ("PUT", f"/indexes('i1'){VERSION}")
        assert put.headers["if-none-match"] == "*"
        assert put.json() == definition("i1", 2)
        assert (first.body, first.target) == (again.body, again.target)

    @pytest.mark.parametrize("status", [409, 412])
    def test_an_index_that_somebody_else_has_made_meanwhile_is_used(
        self, server: Loopback, store: AiSearch, status: int
    ) -> None:
        server.answer(MISSING, reply(status, {}), done("1"))
        store.upsert([entry("1")], Deadline(5))
        assert len(server.requests) == 3

    def test_an_index_that_may_not_be_made_is_refused(self, server: Loopback, store: AiSearch) -> None:
        server.answer(MISSING, reply(403, {"error": {"code": "Forbidden", "message": "no"}}))
        with pytest.raises(Refused, match="CreateIndex: Forbidden"):
            store.upsert([entry("1")], Deadline(5))

    def test_an_index_that_does_not_come_is_an_error_that_may_be_tried_again(
        self, server: Loopback, store: AiSearch
    ) -> None:
        server.answer(*[MISSING, reply(201, {})] * 4)
        with pytest.raises(Unavailable, match="NotYet"):
            store.upsert([entry("1")], Deadline(5))
        assert len(server.requests) == 8

    def test_a_delete_is_by_keys_and_of_a_missing_index_done(self, server: Loopback, store: AiSearch) -> None:
        server.answer(done("1", "2"), MISSING)
        store.delete(["1", "2", "1"], Deadline(5))
        actions = [{"@search.action": "delete", "id": digest(one)} for one in ("1", "2")]
        assert server.requests[0].json() == {"value": actions}
        store.delete(["3"], Deadline(5))
        assert len(server.requests) == 2

    def test_no_batch_has_more_documents_than_the_service_takes(
        self, server: Loopback, store: AiSearch
    ) -> None:
        names = [str(number) for number in range(2100)]
        server.answer(*(done(*names[start : start + 1000]) for start in (0, 1000, 2000)))
        store.delete(names, Deadline(5))
        assert [len(one.json()["value"]) for one in server.requests] == [1000, 1000, 100]

    def test_no_batch_has_more_bytes_than_the_service_takes(self, server: Loopback, store: AiSearch) -> None:
        server.answer(done("0", "1", "2"), done("3"))
        store.upsert([entry(str(number), text="x" * 5_000_000) for number in range(4)], Deadline(9))
        assert [len(one.json()["value"]) for one in server.requests] == [3, 1]
        assert all(len(one.body) <= 16 * 1024 * 1024 for one in server.requests)

    def test_a_vector_of_another_length_is_refused_before_the_call(
        self, server: Loopback, store: AiSearch
    ) -> None:
        with pytest.raises(Refused, match="WrongDimension"):
            store.upsert([entry("1"), entry("2", 1.0)], Deadline(5))
        with pytest.raises(Refused, match="WrongDimension"):
            search(store, 1.0, 2.0, 3.0)
        assert server.requests == []

    def test_what_the_service_was_too_busy_for_is_sent_again_alone(
        self, server: Loopback, store: AiSearch
    ) -> None:
        failed = {"2": 503, "3": 409, "4": 422}
        server.answer(done("1", **failed), done("2", "4", **{"3": 429}), done("3"))
        store.upsert([entry(one) for one in "1234"], Deadline(5))
        sent = [[one["entry"] for one in request.json()["value"]] for request in server.requests]
        assert sent == [["1", "2", "3", "4"], ["2", "3", "4"], ["3"]]

    @pytest.mark.parametrize(
        ("status", "kind"), [(503, Throttled), (409, Unavailable), (400, Refused), (413, Refused)]
    )
    def test_what_stays_undone_is_an_error(
        self, server: Loopback, store: AiSearch, status: int, kind: type[Exception]
    ) -> None:
        server.answer(done("1", **{"2": status}), *[done(**{"2": status})] * 5)
        with pytest.raises(kind, match=rf"{status} \({status}\): a document was not indexed: why"):
            store.upsert([entry("1"), entry("2")], Deadline(5))
        assert len(server.requests) == (1 if kind is Refused else 4)

    @pytest.mark.parametrize(
        "body",
        [
            b"", b"[]", b"{}", {"value": []}, {"value": [5]}, {"value": [{"key": digest("1")}]},
            {"value": [{"key": digest("1"), "status": False}]},
            {"value": [{"key": digest("1"), "status": False, "statusCode": "no"}]},
        ],
    )  # fmt: skip
    def test_an_answer_that_does_not_tell_of_each_is_an_error(
        self, server: Loopback, store: AiSearch, body: Any
    ) -> None:
        server.answer(reply(body=body))
        with pytest.raises(Unavailable, match="MalformedResponse"):
            store.upsert([entry("1")], Deadline(5))

    @given(st.text(), st.text(alphabet=st.characters(categories=["Cs"]), max_size=3))
    def test_half_characters_are_replaced_and_nothing_else(self, text: str, half: str) -> None:
        assert whole_characters(text) == text
        cleaned = whole_characters(text + half)
        cleaned.encode()
        assert cleaned.startswith(text)


class TestSearches:
    def test_a_search_is_filtered_before_the_nearest_are_looked_for(
        self, server: Loopback, store: AiSearch
    ) -> None:
        server.answer(page(FOUND))
        assert search(store, 0.5, 0.25, most=7, documents=["a'", "b|c"]) == [Hit("e", "d", "t", "h", 0.0)]
        (request,) = server.requests
        assert (request.method, request.target) == ("POST", SEARCH)
        among = f"{digest(chr(97) + chr(39))}|{digest('b|c')}"
        assert request.json() == {
            "vectorQueries": [{"kind": "vector", "vector": [0.5, 0.25], "fields": "vector", "k": 7}],
            "vectorFilterMode": "preFilter",
            "filter": f"tenant eq '{ADA}' and search.in(doc, '{among}', '|')",
            "select": "entry,document,text,heading",
            "top": 7,
        }

    def test_words_are_searched_for_as_they_are(self, server: Loopback, store: AiSearch) -> None:
        server.answer(page({**FOUND, "@search.score": 3.5}))
        assert search_text(store, 'C++ "red" -x (a|b)* \\') == [Hit("e", "d", "t", "h", 3.5)]
        assert server.requests[0].json() == {
            "search": r"C\+\+ \"red\" \-x \(a\|b\)\* \\",
            "queryType": "simple",
            "searchMode": "any",
            "searchFields": "text",
            "filter": f"tenant eq '{ADA}'",
            "select": "entry,document,text,heading",
            "top": 5,
        }

    def test_a_question_without_words_is_no_call(self, server: Loopback, store: AiSearch) -> None:
        for text in ("", " ", "*", '?!"', "🙂", "\ud800"):
            assert search_text(store, text) == []
        assert server.requests == []

    def test_pages_are_followed_until_there_are_enough(self, server: Loopback, store: AiSearch) -> None:
        more = {"search": "red", "skip": 1}
        server.answer(page(FOUND, **{"@search.nextPageParameters": more}), page(FOUND), page(FOUND, FOUND))
        assert len(search_text(store)) == 2
        assert server.requests[1].json() == more
        assert len(search_text(store, most=1)) == 1

    def test_a_page_without_any_is_the_last_one(self, server: Loopback, store: AiSearch) -> None:
        server.answer(page(**{"@search.nextPageParameters": {"skip": 1}}))
        assert search_text(store) == []
        assert len(server.requests) == 1

    def test_where_no_index_is_nothing_is_found(self, server: Loopback, store: AiSearch) -> None:
        server.answer(MISSING)
        assert search(store) == search_text(store) == []

    @pytest.mark.parametrize(
        "body",
        [
            b"", b"[]", b"{}", {"value": None}, {"value": [5]}, {"value": [{}]},
            {"value": [{**FOUND, "@search.score": 0}]}, {"value": [{**FOUND, "@search.score": "high"}]},
            {"value": [{**FOUND, "text": 5}]}, {"value": [{**FOUND, "entry": None}]},
            {"value": [FOUND], "@search.nextPageParameters": 5},
        ],
    )  # fmt: skip
    def test_what_is_no_entry_of_ours_is_an_error(self, server: Loopback, store: AiSearch, body: Any) -> None:
        server.answer(reply(body=body))
        with pytest.raises(Unavailable, match="MalformedResponse"):
            search(store)

    def test_a_call_ends_at_the_deadline(
        self, server: Loopback, store: AiSearch, released: threading.Event
    ) -> None:
        server.answer(stall(released))
        with pytest.raises(TimedOut):
            store.search([1.0, 0.0], 1, Access("ada"), Deadline(0.2))

    @given(st.text())
    def test_no_operator_is_left_without_its_backslash(self, text: str) -> None:
        escaped = text.translate(ai_search._OPERATORS)
        plain, signs = "", iter(escaped)
        for sign in signs:
            if sign == "\\":
                plain += next(signs)
            else:
                assert sign not in "+|\"()'-*~"
                plain += sign
        assert plain == text


class TestTheSdk:
    """What azure-search-documents sends for the same."""

    @pytest.fixture
    def theirs(self) -> Any:
        with loopback() as server:
            yield server

    def test_searches_and_batches_are_the_sdks(
        self, server: Loopback, store: AiSearch, theirs: Loopback
    ) -> None:
        client = SearchClient(theirs.url.replace("http:", "https:"), "i1", _Token(), transport=_Plainly())
        server.answer(page(FOUND), page(FOUND), done("1"))
        theirs.answer(page(FOUND), page(FOUND), done("1"))
        search(store)
        search_text(store)
        store.delete(["1"], Deadline(5))
        tenant, select = f"tenant eq '{ADA}'", ["entry", "document", "text", "heading"]
        query = VectorizedQuery(vector=[1.0, 0.0], k_nearest_neighbors=5, fields="vector")
        near = client.search(
            vector_queries=[query], vector_filter_mode="preFilter", filter=tenant, select=select, top=5
        )
        assert [one["entry"] for one in near] == ["e"]
        words = client.search(
            "red", query_type="simple", search_mode="any", search_fields=["text"], filter=tenant,
            select=select, top=5,
        )  # fmt: skip
        assert [one["entry"] for one in words] == ["e"]
        assert client.delete_documents([{"id": digest("1")}])[0].succeeded
        for ours, sdks in zip(server.requests, theirs.requests, strict=True):
            assert ours.target == sdks.target
            body = sdks.json()
            assert ours.json() == {name: value for name, value in body.items() if value is not None}


class _Token:
    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        assert scopes == (f"{RESOURCE}/.default",)
        return AccessToken("token-1", int(time.time()) + 600)


class _Plainly(RequestsTransport):
    """The SDK sends tokens over https only: here they go without TLS."""

    def send(self, request: Any, **options: Any) -> Any:
        request.url = request.url.replace("https://", "http://", 1)
        return super().send(request, **options)
