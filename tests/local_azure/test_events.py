"""The local Event Grid: who may send, what passes a filter, and where events end that cannot be delivered."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from world import eventually

from serverless_ai_local.azure.event_filters import check, matches
from serverless_ai_local.doors.pulumi.clouds import CloudError
from serverless_ai_patterns.azure import roles

AUDIENCE, STORAGE = "https://eventgrid.azure.net", "https://storage.azure.com"
SENDER = "d5a91429-5739-47e2-a06b-3470a27159e7"
BATCH = {"content-type": "application/cloudevents-batch+json"}
EVENT = {"specversion": "1.0", "id": "1", "source": "shop", "type": "OrderPlaced", "data": {"n": 1}}


@pytest.fixture(scope="module")
def account(subscription: Any) -> Any:
    made = subscription.make("storage:StorageAccount", kind="StorageV2")
    subscription.make("storage:BlobContainer", accountName=made.name, containerName="undelivered")
    return made


@pytest.fixture
def queue(subscription: Any, account: Any) -> Any:
    return subscription.make("storage:Queue", accountName=account.name)


@pytest.fixture
def topic(subscription: Any, account: Any, queue: Any) -> Any:
    made = subscription.make("eventgrid:Topic", identity={"type": "SystemAssigned"})
    identity = {"type": "SystemAssigned"}
    subscription.make(
        "eventgrid:TopicEventSubscription",
        topicName=made.name,
        filter={"includedEventTypes": ["OrderPlaced"]},
        deliveryWithResourceIdentity={
            "identity": identity,
            "destination": {
                "endpointType": "StorageQueue",
                "resourceId": account.id,
                "queueName": queue.name,
            },
        },
        deadLetterWithResourceIdentity={
            "identity": identity,
            "deadLetterDestination": {
                "endpointType": "StorageBlob",
                "resourceId": account.id,
                "blobContainerName": "undelivered",
            },
        },
        retryPolicy={"maxDeliveryAttempts": 2},
    )
    return made


def delivered(subscription: Any, call: Any, account: Any, queue: Any) -> str:
    url = account.outputs["primaryEndpoints"]["queue"] + queue.name
    return call("GET", f"{url}/messages?peekonly=true", subscription.token(STORAGE)).body["text"]


def test_events_of_a_sender_reach_the_queue(
    subscription: Any, call: Any, *, account: Any, queue: Any, topic: Any, principal: str
) -> None:
    subscription.grant(topic.outputs["identity"]["principalId"], roles.SEND_MESSAGES, queue)
    subscription.grant(principal, SENDER, topic)
    token = subscription.token(AUDIENCE, principal)
    other = EVENT | {"type": "OrderCancelled"}
    assert call("POST", topic.outputs["endpoint"], token, [other, EVENT], BATCH).status == 200
    text = delivered(subscription, call, account, queue)
    (message,) = text.split("<MessageText>")[1:]
    assert json.loads(base64.b64decode(message.partition("<")[0])) == EVENT


def test_nobody_else_may_send(subscription: Any, call: Any, topic: Any, principal: str) -> None:
    url = topic.outputs["endpoint"]
    assert call("POST", url, None, [EVENT], BATCH).status == 401
    assert call("POST", url, None, [EVENT], {**BATCH, "aeg-sas-key": "k"}).status == 401
    denied = call("POST", url, subscription.token(AUDIENCE, principal), [EVENT], BATCH)
    assert denied.status == 401
    assert "permission" in denied.body["error"]["message"]


@pytest.mark.parametrize(
    "change", [{"id": None}, {"source": ""}, {"type": 7}, {"specversion": "0.3"}], ids=str
)
def test_what_is_no_cloud_event_is_400(subscription: Any, call: Any, topic: Any, change: Any) -> None:
    reply = call("POST", topic.outputs["endpoint"], subscription.token(AUDIENCE), [EVENT | change], BATCH)
    assert reply.status == 400, reply


def test_an_event_that_cannot_be_delivered_is_kept_apart_with_its_reason(
    subscription: Any, call: Any, account: Any, topic: Any
) -> None:
    container = f"{account.outputs['primaryEndpoints']['blob']}undelivered"
    who = topic.outputs["identity"]["principalId"]
    # The topic may write blobs, but not send into the queue.
    made = subscription.make("storage:BlobContainer", accountName=account.name, containerName="undelivered")
    subscription.grant(who, roles.WRITE_BLOBS, made)
    call("POST", topic.outputs["endpoint"], subscription.token(AUDIENCE), [EVENT], BATCH)
    token = subscription.token(STORAGE)

    def listed() -> list[str]:
        text = call("GET", f"{container}?restype=container&comp=list", token).body["text"]
        names = [part.partition("<")[0] for part in text.split("<Name>")[1:]]
        return [one for one in names if one.startswith(topic.name.upper())]

    (name,) = eventually(listed, what="the undelivered event")
    (letter,) = json.loads(call("GET", f"{container}/{name}", token).body["text"])
    assert letter["data"] == {"n": 1}
    assert letter["deadletterreason"] == "MaxDeliveryAttemptsExceeded"
    assert letter["deliveryattempts"] == 2


def test_a_filter_that_nothing_would_act_on_is_refused_at_once(subscription: Any, topic: Any) -> None:
    with pytest.raises(CloudError, match="enableAdvancedFilteringOnArrays"):
        subscription.make(
            "eventgrid:TopicEventSubscription",
            topicName=topic.name,
            filter={"enableAdvancedFilteringOnArrays": True},
        )
    with pytest.raises(CloudError, match="NumberGreaterThan"):
        subscription.make(
            "eventgrid:TopicEventSubscription",
            topicName=topic.name,
            filter={"advancedFilters": [{"operatorType": "NumberGreaterThan", "key": "data.n", "value": 1}]},
        )


@pytest.mark.parametrize(
    ("operator", "condition", "passes", "fails"),
    [
        ("StringIn", {"values": ["Shop", "bar"]}, ["shop", "SHOP", "bar"], ["shops", "", 7, None, {}]),
        ("StringBeginsWith", {"values": ["sh"]}, ["shop", "SH"], ["xsh", 1]),
        ("StringEndsWith", {"values": ["op"]}, ["shop"], ["opx", True]),
        ("NumberIn", {"values": [1, 2.5]}, [1, 2.5, 1.0], ["1", True, 3]),
        ("NumberLessThanOrEquals", {"value": 2}, [1, 2, 2.0], [2.1, "1", True]),
        ("BoolEquals", {"value": True}, [True], [False, 1, "true"]),
    ],
)
def test_each_operator(operator: str, condition: dict[str, Any], passes: list[Any], fails: list[Any]) -> None:
    wanted = {"advancedFilters": [{"operatorType": operator, "key": "data.x", **condition}]}
    check(wanted)
    for value in passes:
        assert matches(wanted, EVENT | {"data": {"X": value}}), value
    for value in fails:
        assert not matches(wanted, EVENT | {"data": {"x": value}}), value
    assert not matches(wanted, EVENT | {"data": "x"})


@given(st.text(), st.lists(st.text(), max_size=3))
def test_types_are_compared_whole_and_without_case(kind: str, types: list[str]) -> None:
    expected = not types or kind.lower() in [one.lower() for one in types]
    assert matches({"includedEventTypes": types}, EVENT | {"type": kind}) == expected
