"""Pub/Sub: Google's own client understands it; filters, redelivery, dead letters and their grants."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.pubsub_v1.services.publisher import PublisherClient
from google.pubsub_v1.services.publisher.transports import PublisherRestTransport
from google.pubsub_v1.services.subscriber import SubscriberClient
from google.pubsub_v1.services.subscriber.transports import SubscriberRestTransport
from google.pubsub_v1.types import PubsubMessage
from google_local import HERE, Local
from hypothesis import given
from hypothesis import strategies as st

from serverless_ai_local.gcp import types
from serverless_ai_local.gcp.project import PUBSUB_AGENT
from serverless_ai_local.gcp.services.attribute_filter import FilterError, compile_filter
from serverless_ai_local.gcp.services.messages import Queue
from serverless_ai_patterns.gcp.events import subscription_filter

TOPIC, WAITING = f"{HERE}/topics/things", f"{HERE}/subscriptions/waiting"
DEAD_TOPIC, DEAD = f"{HERE}/topics/dead", f"{HERE}/subscriptions/dead"
YES = base64.b64encode(b"yes").decode()


@pytest.fixture
def topic(local: Local) -> str:
    local.make(types.TOPIC, name="things")
    local.make(types.SUBSCRIPTION, name="waiting", topic=TOPIC)
    return TOPIC


def publish(local: Local, data: str = YES, token: str = "owner", **attributes: str) -> int:
    message = {"data": data, "attributes": attributes}
    return local.send("POST", f"/v1/{TOPIC}:publish", {"messages": [message]}, token).status


def pull(local: Local, subscription: str = WAITING, token: str = "owner") -> list[dict[str, Any]]:
    answer = local.send("POST", f"/v1/{subscription}:pull", {"maxMessages": 100}, token)
    assert answer.status == 200, answer
    return answer.body.get("receivedMessages", [])


def eventually(look: Callable[[], Any], within: float = 10.0) -> Any:
    end = time.monotonic() + within
    while not (found := look()):
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)
    return found


# -- the oracle ---------------------------------------------------------------------------------------
def rest(kind: Any, local: Local) -> Any:
    transport = kind(
        host=local.url.removeprefix("http://"), url_scheme="http", credentials=AnonymousCredentials()
    )
    transport._session.headers["authorization"] = "Bearer owner"
    return transport


def test_googles_clients_publish_pull_and_acknowledge(local: Local, topic: str) -> None:
    publisher = PublisherClient(transport=rest(PublisherRestTransport, local))
    subscriber = SubscriberClient(transport=rest(SubscriberRestTransport, local))
    messages = [
        PubsubMessage(data=b"\xff\x00one", attributes={"type": "x"}),
        PubsubMessage(attributes={"a": "b"}),
    ]
    ids = publisher.publish(topic=topic, messages=messages).message_ids
    assert len(set(ids)) == 2
    received = subscriber.pull(subscription=WAITING, max_messages=10).received_messages
    assert [one.message.message_id for one in received] == ids
    assert received[0].message.data == b"\xff\x00one"
    assert dict(received[0].message.attributes) == {"type": "x"}
    assert received[0].message.publish_time
    assert not subscriber.pull(subscription=WAITING, max_messages=10).received_messages, "they are leased"
    subscriber.acknowledge(subscription=WAITING, ack_ids=[received[0].ack_id])
    subscriber.modify_ack_deadline(subscription=WAITING, ack_ids=[received[1].ack_id], ack_deadline_seconds=0)
    again = subscriber.pull(subscription=WAITING, max_messages=10).received_messages
    assert [one.message.message_id for one in again] == [ids[1]]
    with pytest.raises(exceptions.NotFound):
        publisher.publish(topic=f"{topic}x", messages=messages)


@pytest.mark.parametrize(
    "message",
    [{}, {"data": ""}, {"data": "not base64!"}, {"data": YES, "attributes": {"a": 1}}, {"data": 7}, "x"],
    ids=str,
)
def test_a_bad_message_is_400_and_nothing_is_published(local: Local, topic: str, message: Any) -> None:
    body = {"messages": [{"data": YES}, message]}
    assert local.send("POST", f"/v1/{topic}:publish", body).status == 400
    assert pull(local) == []


# -- who may --------------------------------------------------------------------------------------------
def test_publishing_and_pulling_need_their_permissions(local: Local, topic: str) -> None:
    email = local.account("worker")
    token, member = local.access_token(email), f"serviceAccount:{email}"
    assert publish(local, token=token) == 403
    grant = local.make(types.TOPIC_MEMBER, topic="things", role="roles/pubsub.publisher", member=member)
    assert publish(local, token=token) == 200
    local.drop(grant)
    assert publish(local, token=token) == 403, "a grant counts until it is gone"
    assert local.send("POST", f"/v1/{WAITING}:pull", {"maxMessages": 1}, token).status == 403
    local.make(
        types.SUBSCRIPTION_MEMBER, subscription="waiting", role="roles/pubsub.subscriber", member=member
    )
    assert len(pull(local, token=token)) == 1
    other = local.send("POST", f"/v1/{HERE}/topics/other:publish", {"messages": []}, token)
    assert other.status == 403, "who may not publish does not learn what there is"


# -- filters ----------------------------------------------------------------------------------------------
def test_a_filter_holds_back_what_it_does_not_let_through(local: Local) -> None:
    local.make(types.TOPIC, name="things")
    local.make(types.SUBSCRIPTION, name="waiting", topic=TOPIC, filter='attributes.source = "shop"')
    for source in ("shop", "warehouse"):
        publish(local, source=source)
    assert [one["message"]["attributes"]["source"] for one in pull(local)] == ["shop"]


@pytest.mark.parametrize(
    ("text", "passes", "held"),
    [
        ('attributes.a = "x"', {"a": "x"}, {"a": "y"}),
        ('attributes.a != "x"', {}, {"a": "x"}),
        ("attributes:a", {"a": ""}, {"b": "a"}),
        ('hasPrefix(attributes.a, "x")', {"a": "xy"}, {"a": "yx"}),
        ('NOT attributes:a AND attributes.b = "1"', {"b": "1"}, {"a": "", "b": "1"}),
        ("(attributes:a OR attributes:b) AND -attributes:c", {"b": ""}, {"b": "", "c": ""}),
        ('attributes."a-b" = "say \\"x\\""', {"a-b": 'say "x"'}, {"a-b": "x"}),
    ],
)
def test_the_filter_language(text: str, passes: Mapping[str, str], held: Mapping[str, str]) -> None:
    accept = compile_filter(text)
    assert accept(passes)
    assert not accept(held)


@pytest.mark.parametrize(
    "text",
    ["a", 'data = "x"', "attributes", "attributes.a", "attributes.a = x", 'attributes.a > "x"',
     "(attributes:a", 'attributes:a AND attributes:b OR attributes:c', 'attributes:a attributes:b', '"x"',
     'attributes.a = "x" §',
     f'attributes.a = "{"x" * 300}"'],
)  # fmt: skip
def test_what_is_no_filter_is_refused_when_deployed(local: Local, text: str) -> None:
    with pytest.raises(FilterError):
        compile_filter(text)
    local.make(types.TOPIC, name="things")
    assert "filter" in local.refused(types.SUBSCRIPTION, name="bad", topic=TOPIC, filter=text)


@given(
    st.lists(
        st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=9),
        min_size=1,
        max_size=4,
    )
)
def test_every_filter_that_the_patterns_write_lets_exactly_its_sources_through(sources: list[str]) -> None:
    accept = compile_filter(subscription_filter({"source": sources}))
    assert all(accept({"source": source}) for source in sources)
    assert not accept({"source": "".join(sources) + "x"})
    assert not accept({})


# -- pushing ------------------------------------------------------------------------------------------------
@dataclass
class Endpoint:
    """Answers pushes with the statuses it is told, then 200."""

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    made = Endpoint()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            made.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            made.tokens.append(self.headers.get("Authorization", ""))
            self.send_response(made.statuses.pop(0) if made.statuses else 200)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield made
    server.shutdown()
    server.server_close()


def pushed(local: Local, endpoint: Endpoint, **more: Any) -> None:
    email = local.account("pusher")
    oidc = {"serviceAccountEmail": email, "audience": "https://fn.example"}
    push = {"pushEndpoint": f"{endpoint.url}/events", "oidcToken": oidc}
    local.make(types.TOPIC, name="things")
    local.make(types.SUBSCRIPTION, name="pushing", topic=TOPIC, pushConfig=push, **more)


def with_dead_letters(local: Local, endpoint: Endpoint) -> list[Mapping[str, Any]]:
    """Both grants of Pub/Sub's own account."""
    local.make(types.TOPIC, name="dead")
    local.make(types.SUBSCRIPTION, name="dead", topic=DEAD_TOPIC)
    policy = {"deadLetterTopic": DEAD_TOPIC, "maxDeliveryAttempts": 5}
    pushed(local, endpoint, deadLetterPolicy=policy)
    return grants(local)


