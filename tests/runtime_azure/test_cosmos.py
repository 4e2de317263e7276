"""What only Cosmos DB's store must do: lost replies, items that outlive their end, ids, hostile answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from azure_fakes import CONTAINER, Cosmos, azure, cosmos, cosmos_store
from hypothesis import example, given
from hypothesis import strategies as st
from loopback import Loopback, raw, reply
from memory_ports import NOON, Clock

from serverless_ai_runtime.adapters.azure.cosmos import CosmosStore, authorization, item_id
from serverless_ai_runtime.adapters.service import Service
from serverless_ai_runtime.core.ports import (
    Deadline,
    LimitReached,
    Refused,
    Unavailable,
    VersionConflict,
)

NEVER = 0
SOON = int(NOON) + 10
ETAG = {"etag": '"e1"'}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def container() -> Iterator[Cosmos]:
    """A service whose own clock stands still: nothing ever expires there."""
    with cosmos(lambda: NOON) as running:
        yield running


@pytest.fixture
def store(container: Cosmos, clock: Clock) -> CosmosStore:
    return cosmos_store(container.url, clock)


@pytest.fixture
def scripted(server: Loopback, clock: Clock) -> CosmosStore:
    return cosmos_store(server.url, clock, lambda: "mine")


def put(store: CosmosStore, value: object = 1, expect: str | None = None, *, expires_at: int = NEVER) -> str:
    return store.put("k", {"v": value}, expect=expect, expires_at=expires_at, deadline=Deadline(5))


def add(store: CosmosStore, amount: int, limit: int | None = None) -> int:
    return store.add("c", amount, limit=limit, expires_at=SOON, deadline=Deadline(5))


def item(**fields: Any) -> dict[str, Any]:
    return {"id": "k", "pk": "k", "value": '{"v":1}', "write": "theirs", **fields}


class TestOnTheWire:
    def test_a_record_is_one_item_that_expires_by_itself(self, container: Cosmos, store: CosmosStore) -> None:
        store.put("k", {"a": "ü"}, expect=None, expires_at=SOON, deadline=Deadline(5))
        kept = container.items["k"]
        assert kept.items() >= {
            "id": "k", "pk": "k", "value": '{"a":"ü"}', "expires_at": SOON, "ttl": 10,
        }.items()  # fmt: skip
        assert len(kept["write"]) == 32

    def test_a_record_without_an_end_has_no_ttl(self, container: Cosmos, store: CosmosStore) -> None:
        put(store)
        assert not {"ttl", "expires_at"} & container.items["k"].keys()

    def test_an_end_that_is_past_is_still_a_ttl_that_the_service_takes(
        self, container: Cosmos, store: CosmosStore
    ) -> None:
        put(store, expires_at=int(NOON) - 5)
        assert container.items["k"]["ttl"] == 1

    def test_a_call_says_who_what_and_which_partition(self, container: Cosmos, store: CosmosStore) -> None:
        put(store)
        (call,) = container.calls
        assert (call.method, call.path) == ("POST", CONTAINER + "/docs")
        assert (
            call.headers.items()
            >= {
                "authorization": "type%3Daad%26ver%3D1.0%26sig%3Dtoken-1",
                "x-ms-version": "2020-07-15",
                "x-ms-date": "Tue, 24 Nov 2026 12:00:00 GMT",
                "x-ms-documentdb-partitionkey": '["k"]',
                "prefer": "return=minimal",
            }.items()
        )

    def test_each_operation_is_one_call(self, container: Cosmos, store: CosmosStore) -> None:
        version = put(store)
        put(store, 2, version)
        store.get("k", Deadline(5))
        add(store, 1)
        add(store, 1, 5)
        methods = [call.method for call in container.calls]
        assert methods == ["POST", "PUT", "GET", "PATCH", "POST", "PATCH"], "only a new counter takes two"

    def test_a_counter_is_changed_under_a_condition(self, container: Cosmos, store: CosmosStore) -> None:
        add(store, 3)
        add(store, 4, 10)
        assert container.calls[-1].headers["content-type"] == "application/json-patch+json"
        assert container.calls[-1].json() == {
            "condition": "from c where c.total <= 6",
            "operations": [{"op": "incr", "path": "/total", "value": 4}],
        }
        assert container.items["c"].items() >= {"total": 7, "expires_at": SOON, "ttl": 10}.items()


class TestExpiry:
    def test_an_expired_item_that_is_still_there_is_absent_and_can_be_taken_over(
        self, store: CosmosStore, container: Cosmos, clock: Clock
    ) -> None:
        old = put(store, "old", expires_at=SOON)
        clock.now += 10
        assert store.get("k", Deadline(5)) is None
        with pytest.raises(VersionConflict):
            put(store, "late", old)
        assert len(container.calls) == 2, "the version itself says that it is too late"
        put(store, "new", expires_at=SOON + 100)
        record = store.get("k", Deadline(5))
        assert record is not None
        assert record.value == {"v": "new"}

    def test_of_two_who_take_over_one_wins(self, container: Cosmos, clock: Clock) -> None:
        first, second = cosmos_store(container.url, clock), cosmos_store(container.url, clock)
        put(first, "old", expires_at=SOON)
        clock.now += 10
        handle = container.handle

        def interrupted(call: Any) -> Any:
            if call.method == "PUT":
                container.handle = handle  # pyright: ignore[reportAttributeAccessIssue]
                put(second, "second")
            return handle(call)

        container.handle = interrupted  # pyright: ignore[reportAttributeAccessIssue]
        with pytest.raises(VersionConflict):
            put(first, "first")
        record = first.get("k", Deadline(5))
        assert record is not None
        assert record.value == {"v": "second"}


class TestLostReplies:
    """What a retry makes of a call whose first attempt had arrived."""

    def test_a_create_that_had_arrived_is_not_a_conflict(
        self, server: Loopback, scripted: CosmosStore
    ) -> None:
        server.answer(raw(b""), reply(409), reply(200, item(write="mine"), ETAG))
        version = put(scripted)
        first, second, _ = server.requests
        assert first.body == second.body
        server.answer(reply(200, b"", {"etag": '"e2"'}))
        server.scripts.popleft()
        put(scripted, 2, version)
        assert server.requests[-1].headers["if-match"] == '"e1"'

    def test_a_create_that_lost_is_one(self, server: Loopback, scripted: CosmosStore) -> None:
        server.answer(raw(b""), reply(409), reply(200, item(), ETAG))
        with pytest.raises(VersionConflict):
            put(scripted)

    def test_a_replace_that_had_arrived_is_not_a_conflict(
        self, server: Loopback, scripted: CosmosStore
    ) -> None:
        server.answer(raw(b""), reply(412), reply(200, item(write="mine"), {"etag": '"e2"'}))
        assert put(scripted, 2, '0 "e1"') == '0 "e2"'

    def test_a_replace_that_lost_is_one(self, server: Loopback, scripted: CosmosStore) -> None:
        server.answer(reply(412), reply(200, item(), {"etag": '"e2"'}))
        with pytest.raises(VersionConflict):
            put(scripted, 2, '0 "e1"')

    def test_a_replace_of_what_is_gone_is_a_conflict(self, server: Loopback, scripted: CosmosStore) -> None:
        server.answer(reply(404, {"code": "NotFound"}))
        with pytest.raises(VersionConflict):
            put(scripted, 2, '0 "e1"')

    def test_a_reservation_is_rather_made_twice(self, server: Loopback, scripted: CosmosStore) -> None:
        server.answer(raw(b""), reply(200, {"id": "c", "total": 10}))
        assert add(scripted, 5) == 10
        assert len(server.requests) == 2

    @pytest.mark.parametrize("first", [[], [reply(404, {"code": "NotFound"})]], ids=["patch", "create"])
    def test_a_release_is_rather_left_out(
        self, server: Loopback, scripted: CosmosStore, first: list[Any]
    ) -> None:
        server.answer(*first, raw(b""))
        with pytest.raises(Unavailable):
            add(scripted, -5)
        assert len(server.requests) == len(first) + 1

    def test_a_release_that_the_service_put_off_is_sent_again(
        self, server: Loopback, scripted: CosmosStore
    ) -> None:
        server.answer(
            reply(449, {"code": "RetryWith"}),
            reply(429, {"code": "TooManyRequests"}, {"x-ms-retry-after-ms": "9"}),
            reply(200, {"id": "c", "total": 2}),
        )
        assert add(scripted, -5) == 2


class TestCounters:
    def test_of_two_who_begin_a_counter_the_second_adds(
        self, server: Loopback, scripted: CosmosStore
    ) -> None:
        server.answer(reply(404, {"code": "NotFound"}), reply(409), reply(200, {"id": "c", "total": 8}))
        assert add(scripted, 3, 10) == 8

    def test_a_counter_that_comes_and_goes_is_an_error_in_the_end(
        self, server: Loopback, scripted: CosmosStore
    ) -> None:
        server.answer(*[reply(404, {"code": "NotFound"}), reply(409)] * 3)
        with pytest.raises(Unavailable, match="comes and goes"):
            add(scripted, 3)
        assert len(server.requests) == 6

    def test_what_never_fits_is_not_asked(self, container: Cosmos, store: CosmosStore) -> None:
        with pytest.raises(LimitReached):
            add(store, 11, 10)
        assert container.calls == []


class TestHostileAnswers:
    def test_a_missing_container_is_refused_and_not_an_absent_record(
        self, container: Cosmos, clock: Clock
    ) -> None:
        service = Service(
            azure(clock.world()), "CosmosDB", container.url + "/dbs/other/colls/c", "r", 0.0, authorization
        )
        store = CosmosStore(service)
        calls: list[Callable[[], object]] = [
            lambda: store.get("k", Deadline(5)),
            lambda: put(store),
            lambda: put(store, 2, '0 "e"'),
            lambda: add(store, 1),
        ]
        for call in calls:
            with pytest.raises(Refused, match=r"NotFound\.1003"):
                call()

    @pytest.mark.parametrize(
        ("body", "headers"),
        [
            (item(value="{"), ETAG),
            (item(value=None), ETAG),
            ({"id": "k", "total": 5}, ETAG),
            (item(expires_at="never"), ETAG),
            (item(expires_at=[]), ETAG),
            (item(), {}),
            (b"", ETAG),
            (b"[]", ETAG),
        ],
    )
    def test_an_item_of_somebody_else_is_an_error(
        self, server: Loopback, scripted: CosmosStore, body: Any, headers: dict[str, str]
    ) -> None:
        server.answer(reply(200, body, headers))
        with pytest.raises(Unavailable, match="MalformedResponse"):
            scripted.get("k", Deadline(5))

    def test_a_write_without_an_etag_is_an_error(self, server: Loopback, scripted: CosmosStore) -> None:
        server.answer(reply(201, b""))
        with pytest.raises(Unavailable, match="no etag"):
            put(scripted)

    @pytest.mark.parametrize("body", [{"id": "c"}, {"id": "c", "total": "many"}, b"", b"[]"])
    def test_a_counter_of_somebody_else_is_an_error(
        self, server: Loopback, scripted: CosmosStore, body: Any
    ) -> None:
        server.answer(reply(200, body))
        with pytest.raises(Unavailable, match="MalformedResponse"):
            add(scripted, 1)

    def test_a_forbidden_call_is_refused_with_its_reason(
        self, server: Loopback, scripted: CosmosStore
    ) -> None:
        server.answer(reply(403, {"code": "Forbidden", "message": "no role"}, {"x-ms-substatus": "5301"}))
        with pytest.raises(Refused, match=r"Forbidden\.5301 \(403\): no role"):
            put(scripted)


ANY_KEY = st.text(st.characters(), min_size=1, max_size=40)


@given(ANY_KEY, ANY_KEY)
@example("a_23", "a#")
@example("a.b", "a_2eb")
def test_ids_are_harmless_and_as_different_as_their_keys(one: str, other: str) -> None:
    for key in (one, other):
        assert not item_id(key).strip("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_")
    assert (item_id(one) == item_id(other)) == (one == other)


def test_keys_of_the_cores_are_ids_as_they_are() -> None:
    key = "budget.2026-11-24." + "0f" * 32
    assert item_id(key) == key


@pytest.mark.parametrize("key", ["a/b", "a\\b?c#d", "ключ", "..", "%2F", '"'])
def test_any_key_can_be_stored(store: CosmosStore, key: str) -> None:
    store.put(key, {"v": key}, expect=None, expires_at=NEVER, deadline=Deadline(5))
    record = store.get(key, Deadline(5))
    assert record is not None
    assert record.value == {"v": key}
    assert store.add(key + "c", 2, limit=5, expires_at=SOON, deadline=Deadline(5)) == 2


def test_a_record_of_the_largest_size_fits_into_an_item(container: Cosmos, store: CosmosStore) -> None:
    value = {"v": "漢" * 116_000}
    store.put("k", value, expect=None, expires_at=NEVER, deadline=Deadline(5))
    assert len(container.calls[0].body) < 2 * 1024 * 1024, "the service's limit of an item"
    record = store.get("k", Deadline(5))
    assert record is not None
    assert record.value == value
