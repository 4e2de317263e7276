"""Entries in Cosmos DB on the wire: batches and their limits, queries by page, failures, hostile answers.

The azure-cosmos SDK makes the same calls of the same server.
"""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from azure.cosmos import CosmosClient
from azure.cosmos.exceptions import CosmosBatchOperationError
from azure_fakes import CONTAINER, azure
from hypothesis import given, settings
from hypothesis import strategies as st
from loopback import Loopback, Received, loopback, reply, stall
from memory_ports import Clock

from serverless_ai_runtime.adapters.azure import cosmos_vectors
from serverless_ai_runtime.adapters.azure.cosmos import RESOURCE, authorization
from serverless_ai_runtime.adapters.azure.cosmos_vectors import CosmosVectors
from serverless_ai_runtime.adapters.service import Service
from serverless_ai_runtime.core.ports import Deadline, Refused, Throttled, TimedOut, Unavailable
from serverless_ai_runtime.core.rag.ports import Access, Entry, Hit
from serverless_ai_runtime.core.records import digest

ADA = digest("ada")
FOUND = {"entry": "e", "document": "d", "text": "t", "heading": "h", "score": 0.5}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(server: Loopback, clock: Clock) -> CosmosVectors:
    return made(server, clock)


def made(server: Loopback, clock: Clock, dimension: int = 2) -> CosmosVectors:
    url = server.url + CONTAINER
    service = Service(azure(clock.world()), "CosmosDB", url, RESOURCE, authorization=authorization)
    return CosmosVectors(service, dimension)


def entry(id_: str = "e", *vector: float, tenant: str = "ada", text: str = "t", tags: Any = ()) -> Entry:
    return Entry(id_, "d", Access(tenant, frozenset(tags)), text, "h", vector or (1.0, 0.0))


def done(count: int, status: int = 201) -> Any:
    return reply(body=json.dumps([{"statusCode": status}] * count).encode())


def failed(*statuses: int) -> Any:
    return reply(207, json.dumps([{"statusCode": one} for one in statuses]).encode())


def page(*documents: Any, more: str = "") -> Any:
    return reply(body={"Documents": list(documents)}, headers={"x-ms-continuation": more} if more else {})


def where(id_: str, tenant: str = "ada") -> dict[str, str]:
    return {"id": digest(id_), "tenant": digest(tenant)}


def search(store: CosmosVectors, *vector: float, most: int = 5, tenant: str = "ada") -> list[Hit]:
    return store.search(vector or (1.0, 0.0), most, Access(tenant), Deadline(5))


class TestUpserts:
    def test_an_entry_is_one_item_in_its_tenants_partition(
        self, server: Loopback, store: CosmosVectors
    ) -> None:
        server.answer(done(1))
        store.upsert([entry("e/1", 0.1, 0.2, tags=("b", "a"))], Deadline(5))
        (request,) = server.requests
        assert (request.method, request.target) == ("POST", CONTAINER + "/docs")
        assert (
            request.headers.items()
            >= {
                "authorization": "type%3Daad%26ver%3D1.0%26sig%3Dtoken-1",
                "x-ms-version": "2020-07-15",
                "x-ms-date": "Tue, 24 Nov 2026 12:00:00 GMT",
                "x-ms-documentdb-partitionkey": f'["{ADA}"]',
            }.items()
        )
        item = {
            "id": digest("e/1"), "tenant": ADA, "entry": "e/1", "document": "d", "tags": ["a", "b"],
            "text": "t", "heading": "h", "words": "h\nt", "vector": [0.1, 0.2],
        }  # fmt: skip
        assert request.json() == [{"operationType": "Upsert", "resourceBody": item}]

    def test_each_tenant_has_a_batch_of_its_own(self, server: Loopback, store: CosmosVectors) -> None:
        server.answer(done(2), done(1))
        store.upsert([entry("1"), entry("2", tenant="bob"), entry("3")], Deadline(5))
        keys = [json.loads(one.headers["x-ms-documentdb-partitionkey"]) for one in server.requests]
        assert keys == [[ADA], [digest("bob")]]
        assert [len(one.json()) for one in server.requests] == [2, 1]

    def test_the_same_entry_twice_is_written_once_as_it_was_last(
        self, server: Loopback, store: CosmosVectors
    ) -> None:
        server.answer(done(1))
        store.upsert([entry("1", text="old"), entry("1", text="new")], Deadline(5))
        assert [one["resourceBody"]["text"] for one in server.requests[0].json()] == ["new"]

    def test_nothing_is_no_call(self, server: Loopback, store: CosmosVectors) -> None:
        store.upsert([], Deadline(5))
        store.delete([], Deadline(5))
        assert server.requests == []

    def test_no_batch_has_more_operations_than_the_service_takes(
        self, server: Loopback, store: CosmosVectors
    ) -> None:
        server.answer(done(100), done(100), done(50))
        store.upsert([entry(str(number)) for number in range(250)], Deadline(5))
        assert [len(one.json()) for one in server.requests] == [100, 100, 50]

    def test_no_batch_has_more_bytes_than_the_service_takes(
        self, server: Loopback, store: CosmosVectors
    ) -> None:
        server.answer(done(3), done(3), done(1))
        entries = [entry(str(number), text="x" * 300_000) for number in range(7)]
        store.upsert([*entries, entry("huge", text="x" * 3_000_000)], Deadline(5))
        sizes = [len(one.json()) for one in server.requests]
        assert sizes == [3, 3, 1, 1], "one that is too large goes alone, for the service to refuse"
        assert all(len(one.body) <= 2 * 1024 * 1024 for one in server.requests[:3])

    def test_a_vector_of_another_length_is_refused_before_the_call(
        self, server: Loopback, store: CosmosVectors
    ) -> None:
        with pytest.raises(Refused, match="WrongDimension"):
            store.upsert([entry("1"), entry("2", 1.0)], Deadline(5))
        with pytest.raises(Refused, match="WrongDimension"):
            search(store, 1.0, 2.0, 3.0)
        assert server.requests == []

    @settings(max_examples=50, deadline=None)
    @given(st.floats(width=32, allow_nan=False, allow_infinity=False))
    def test_numbers_lose_nothing_that_a_float32_holds(self, number: float) -> None:
        (kept,) = cosmos_vectors._numbers([number])
        assert struct.pack("<f", kept) == struct.pack("<f", number)


