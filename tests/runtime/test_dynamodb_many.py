"""Many records of DynamoDB at once: what a call leaves out comes with another one, in the end none."""

from __future__ import annotations

import json
from typing import Any

import pytest
from loopback import Loopback, reply
from memory_ports import Clock

from serverless_ai_runtime.adapters.aws.dynamodb import MOST_READ, DynamoDbStore
from serverless_ai_runtime.adapters.aws.service import Aws, Service
from serverless_ai_runtime.config import AwsConfig
from serverless_ai_runtime.core.ports import Deadline, Throttled, Unavailable
from serverless_ai_runtime.http import HttpClient

TABLE = "records"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(server: Loopback, clock: Clock) -> DynamoDbStore:
    world = clock.world()
    aws = Aws(HttpClient(world), world, lambda: AwsConfig("us-east-1", "AKID", "secret", "token"))
    return DynamoDbStore(Service(aws, "DynamoDB", server.url, "dynamodb"), TABLE)


def answer(*keys: str, left: tuple[str, ...] = ()) -> Any:
    items = [
        {"pk": {"S": key}, "value": {"S": json.dumps({"is": key})}, "version": {"S": "1"}} for key in keys
    ]
    missed = {TABLE: {"Keys": [{"pk": {"S": key}} for key in left], "ConsistentRead": True}} if left else {}
    return reply(body={"Responses": {TABLE: items}, "UnprocessedKeys": missed})


def asked(server: Loopback) -> list[list[str]]:
    return [[key["pk"]["S"] for key in one.json()["RequestItems"][TABLE]["Keys"]] for one in server.requests]


def test_they_are_read_consistently_and_each_is_asked_for_once(
    server: Loopback, store: DynamoDbStore
) -> None:
    server.answer(answer("b"))
    found = store.get_many(["a", "b", "a"], Deadline(5))
    assert {key: one.value for key, one in found.items()} == {"b": {"is": "b"}}
    assert asked(server) == [["a", "b"]]
    (sent,) = server.requests
    assert sent.headers["x-amz-target"].endswith(".BatchGetItem")
    assert sent.json()["RequestItems"][TABLE]["ConsistentRead"] is True


def test_no_call_asks_for_more_than_the_service_takes(server: Loopback, store: DynamoDbStore) -> None:
    keys = [f"k{number:03}" for number in range(MOST_READ + 1)]
    server.answer(answer(*keys[:MOST_READ]), answer(keys[MOST_READ]))
    assert list(store.get_many(keys, Deadline(5))) == keys
    assert [len(one) for one in asked(server)] == [100, 1]


def test_what_a_call_leaves_out_comes_with_the_next_one(
    server: Loopback, store: DynamoDbStore, clock: Clock
) -> None:
    server.answer(answer("a", left=("b", "c")), answer("b", left=("c",)), answer("c"))
    assert sorted(store.get_many(["a", "b", "c"], Deadline(5))) == ["a", "b", "c"]
    assert asked(server) == [["a", "b", "c"], ["b", "c"], ["c"]]
    assert clock.slept == []


def test_who_gets_nothing_waits_and_gives_up_with_the_time(
    server: Loopback, store: DynamoDbStore, clock: Clock
) -> None:
    server.answer(*[answer(left=("a", "b"))] * 50)
    with pytest.raises(Throttled, match="2 items were not read"):
        store.get_many(["a", "b"], clock.deadline(3))
    assert clock.slept
    assert sum(clock.slept) < 3


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"Responses": []},
        {"Responses": {TABLE: [{"pk": {"S": "a"}}]}},
        {"Responses": {TABLE: [{"value": {"S": "{}"}, "version": {"S": "1"}}]}},
        {"Responses": {TABLE: [{"pk": {"S": "a"}, "value": {"S": "{"}, "version": {"S": "1"}}]}},
        {"Responses": {}, "UnprocessedKeys": {"another": {"Keys": []}}},
        {"Responses": {}, "UnprocessedKeys": {TABLE: {"Keys": [{"x": 1}]}}},
    ],
)
def test_what_makes_no_sense_is_an_error_and_no_absence(
    server: Loopback, store: DynamoDbStore, body: Any
) -> None:
    server.answer(reply(body=body))
    with pytest.raises(Unavailable, match="MalformedResponse"):
        store.get_many(["a"], Deadline(5))
