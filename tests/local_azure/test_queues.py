"""The local Queue Storage through Microsoft's SDK, its visibility, and its roles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.storage.queue import QueueClient
from storage_sdk import AUDIENCE, Authorise

from serverless_ai_local.azure.queues import GoneError, Queues
from serverless_ai_patterns.azure import roles

Sdk = Callable[[str], QueueClient]


@pytest.fixture(scope="module")
def account(subscription: Any) -> Any:
    return subscription.make("storage:StorageAccount", kind="StorageV2")


@pytest.fixture
def queue(subscription: Any, account: Any) -> Any:
    return subscription.make("storage:Queue", accountName=account.name)


@pytest.fixture
def sdk(subscription: Any, account: Any, queue: Any) -> Sdk:
    def client(principal: str) -> QueueClient:
        token = subscription.token(AUDIENCE, principal)
        url = account.outputs["primaryEndpoints"]["queue"].rstrip("/")
        key = {"account_name": account.name, "account_key": "a2V5"}
        return QueueClient(url, queue.name, key, transport=Authorise(token), retry_total=0)

    return client


def test_the_sdk_sends_receives_hides_and_deletes(
    subscription: Any, queue: Any, principal: str, sdk: Sdk
) -> None:
    subscription.grant(principal, roles.USE_QUEUE, queue)
    client = sdk(principal)
    sent = client.send_message("one & <two>")
    (peeked,) = client.peek_messages()
    assert (peeked.content, peeked.dequeue_count) == ("one & <two>", 0)
    message = client.receive_message(visibility_timeout=60)
    assert message is not None
    assert (message.id, message.content, message.dequeue_count) == (sent.id, "one & <two>", 1)
    assert client.receive_message() is None, "it is hidden"
    shown = client.update_message(message, visibility_timeout=0, content="changed")
    again = client.receive_message(visibility_timeout=60)
    assert again is not None
    assert (again.content, again.dequeue_count) == ("changed", 2)
    with pytest.raises(HttpResponseError) as error:
        client.delete_message(shown.id, "an old receipt")
    assert error.value.error_code == "PopReceiptMismatch"
    with pytest.raises(ResourceNotFoundError):
        client.delete_message("another message", "a receipt")
    client.delete_message(again)
    assert client.get_queue_properties().approximate_message_count == 0


def test_a_sender_may_send_and_nothing_else(subscription: Any, queue: Any, principal: str, sdk: Sdk) -> None:
    subscription.grant(principal, roles.SEND_MESSAGES, queue)
    client = sdk(principal)
    client.send_message("in")
    for refused in (client.receive_message, client.peek_messages, client.clear_messages):
        with pytest.raises(HttpResponseError) as error:
            refused()
        assert error.value.error_code == "AuthorizationPermissionMismatch"


def test_a_role_on_the_account_counts_for_its_queues(
    subscription: Any, account: Any, principal: str, sdk: Sdk
) -> None:
    client = sdk(principal)
    with pytest.raises(HttpResponseError, match="not authorized"):
        client.send_message("x")
    subscription.grant(principal, roles.USE_QUEUE, account)
    client.send_message("x")


def test_a_queue_that_is_gone_has_no_messages_left(subscription: Any, account: Any, call: Any) -> None:
    token, url = subscription.token(AUDIENCE), account.outputs["primaryEndpoints"]["queue"]
    made = subscription.make("storage:Queue", accountName=account.name, queueName="brief")
    body = b"<QueueMessage><MessageText>x</MessageText></QueueMessage>"
    assert call("POST", f"{url}brief/messages", token, body).status == 201
    subscription.remove(made)
    assert call("GET", f"{url}brief/messages", token).status == 404
    subscription.make("storage:Queue", accountName=account.name, queueName="brief")
    assert "<QueueMessage>" not in call("GET", f"{url}brief/messages", token).body["text"]


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"", 400), (b"<a", 400), (b"<x/>", 400), (b"<QueueMessage/>", 400),
     (b"<QueueMessage><MessageText>" + b"x" * 70_000 + b"</MessageText></QueueMessage>", 413)],
    ids=["empty", "broken", "other", "no text", "too long"],
)  # fmt: skip
def test_broken_messages_are_refused(
    subscription: Any, account: Any, queue: Any, call: Any, *, body: bytes, status: int
) -> None:
    url = account.outputs["primaryEndpoints"]["queue"] + queue.name
    token = subscription.token(AUDIENCE)
    assert call("POST", f"{url}/messages", token, body).status == status
    assert call("GET", f"{url}/messages?numofmessages=33", token).status == 400
    assert call("GET", f"{url}/messages?visibilitytimeout=x", token).status == 400
    assert call("PUT", f"{url}?comp=acl", token).status == 501


def test_times_of_messages_are_kept() -> None:
    now = [0.0]
    queues = Queues(lambda: now[0])
    queues.put("q", "late", hidden_s=5)
    queues.put("q", "brief", ttl_s=3)
    assert [one.text for one in queues.get("q", 10, 2)] == ["brief"]
    now[0] = 3.0
    assert queues.get("q", 10, 2) == []
    now[0] = 5.0
    (late,) = queues.get("q", 10, 10)
    now[0] = 15.0
    (again,) = queues.get("q", 10, 10)
    assert (late.dequeues, again.dequeues) == (1, 2)
    with pytest.raises(GoneError):
        queues.delete("q", late.id, late.receipt)
    queues.delete("q", again.id, again.receipt)
    assert queues.count("q") == 0