class TestSearches:
    def test_a_search_asks_one_partition_for_the_nearest(
        self, server: Loopback, store: CosmosVectors
    ) -> None:
        server.answer(page(FOUND))
        assert search(store, 0.5, 0.25, most=7) == [Hit("e", "d", "t", "h", 0.5)]
        (request,) = server.requests
        distance = "VectorDistance(c.vector, @vector)"
        assert request.json() == {
            "query": f"SELECT TOP @most c.entry, c.document, c.text, c.heading, {distance} AS score FROM c "
            f"ORDER BY {distance}",
            "parameters": [{"name": "@most", "value": 7}, {"name": "@vector", "value": [0.5, 0.25]}],
        }
        assert (
            request.headers.items()
            >= {
                "content-type": "application/query+json",
                "x-ms-documentdb-isquery": "true",
                "x-ms-documentdb-partitionkey": f'["{ADA}"]',
            }.items()
        )
        assert "x-ms-documentdb-query-enablecrosspartition" not in request.headers

    def test_pages_are_followed_and_put_in_order(self, server: Loopback, store: CosmosVectors) -> None:
        one, two, three = ({**FOUND, "entry": str(score), "score": score} for score in (0.2, 0.9, 0.5))
        server.answer(page(one, more="A+/="), page(more="B"), page(two, three))
        assert [hit.score for hit in search(store, most=2)] == [0.9, 0.5]
        assert [request.headers.get("x-ms-continuation") for request in server.requests] == [
            None,
            "A+/=",
            "B",
        ]

    @pytest.mark.parametrize("tenant", ["", '"]', "ключ", "x\r\nx-evil: 1", "🙂" * 3000])
    def test_no_tenant_is_more_than_a_partition_key(
        self, server: Loopback, store: CosmosVectors, tenant: str
    ) -> None:
        server.answer(page())
        assert search(store, tenant=tenant) == []
        assert server.requests[0].headers["x-ms-documentdb-partitionkey"] == json.dumps([digest(tenant)])

    @pytest.mark.parametrize(
        "body",
        [
            b"", b"[]", b"{}", {"Documents": None}, {"Documents": [5]}, {"Documents": [{}]},
            {"Documents": [{**FOUND, "score": None}]}, {"Documents": [{**FOUND, "score": "high"}]},
            {"Documents": [{**FOUND, "text": 5}]}, {"Documents": [{**FOUND, "entry": None}]},
        ],
    )  # fmt: skip
    def test_what_is_no_entry_of_ours_is_an_error(
        self, server: Loopback, store: CosmosVectors, body: Any
    ) -> None:
        server.answer(reply(body=body))
        with pytest.raises(Unavailable, match="MalformedResponse"):
            search(store)


