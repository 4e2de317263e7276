"""The contract of `KeyValueStore`, kept in memory and by the stores of three clouds, races included."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, TypeVar

import boto3
import pytest
from azure_fakes import Cosmos, cosmos, cosmos_store
from google_calls import firestore_store
from google_fakes import Google, google_cloud
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from memory_ports import NOON, Clock, MemoryStore, Notebook, said

from serverless_ai_runtime.adapters.aws.dynamodb import EXPIRES, KEY, DynamoDbStore
from serverless_ai_runtime.adapters.aws.service import Aws, Service
from serverless_ai_runtime.config import AwsConfig
from serverless_ai_runtime.core.budget import Budget, BudgetExceeded
from serverless_ai_runtime.core.context import Turn
from serverless_ai_runtime.core.ports import (
    BatchStore,
    Deadline,
    LimitReached,
    Refused,
    VersionConflict,
    World,
)
from serverless_ai_runtime.core.sessions import SessionBusy, Sessions
from serverless_ai_runtime.http import HttpClient
from serverless_ai_runtime.wiring import WORLD

KEYS = AwsConfig("us-east-1", "AKID", "secret", "")
NEVER = 0
TABLE = "chat"
THREADS = 20
_T = TypeVar("_T")


class Kit(NamedTuple):
    store: BatchStore
    clock: Clock
    prefix: str
    """Keys begin with it, because the table is shared by all tests."""

    def get(self, key: str = "k") -> dict[str, Any] | None:
        record = self.store.get(self.prefix + key, Deadline(20))
        return record.value if record else None

    def put(
        self, value: object, expect: str | None = None, *, expires_at: int = NEVER, key: str = "k"
    ) -> str:
        return self.store.put(
            self.prefix + key, {"v": value}, expect=expect, expires_at=expires_at, deadline=Deadline(20)
        )

    def add(self, amount: int, limit: int | None = None, key: str = "c") -> int:
        expires_at = int(self.clock.now) + 86_400
        return self.store.add(
            self.prefix + key, amount, limit=limit, expires_at=expires_at, deadline=Deadline(20)
        )


def dynamodb(url: str, clock: Clock, tokens: Callable[[], str] = WORLD.token) -> DynamoDbStore:
    world = World(clock, clock.sleep, WORLD.random, tokens)
    service = Service(Aws(HttpClient(world), world, lambda: KEYS), "DynamoDB", url, "dynamodb")
    return DynamoDbStore(service, TABLE)


@pytest.fixture(scope="module")
def table(moto_url: str) -> Iterator[Any]:
    """A table as the pattern makes it, as boto3 sees it."""
    table = boto3.resource(
        "dynamodb",
        endpoint_url=moto_url,
        region_name=KEYS.region,
        aws_access_key_id=KEYS.access_key_id,
        aws_secret_access_key=KEYS.secret_access_key,
    ).create_table(
        TableName=TABLE,
        KeySchema=[{"AttributeName": KEY, "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": KEY, "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    yield table
    table.delete()


@pytest.fixture
def url(moto_url: str, table: Any) -> str:
    return moto_url


@pytest.fixture(scope="module")
def container() -> Iterator[Cosmos]:
    with cosmos(lambda: NOON) as running:
        yield running


@pytest.fixture(scope="module")
def google() -> Iterator[Google]:
    with google_cloud() as running:
        yield running


@pytest.fixture(params=["memory", "dynamodb", "cosmos", "firestore"])
def kit(request: pytest.FixtureRequest) -> Kit:
    clock = Clock()
    if request.param == "memory":
        return Kit(MemoryStore(clock), clock, "")
    if request.param == "cosmos":
        container: Cosmos = request.getfixturevalue("container")
        container.now = clock
        return Kit(cosmos_store(container.url, clock), clock, WORLD.token() + ".")
    if request.param == "firestore":
        google: Google = request.getfixturevalue("google")
        google.now = clock
        return Kit(firestore_store(google.url, clock), clock, WORLD.token() + ".")
    return Kit(dynamodb(request.getfixturevalue("url"), clock), clock, WORLD.token() + ".")


def together(threads: int, work: Callable[[int], _T]) -> list[_T]:
    barrier = threading.Barrier(threads)

    def one(number: int) -> _T:
        barrier.wait()
        return work(number)

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(one, range(threads)))


def test_what_is_absent_is_none(kit: Kit) -> None:
    assert kit.get() is None


def test_a_record_comes_back_with_its_version(kit: Kit) -> None:
    version = kit.put(1)
    record = kit.store.get(kit.prefix + "k", Deadline(5))
    assert record is not None
    assert (record.value, record.version) == ({"v": 1}, version)


def test_many_records_are_read_at_once_as_each_would_be(kit: Kit) -> None:
    names = [f"k{number}" for number in range(230)]
    for name in names[::2]:
        kit.put(name, key=name)
    kit.put("gone", key="late", expires_at=int(kit.clock.now) + 5)
    kit.clock.now += 6
    keys = [kit.prefix + name for name in (*names, "late", names[0])]
    found = kit.store.get_many(keys, Deadline(60))
    assert found == {
        key: record for key in keys for record in [kit.store.get(key, Deadline(20))] if record is not None
    }
    assert len(found) == 115
    assert kit.store.get_many([], Deadline(5)) == {}


def test_a_write_needs_the_current_version_and_changes_it(kit: Kit) -> None:
    first = kit.put(1)
    second = kit.put(2, first)
    assert second != first
    for stale in (first, None, "unknown"):
        with pytest.raises(VersionConflict):
            kit.put(3, stale)
    assert kit.get() == {"v": 2}


def test_a_version_without_a_record_is_a_conflict(kit: Kit) -> None:
    with pytest.raises(VersionConflict):
        kit.put(1, "unknown")
    assert kit.get() is None


def test_an_expired_record_is_absent_to_readers_and_writers(kit: Kit) -> None:
    version = kit.put(1, expires_at=int(NOON) + 10)
    kit.clock.now += 9
    assert kit.get() == {"v": 1}
    with pytest.raises(VersionConflict):
        kit.put(2)
    kit.clock.now += 1
    assert kit.get() is None
    with pytest.raises(VersionConflict):
        kit.put(2, version)
    reborn = kit.put(2, expires_at=int(NOON) + 100)
    assert kit.get() == {"v": 2}
    assert reborn != version, "a writer from the first life must not be taken for one of the second"


def test_a_record_without_expiry_stays(kit: Kit) -> None:
    version = kit.put(1)
    kit.clock.now += 10**9
    assert kit.get() == {"v": 1}
    kit.put(2, version)


def test_a_counter_adds_and_takes_away(kit: Kit) -> None:
    assert [kit.add(5), kit.add(7, 20), kit.add(-4)] == [5, 12, 8]


def test_a_counter_never_passes_its_limit(kit: Kit) -> None:
    assert kit.add(10, 10) == 10
    for amount in (1, 11):
        with pytest.raises(LimitReached):
            kit.add(amount, 10)
    assert kit.add(0, 10) == 10
    with pytest.raises(LimitReached):
        kit.add(11, 10, key="other")
    assert kit.add(10, 10, key="other") == 10


def test_of_concurrent_writers_one_wins(kit: Kit) -> None:
    version = kit.put("old")

    def write(number: int) -> bool:
        try:
            kit.put(number, version)
        except VersionConflict:
            return False
        return True

    assert sum(together(THREADS, write)) == 1


def test_of_concurrent_creators_one_wins(kit: Kit) -> None:
    def create(number: int) -> bool:
        try:
            kit.put(number)
        except VersionConflict:
            return False
        return True

    assert sum(together(THREADS, create)) == 1


def test_concurrent_additions_are_all_counted_up_to_the_limit(kit: Kit) -> None:
    def add(_: int) -> int:
        try:
            kit.add(3, 30)
        except LimitReached:
            return 0
        return 3

    assert sum(together(THREADS, add)) == 30
    assert kit.add(0) == 30


def test_concurrent_turns_of_a_session_survive_or_are_told(kit: Kit) -> None:
    world = WORLD._replace(token=lambda: kit.prefix + "s")
    sessions = Sessions(kit.store, world, history_turns=100, ttl_s=10**9)
    session = sessions.open(None, "ada", Deadline(20))
    sessions.remember(session, None, Deadline(20), Notebook())

    def turn(number: int) -> str | None:
        opened = sessions.open(session.id, "ada", Deadline(20))
        try:
            sessions.remember(opened, Turn(f"t{number}", "a"), Deadline(20), Notebook())
        except SessionBusy:
            return None
        return f"t{number}"

    told = [name for name in together(8, turn) if name]
    kept = [turn.question for turn in sessions.open(session.id, "ada", Deadline(20)).turns]
    assert sorted(kept) == sorted(told)
    assert len(told) == 8


def test_a_budget_holds_under_concurrency(kit: Kit) -> None:
    world = World(kit.clock, kit.clock.sleep, WORLD.random, WORLD.token)
    caller = kit.prefix + "ada"
    budget = Budget(kit.store, world, caller_limit=100, total_limit=0)

    def ask(_: int) -> bool:
        try:
            budget.charge(caller, 30, lambda: said("fine", tokens=(10, 0)), Deadline(20), Notebook())
        except BudgetExceeded:
            return False
        return True

    answered = sum(together(THREADS, ask))
    assert 3 <= answered <= 10, "each reserves 30 and uses 10"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(VALUES)
def test_any_value_comes_back_as_it_was(kit: Kit, value: object) -> None:
    key = WORLD.token()
    kit.put(value, key=key)
    assert kit.get(key) == {"v": value}


class TestDynamoDb:
    def test_an_item_is_what_boto3_sees(self, table: Any, url: str) -> None:
        store = dynamodb(url, Clock())
        version = store.put("seen", {"a": "ü"}, expect=None, expires_at=2_000_000_000, deadline=Deadline(5))
        item = table.get_item(Key={KEY: "seen"})["Item"]
        assert item == {KEY: "seen", "value": '{"a":"ü"}', "version": version, EXPIRES: 2_000_000_000}

    def test_a_counter_expires_as_the_table_wants_it(self, table: Any, url: str) -> None:
        dynamodb(url, Clock()).add("counted", 5, limit=9, expires_at=2_000_000_000, deadline=Deadline(5))
        assert table.get_item(Key={KEY: "counted"})["Item"] == {
            KEY: "counted",
            "count": 5,
            EXPIRES: 2_000_000_000,
        }

    def test_a_missing_table_is_refused_by_its_name(self, url: str) -> None:
        store = DynamoDbStore(dynamodb(url, Clock())._service, "missing")  # pyright: ignore
        with pytest.raises(Refused, match="ResourceNotFoundException"):
            store.get("k", Deadline(5))

    def test_a_record_of_the_largest_size_fits(self, url: str) -> None:
        value = {"v": "漢" * 116_000}
        store = dynamodb(url, Clock())
        store.put("large", value, expect=None, expires_at=NEVER, deadline=Deadline(5))
        record = store.get("large", Deadline(5))
        assert record is not None
        assert record.value == value
