"""Our store and the azure-cosmos SDK on one container: one reads what the other wrote, by the same calls."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from azure.core import MatchConditions
from azure.cosmos import ContainerProxy, CosmosClient
from azure.cosmos._auth_policy import CosmosBearerTokenCredentialPolicy
from azure.cosmos.exceptions import CosmosAccessConditionFailedError, CosmosResourceExistsError
from azure_fakes import Cosmos, cosmos, cosmos_store
from memory_ports import NOON, Clock, Notebook, said

from serverless_ai_runtime.adapters.azure.cosmos import CosmosStore, authorization
from serverless_ai_runtime.core.budget import Budget, BudgetExceeded
from serverless_ai_runtime.core.context import Turn
from serverless_ai_runtime.core.ports import Deadline, LimitReached, VersionConflict, World
from serverless_ai_runtime.core.sessions import SessionBusy, Sessions
from serverless_ai_runtime.wiring import WORLD

SOON = int(NOON) + 100
THREADS = 20


@pytest.fixture
def container() -> Iterator[Cosmos]:
    with cosmos(lambda: NOON) as running:
        yield running


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(container: Cosmos, clock: Clock) -> CosmosStore:
    return cosmos_store(container.url, clock)


@pytest.fixture
def sdk(container: Cosmos) -> ContainerProxy:
    client = CosmosClient(container.url, "a2V5")
    return client.get_database_client("chat").get_container_client("state")


def put(store: CosmosStore, value: object, expect: str | None = None) -> str:
    return store.put("k", {"v": value}, expect=expect, expires_at=SOON, deadline=Deadline(5))


def add(store: CosmosStore, amount: int, limit: int | None = None) -> int:
    return store.add("c", amount, limit=limit, expires_at=SOON, deadline=Deadline(5))


def test_a_record_is_an_item_that_the_sdk_reads(store: CosmosStore, sdk: ContainerProxy) -> None:
    version = put(store, "ü")
    item: Any = sdk.read_item("k", "k")
    assert (item["value"], item["ttl"], item["expires_at"]) == ('{"v":"ü"}', 100, SOON)
    assert version == f"{SOON} {item['_etag']}"


def test_what_the_sdk_changes_is_a_conflict_to_us_and_the_other_way_round(
    store: CosmosStore, sdk: ContainerProxy
) -> None:
    version = put(store, 1)
    item: Any = sdk.read_item("k", "k")
    sdk.replace_item("k", item | {"value": '{"v":2}'})
    with pytest.raises(VersionConflict):
        put(store, 3, version)
    record = store.get("k", Deadline(5))
    assert record is not None
    assert record.value == {"v": 2}
    put(store, 4, record.version)
    with pytest.raises(CosmosAccessConditionFailedError):
        sdk.replace_item("k", item, etag=item["_etag"], match_condition=MatchConditions.IfNotModified)
    with pytest.raises(CosmosResourceExistsError):
        sdk.create_item({"id": "k", "pk": "k"})


def test_our_calls_are_the_sdks(container: Cosmos, store: CosmosStore, sdk: ContainerProxy) -> None:
    version = put(store, 1)
    put(store, 2, version)
    store.get("k", Deadline(5))
    add(store, 3)
    add(store, 3, 10)
    ours = [call for call in container.calls if call.method != "GET" or "docs" in call.path]
    bodies = [call.json() if call.body else None for call in ours]
    etag = ours[1].headers["if-match"]
    container.items.clear()
    container.calls.clear()
    sdk.create_item(bodies[0], no_response=True)
    container.items["k"]["_etag"] = etag
    sdk.replace_item(
        "k", bodies[1], etag=etag, match_condition=MatchConditions.IfNotModified, no_response=True
    )
    sdk.read_item("k", "k")
    with pytest.raises(Exception, match="NotFound"):
        sdk.patch_item("c", "c", bodies[3]["operations"])
    sdk.create_item(bodies[4], no_response=True)
    sdk.patch_item("c", "c", bodies[5]["operations"], filter_predicate=bodies[5]["condition"])
    theirs = [call for call in container.calls if "/docs" in call.path]
    assert len(theirs) == len(ours) == 6
    for mine, other in zip(ours, theirs, strict=True):
        assert (mine.method, mine.path) == (other.method, other.path.rstrip("/"))
        assert bool(mine.body) == bool(other.body)
        assert not mine.body or mine.json() == other.json()
        for header in ("x-ms-version", "content-type", "if-match", "prefer"):
            assert mine.headers.get(header) == other.headers.get(header), (mine.method, header)
        key = "x-ms-documentdb-partitionkey"
        assert other.headers.get(key, mine.headers[key]) == mine.headers[key]


def test_a_token_is_sent_as_the_sdk_does() -> None:
    headers: dict[str, str] = {}
    CosmosBearerTokenCredentialPolicy._update_headers(headers, "a.b-c_d")  # pyright: ignore
    from urllib.parse import unquote

    assert unquote(authorization("a.b-c_d")) == headers["authorization"]


def test_a_counter_counts_with_the_sdks_patches(store: CosmosStore, sdk: ContainerProxy) -> None:
    add(store, 5)
    sdk.patch_item("c", "c", [{"op": "incr", "path": "/total", "value": 2}])
    assert add(store, 3, 10) == 10
    with pytest.raises(LimitReached):
        add(store, 1, 10)


def together(work: Any) -> list[Any]:
    barrier = Barrier(THREADS)

    def one(number: int) -> Any:
        barrier.wait()
        return work(number)

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(one, range(THREADS)))


def test_twenty_turns_at_once_are_remembered_or_refused(store: CosmosStore) -> None:
    sessions = Sessions(store, WORLD._replace(now=lambda: NOON), history_turns=100, ttl_s=3600)
    session = sessions.open(None, "ada", Deadline(30))
    sessions.remember(session, None, Deadline(30), Notebook())

    def turn(number: int) -> str | None:
        opened = sessions.open(session.id, "ada", Deadline(30))
        try:
            sessions.remember(opened, Turn(f"t{number}", "a"), Deadline(30), Notebook())
        except SessionBusy:
            return None
        return f"t{number}"

    told = [name for name in together(turn) if name]
    kept = [turn.question for turn in sessions.open(session.id, "ada", Deadline(30)).turns]
    assert sorted(kept) == sorted(told)
    assert len(told) >= 12


def test_a_budget_holds_when_twenty_ask_at_once(store: CosmosStore, container: Cosmos, clock: Clock) -> None:
    world = World(clock, clock.sleep, WORLD.random, WORLD.token)
    budget = Budget(store, world, caller_limit=100, total_limit=200)

    def ask(number: int) -> bool:
        try:
            budget.charge(
                f"caller-{number % 4}", 30, lambda: said("fine", tokens=(25, 5)), Deadline(20), Notebook()
            )
        except BudgetExceeded:
            return False
        return True

    answered = sum(together(ask))
    totals = {name: item["total"] for name, item in container.items.items()}
    assert answered == 6, "each reserves and uses 30 of 200"
    assert totals["budget.2026-11-24.total"] == 180
    assert sum(total for name, total in totals.items() if not name.endswith("total")) == 180
    assert all(total <= 90 for name, total in totals.items() if not name.endswith("total"))