class TestDeletes:
    def test_ids_are_found_wherever_they_are_and_deleted_there(
        self, server: Loopback, store: CosmosVectors
    ) -> None:
        server.answer(
            page(where("1"), more="A"), page(where("2", "bob"), where("3")), done(2, 204), done(1, 204)
        )
        store.delete(["1", "2", "3", "1"], Deadline(5))
        find, _, first, second = server.requests
        assert find.json()["query"] == "SELECT c.id, c.tenant FROM c WHERE c.id IN (@id0, @id1, @id2)"
        assert find.headers["x-ms-documentdb-query-enablecrosspartition"] == "true"
        assert "x-ms-documentdb-partitionkey" not in find.headers
        assert first.json() == [{"operationType": "Delete", "id": digest(one)} for one in ("1", "3")]
        assert second.json() == [{"operationType": "Delete", "id": digest("2")}]
        assert second.headers["x-ms-documentdb-partitionkey"] == json.dumps([digest("bob")])

    def test_what_is_not_there_is_deleted_already(self, server: Loopback, store: CosmosVectors) -> None:
        server.answer(page())
        store.delete(["1"], Deadline(5))
        assert len(server.requests) == 1

    def test_what_somebody_else_deletes_meanwhile_is_looked_for_again(
        self, server: Loopback, store: CosmosVectors
    ) -> None:
        server.answer(page(where("1"), where("2")), failed(424, 404), page(where("1")), done(1, 204))
        store.delete(["1", "2"], Deadline(5))
        assert server.requests[-1].json() == [{"operationType": "Delete", "id": digest("1")}]

    def test_in_the_end_it_is_an_error_that_may_be_tried_again(
        self, server: Loopback, store: CosmosVectors
    ) -> None:
        server.answer(*[page(where("1")), failed(404)] * 3)
        with pytest.raises(Unavailable, match="Contended"):
            store.delete(["1"], Deadline(5))
        assert len(server.requests) == 6

    def test_a_missing_container_is_refused(self, server: Loopback, store: CosmosVectors) -> None:
        server.answer(reply(404, {"code": "NotFound"}, {"x-ms-substatus": "1003"}))
        with pytest.raises(Refused, match=r"NotFound\.1003"):
            store.delete(["1"], Deadline(5))
        with pytest.raises(Refused, match=r"NotFound\.1003"):
            search(store)

    def test_many_ids_are_asked_for_a_hundred_at_a_time(self, server: Loopback, store: CosmosVectors) -> None:
        server.answer(page())
        store.delete([str(number) for number in range(201)], Deadline(5))
        assert [len(one.json()["parameters"]) for one in server.requests] == [100, 100, 1]


class TestFailures:
    def test_a_throttled_batch_is_sent_again(
        self, server: Loopback, store: CosmosVectors, clock: Clock
    ) -> None:
        wait = reply(429, {}, {"x-ms-retry-after-ms": "1300"})
        server.answer(failed(424, 429), wait, failed(449, 424), done(2))
        store.upsert([entry("1"), entry("2")], Deadline(5))
        assert len({one.body for one in server.requests}) == 1
        assert len(server.requests) == 4
        assert 1.3 in clock.slept

    def test_a_batch_that_stays_throttled_is_an_error_that_may_be_tried_again(
        self, server: Loopback, store: CosmosVectors
    ) -> None:
        server.answer(failed(429))
        with pytest.raises(Throttled, match="CosmosDB UpsertItems: 429"):
            store.upsert([entry()], Deadline(5))
        assert len(server.requests) == 4

    def test_a_throttled_batch_is_not_tried_past_the_deadline(
        self, server: Loopback, store: CosmosVectors, clock: Clock
    ) -> None:
        server.answer(failed(429))
        with pytest.raises(Throttled):
            store.upsert([entry()], Deadline(0.04, clock))
        assert len(server.requests) == 1

    @pytest.mark.parametrize(("status", "kind"), [(413, Refused), (400, Refused), (503, Unavailable)])
    def test_the_operation_that_failed_says_why(
        self, server: Loopback, store: CosmosVectors, status: int, kind: type[Exception]
    ) -> None:
        server.answer(failed(424, status, 424))
        with pytest.raises(kind, match=rf"{status} \({status}\): operation 1 of 3 failed, and none was done"):
            store.upsert([entry(one) for one in "123"], Deadline(5))

    def test_a_throttled_search_is_an_error_that_may_be_tried_again(
        self, server: Loopback, store: CosmosVectors
    ) -> None:
        server.answer(reply(429, {"code": "TooManyRequests", "message": "slow"}))
        with pytest.raises(Throttled, match="SearchItems"):
            search(store)

    def test_a_call_ends_at_the_deadline(
        self, server: Loopback, store: CosmosVectors, released: threading.Event
    ) -> None:
        server.answer(stall(released))
        with pytest.raises(TimedOut):
            store.search([1.0, 0.0], 1, Access("ada"), Deadline(0.2))

    @pytest.mark.parametrize(
        "body", [b"", b"{}", b"5", b"[5]", b'[{"statusCode": "no"}]', b"[]", b"[" * 100_000]
    )
    def test_an_answer_that_tells_of_no_operation_is_an_error(
        self, server: Loopback, store: CosmosVectors, body: bytes
    ) -> None:
        server.answer(reply(body=body))
        with pytest.raises(Unavailable, match="MalformedResponse"):
            store.upsert([entry()], Deadline(5))
        assert len(server.requests) == 1, "it would be the same again"


