"""Our Publish against google-cloud-pubsub's, over its REST transport: the same request, the same messages."""

from __future__ import annotations

import json
import warnings
from typing import Any

import pytest
from google_calls import cloud
from google_fakes import RESULTS, Google
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from memory_ports import Clock

from serverless_ai_runtime.adapters.gcp.identity import SCOPE
from serverless_ai_runtime.adapters.gcp.pubsub import PubSubPublisher
from serverless_ai_runtime.adapters.service import Service
from serverless_ai_runtime.core.ports import Deadline, Refused

with warnings.catch_warnings():  # Google's advice to upgrade Python is not a test's business
    warnings.simplefilter("ignore", FutureWarning)
    from google.api_core import exceptions
    from google.pubsub_v1.services.publisher import PublisherClient
    from google.pubsub_v1.services.publisher.transports.rest import PublisherRestTransport


@pytest.fixture(scope="module")
def sdk(google: Google, credentials: Any) -> PublisherClient:
    transport = PublisherRestTransport(host=google.url, credentials=credentials, url_scheme="http")
    return PublisherClient(transport=transport)


def publisher(google: Google, topic: str = RESULTS) -> PubSubPublisher:
    service = Service(cloud(Clock().world(), "sdk-token"), "PubSub", google.url, SCOPE)
    return PubSubPublisher(service, topic)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.text(), st.text() | st.integers() | st.none(), max_size=4))
def test_any_message_is_published_as_theirs(
    google: Google, sdk: PublisherClient, body: dict[str, Any]
) -> None:
    publisher(google).publish(body, Deadline(5))
    sdk.publish(topic=RESULTS, messages=[{"data": json.dumps(body).encode()}])
    ours, theirs = google.calls[-2:]
    assert (ours.method, ours.path) == (theirs.method, theirs.path.partition("?")[0])
    assert ours.json() == theirs.json()
    assert ours.headers["authorization"] == theirs.headers["authorization"]
    assert google.messages(RESULTS)[-2:] == [body, body]


def test_a_missing_topic_is_refused_as_by_them(google: Google, sdk: PublisherClient) -> None:
    missing = RESULTS + "-missing"
    with pytest.raises(exceptions.NotFound) as theirs:
        sdk.publish(topic=missing, messages=[{"data": b"{}"}])
    with pytest.raises(Refused, match="NOT_FOUND") as ours:
        publisher(google, missing).publish({}, Deadline(5))
    assert (ours.value.status, ours.value.message) == (404, str(theirs.value.message).rpartition(": ")[2])