def grants(local: Local) -> list[Mapping[str, Any]]:
    member = f"serviceAccount:{PUBSUB_AGENT}"
    return [
        local.make(types.TOPIC_MEMBER, topic="dead", role="roles/pubsub.publisher", member=member),
        local.make(
            types.SUBSCRIPTION_MEMBER, subscription="pushing", role="roles/pubsub.subscriber", member=member
        ),
    ]


def test_a_push_carries_the_message_and_a_token_of_its_account(local: Local, endpoint: Endpoint) -> None:
    import jwt

    pushed(local, endpoint)
    publish(local, source="shop")
    (body,) = eventually(lambda: endpoint.bodies)
    assert body["subscription"] == f"{HERE}/subscriptions/pushing"
    assert body["message"]["data"] == YES
    assert body["message"]["attributes"] == {"source": "shop"}
    assert body["message"]["messageId"] == body["message"]["message_id"]
    assert "deliveryAttempt" not in body, "nobody counts without a dead-letter topic"
    keys = jwt.PyJWKSet.from_dict(local.admin("GET", "gcp/jwks"))
    claims = jwt.decode(
        endpoint.tokens[0].removeprefix("Bearer "),
        keys.keys[0],
        algorithms=["RS256"],
        audience="https://fn.example",
        issuer="https://accounts.google.com",
    )
    assert claims["email"].startswith("pusher@")
    assert claims["email_verified"] is True
    assert claims["sub"].isdigit()


