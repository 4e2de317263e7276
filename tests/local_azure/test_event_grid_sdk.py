"""The local Event Grid through Microsoft's SDK: what it sends arrives, and it knows our refusals."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import pytest
from azure.core.credentials import AccessToken, AzureKeyCredential
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError
from azure.core.messaging import CloudEvent
from azure.eventgrid import EventGridPublisherClient
from world import eventually

from serverless_ai_patterns.azure import roles

AUDIENCE, STORAGE = "https://eventgrid.azure.net", "https://storage.azure.com"
SENDER = "d5a91429-5739-47e2-a06b-3470a27159e7"
LIMIT = 1024 * 1024


class Token:
    """A credential as the SDK knows it; remembers what it was asked for."""

    def __init__(self, token: str) -> None:
        self._token = token
        self.scopes: list[str] = []

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        self.scopes += scopes
        return AccessToken(self._token, int(time.time()) + 600)


@pytest.fixture(scope="module")
def account(subscription: Any) -> Any:
    return subscription.make("storage:StorageAccount", kind="StorageV2")


@pytest.fixture
def queue(subscription: Any, account: Any) -> Any:
    return subscription.make("storage:Queue", accountName=account.name)


@pytest.fixture
def topic(subscription: Any, account: Any, queue: Any) -> Any:
    """Delivers everything to the queue."""
    made = subscription.make("eventgrid:Topic", identity={"type": "SystemAssigned"})
    destination = {"endpointType": "StorageQueue", "resourceId": account.id, "queueName": queue.name}
    subscription.make(
        "eventgrid:TopicEventSubscription",
        topicName=made.name,
        deliveryWithResourceIdentity={
            "identity": {"type": "SystemAssigned"},
            "destination": destination,
        },
    )
    subscription.grant(made.outputs["identity"]["principalId"], roles.SEND_MESSAGES, queue)
    return made


def client(topic: Any, credential: Any) -> EventGridPublisherClient:
    return EventGridPublisherClient(topic.outputs["endpoint"], credential, retry_total=0)


def received(subscription: Any, call: Any, account: Any, queue: Any) -> list[dict[str, Any]]:
    url = (
        f"{account.outputs['primaryEndpoints']['queue']}{queue.name}/messages?peekonly=true&numofmessages=32"
    )
    text = call("GET", url, subscription.token(STORAGE)).body["text"]
    bodies = [one.partition("<")[0] for one in text.split("<MessageText>")[1:]]
    return [json.loads(base64.b64decode(body)) for body in bodies]


def test_events_that_the_sdk_sends_arrive_whole(
    subscription: Any, call: Any, *, account: Any, queue: Any, topic: Any, principal: str
) -> None:
    subscription.grant(principal, SENDER, topic)
    credential = Token(subscription.token(AUDIENCE, principal))
    events = [
        CloudEvent(source="shop", type="OrderPlaced", data={"chairs": 7, "name": "Grüße 🎈"}),
        CloudEvent(
            source="shop", type="OrderPlaced", data="plain", subject="an order", extensions={"kind": "x"}
        ),
    ]
    client(topic, credential).send(events, enforce_https=False)
    found = eventually(
        lambda: (got := received(subscription, call, account, queue)) and len(got) == 2 and got,
        what="both events",
    )
    by_id = {one["id"]: CloudEvent.from_dict(one) for one in found}
    for event in events:
        there = by_id[event.id]
        assert (there.source, there.type, there.data, there.subject, there.extensions) == (
            *(event.source, event.type, event.data, event.subject, event.extensions),
        )
    assert {scope.removesuffix("/.default") for scope in credential.scopes} == {AUDIENCE}


def test_without_the_role_or_with_a_key_the_sdk_raises_its_own_error(
    subscription: Any, topic: Any, principal: str
) -> None:
    event = CloudEvent(source="shop", type="OrderPlaced", data={})
    stranger = client(topic, Token(subscription.token(AUDIENCE, principal)))
    with pytest.raises(ClientAuthenticationError, match="does not have permission to send data"):
        stranger.send(event, enforce_https=False)
    with pytest.raises(ClientAuthenticationError, match="Local authentication is disabled"):
        client(topic, AzureKeyCredential("key")).send(event)
    elsewhere = client(topic, Token(subscription.token(STORAGE)))
    with pytest.raises(ClientAuthenticationError):
        elsewhere.send(event, enforce_https=False)


@pytest.mark.parametrize(("size", "taken"), [(LIMIT - 2_000, True), (LIMIT + 1, False)])
def test_events_are_taken_up_to_a_mebibyte(subscription: Any, topic: Any, *, size: int, taken: bool) -> None:
    sender = client(topic, Token(subscription.token(AUDIENCE)))
    event = CloudEvent(source="shop", type="OrderPlaced", data="x" * size)
    if taken:
        sender.send(event, enforce_https=False)
    else:
        with pytest.raises(HttpResponseError) as refused:
            sender.send(event, enforce_https=False)
        assert refused.value.status_code == 413
