"""What a retry makes of a call of DynamoDB whose first attempt had arrived."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from loopback import Loopback, loopback, raw, reply
from memory_ports import Clock

from serverless_ai_runtime.adapters.aws.dynamodb import KEY, DynamoDbStore
from serverless_ai_runtime.adapters.aws.service import Aws, Service
from serverless_ai_runtime.config import AwsConfig
from serverless_ai_runtime.core.ports import Deadline, Unavailable, VersionConflict
from serverless_ai_runtime.http import HttpClient

NEVER = 0
KEYS = AwsConfig("us-east-1", "AKID", "secret", "")


@pytest.fixture
def server() -> Iterator[Loopback]:
    with loopback() as running:
        yield running


@pytest.fixture
def store(server: Loopback) -> DynamoDbStore:
    world = Clock().world()._replace(token=lambda: "mine")
    service = Service(Aws(HttpClient(world), world, lambda: KEYS), "DynamoDB", server.url, "dynamodb")
    return DynamoDbStore(service, "chat")


def failed(version: str) -> dict[str, Any]:
    item = {KEY: {"S": "k"}, "version": {"S": version}}
    return {"__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException", "Item": item}


def put(store: DynamoDbStore) -> str:
    return store.put("k", {}, expect="old", expires_at=NEVER, deadline=Deadline(5))


def test_a_put_that_had_arrived_is_not_a_conflict(server: Loopback, store: DynamoDbStore) -> None:
    server.answer(raw(b""), reply(400, failed("mine")))
    assert put(store) == "mine"
    first, second = server.requests
    assert first.body == second.body


def test_a_put_that_lost_is_one(server: Loopback, store: DynamoDbStore) -> None:
    server.answer(raw(b""), reply(400, failed("theirs")))
    with pytest.raises(VersionConflict):
        put(store)


def test_a_reservation_is_rather_made_twice(server: Loopback, store: DynamoDbStore) -> None:
    server.answer(raw(b""), reply(body={"Attributes": {"count": {"N": "10"}}}))
    assert store.add("c", 5, limit=None, expires_at=NEVER, deadline=Deadline(5)) == 10
    assert len(server.requests) == 2


def test_a_release_is_rather_left_out(server: Loopback, store: DynamoDbStore) -> None:
    server.answer(raw(b""))
    with pytest.raises(Unavailable):
        store.add("c", -5, limit=None, expires_at=NEVER, deadline=Deadline(5))
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "item", [{"value": {"S": "{"}, "version": {"S": "1"}}, {"value": {"S": "{}"}}, {"other": {"N": "1"}}]
)
def test_an_item_of_somebody_else_is_an_error(
    server: Loopback, store: DynamoDbStore, item: dict[str, Any]
) -> None:
    server.answer(reply(body={"Item": {KEY: {"S": "k"}, **item}}))
    with pytest.raises(Unavailable, match="not a record of ours"):
        store.get("k", Deadline(5))