@pytest.mark.parametrize("status", [204, 201, 102])
def test_these_answers_acknowledge(local: Local, endpoint: Endpoint, status: int) -> None:
    endpoint.statuses = [status] if status != 102 else [204]
    pushed(local, endpoint)
    publish(local)
    eventually(lambda: endpoint.bodies)
    time.sleep(0.3)
    assert len(endpoint.bodies) == 1


@pytest.mark.parametrize("status", [301, 400, 403, 429, 500])
def test_other_answers_bring_the_same_message_again(local: Local, endpoint: Endpoint, status: int) -> None:
    endpoint.statuses = [status, status]
    pushed(local, endpoint)
    publish(local)
    eventually(lambda: len(endpoint.bodies) == 3)
    assert len({body["message"]["messageId"] for body in endpoint.bodies}) == 1


def test_a_message_can_be_made_to_come_twice(local: Local, endpoint: Endpoint) -> None:
    pushed(local, endpoint)
    local.admin("POST", "gcp/pubsub/duplicate", {"times": 1})
    publish(local)
    eventually(lambda: len(endpoint.bodies) == 2)
    assert len({body["message"]["messageId"] for body in endpoint.bodies}) == 1
    publish(local)
    eventually(lambda: len(endpoint.bodies) == 3)
    assert local.send("POST", "/_local/gcp/pubsub/duplicate", {"times": 0}).status == 400