class TestTheSdk:
    """What azure-cosmos sends for the same, and makes of the same answers."""

    @pytest.fixture
    def container(self) -> Iterator[_Sdk]:
        with loopback() as server:
            yield _Sdk(server)

    def test_a_batch_is_the_sdks(self, server: Loopback, store: CosmosVectors, container: _Sdk) -> None:
        server.answer(done(1))
        store.upsert([entry()], Deadline(5))
        (ours,) = server.requests
        item = ours.json()[0]["resourceBody"]
        container.posted = done(1)
        container.proxy.execute_item_batch([("upsert", (item,))], partition_key=ADA)
        container.equals(ours)

    def test_a_delete_is_the_sdks(self, server: Loopback, store: CosmosVectors, container: _Sdk) -> None:
        server.answer(page(where("1")), done(1, 204))
        store.delete(["1"], Deadline(5))
        container.posted = done(1, 204)
        container.proxy.execute_item_batch([("delete", (digest("1"),))], partition_key=ADA)
        container.equals(server.requests[1])

    def test_a_search_is_the_sdks(self, server: Loopback, store: CosmosVectors, container: _Sdk) -> None:
        server.answer(page(FOUND))
        search(store)
        (ours,) = server.requests
        container.posted = page(FOUND)
        asked: dict[str, Any] = ours.json()
        found = container.proxy.query_items(asked["query"], parameters=asked["parameters"], partition_key=ADA)
        assert list(found) == [FOUND]
        container.equals(ours)

    def test_the_sdk_blames_the_same_operation(
        self, server: Loopback, store: CosmosVectors, container: _Sdk
    ) -> None:
        server.answer(failed(424, 413))
        with pytest.raises(Refused) as ours:
            store.upsert([entry("1"), entry("2")], Deadline(5))
        container.posted = failed(424, 413)
        operations = [("delete", ("1",)), ("delete", ("2",))]
        with pytest.raises(CosmosBatchOperationError) as theirs:
            container.proxy.execute_item_batch(operations, partition_key=ADA)
        assert theirs.value.status_code == ours.value.status == 413
        assert f"operation {theirs.value.error_index} of 2" in ours.value.message


class _Sdk:
    """The SDK on a container of which a server tells it, and what that server answers to a POST."""

    def __init__(self, server: Loopback) -> None:
        places = [{"name": "here", "databaseAccountEndpoint": server.url + "/"}]
        account = {"id": "a", "writableLocations": places, "readableLocations": places}
        container = {"id": "state", "_rid": "r=", "partitionKey": {"paths": ["/tenant"], "kind": "Hash"}}
        told = {
            "/": reply(body={**account, "userConsistencyPolicy": {"defaultConsistencyLevel": "Strong"}}),
            CONTAINER: reply(body=container),
        }

        def script(connection: socket.socket) -> bool:
            asked = server.requests[-1]
            path = asked.target.rstrip("/") or "/"
            return (self.posted if asked.method == "POST" else told[path])(connection)

        self._server, self.posted = server, reply()
        server.answer(script)
        client = CosmosClient(server.url, "a2V5")
        self.proxy = client.get_database_client("chat").get_container_client("state")

    def equals(self, ours: Received) -> None:
        """What the SDK has sent last is what we have sent."""
        theirs = next(one for one in reversed(self._server.requests) if one.method == "POST")
        assert theirs.target.rstrip("/") == ours.target
        assert theirs.json() == ours.json()
        names = {name for name in ours.headers if name.startswith(("x-ms-", "content-type"))}
        for name in names - {"x-ms-date"}:
            assert theirs.headers[name].lower() == ours.headers[name].lower(), name