def test_after_the_last_attempt_it_is_a_dead_letter_with_its_history(
    local: Local, endpoint: Endpoint
) -> None:
    with_dead_letters(local, endpoint)
    endpoint.statuses = [500] * 50
    publish(local, source="shop")
    (letter,) = eventually(lambda: pull(local, DEAD))
    assert [body["deliveryAttempt"] for body in endpoint.bodies] == [1, 2, 3, 4, 5]
    attributes = letter["message"]["attributes"]
    assert attributes["source"] == "shop"
    assert attributes["CloudPubSubDeadLetterSourceDeliveryCount"] == "5"
    assert attributes["CloudPubSubDeadLetterSourceSubscription"] == "pushing"
    time.sleep(0.2)
    assert len(endpoint.bodies) == 5


@pytest.mark.parametrize("missing", [0, 1], ids=["to publish there", "to take it off"])
def test_without_either_grant_it_is_delivered_again_and_the_log_says_why(
    local: Local, endpoint: Endpoint, missing: int, caplog: pytest.LogCaptureFixture
) -> None:
    local.drop(with_dead_letters(local, endpoint)[missing])
    endpoint.statuses = [500] * 50
    publish(local)
    eventually(lambda: len(endpoint.bodies) >= 6)
    assert pull(local, DEAD) == []
    assert "may not move it" in caplog.text
    grants(local)
    (letter,) = eventually(lambda: pull(local, DEAD))
    count = int(letter["message"]["attributes"]["CloudPubSubDeadLetterSourceDeliveryCount"])
    assert count >= 6


def test_a_deleted_subscription_takes_its_deliveries_along(local: Local, endpoint: Endpoint) -> None:
    pushed(local, endpoint)
    endpoint.statuses = [500] * 50
    publish(local)
    eventually(lambda: endpoint.bodies)
    (made,) = [
        one for one in local.admin("GET", "gcp/resources")["resources"] if one["id"].endswith("/pushing")
    ]
    local.drop(made)
    time.sleep(0.5)
    seen = len(endpoint.bodies)
    time.sleep(0.5)
    assert len(endpoint.bodies) == seen


# -- pulling ------------------------------------------------------------------------------------------------
def test_what_is_pulled_too_often_becomes_a_dead_letter(local: Local) -> None:
    local.make(types.TOPIC, name="things")
    local.make(types.TOPIC, name="dead")
    local.make(types.SUBSCRIPTION, name="dead", topic=DEAD_TOPIC)
    policy = {"deadLetterTopic": DEAD_TOPIC, "maxDeliveryAttempts": 5}
    local.make(types.SUBSCRIPTION, name="pushing", topic=TOPIC, deadLetterPolicy=policy)
    grants(local)
    publish(local)
    subscription = f"{HERE}/subscriptions/pushing"
    for attempt in range(1, 6):
        (one,) = pull(local, subscription)
        assert one["deliveryAttempt"] == attempt
        nack = {"ackIds": [one["ackId"]], "ackDeadlineSeconds": 0}
        local.send("POST", f"/v1/{subscription}:modifyAckDeadline", nack)
    assert pull(local, subscription) == []
    assert len(pull(local, DEAD)) == 1


def test_a_lease_ends_and_an_old_acknowledgement_does_nothing() -> None:
    from datetime import UTC, datetime

    from serverless_ai_local.gcp.services.messages import Message

    clock = [0.0]
    queue = Queue(lambda: clock[0])
    queue.put(Message(id="1", data="", attributes={}, published=datetime.now(UTC)))
    (first,) = queue.take(10, 10.0)
    late = first.ack_id
    clock[0] = 10.0
    (second,) = queue.take(10, 10.0)
    assert second.attempt == 2
    queue.acknowledge(late)
    clock[0] = 20.0
    (third,) = queue.take(10, 10.0)
    queue.acknowledge(third.ack_id)
    clock[0] = 99.0
    assert queue.take(10, 10.0) == []
