"""Completion events as Event Grid takes them."""

from __future__ import annotations

import pytest
from azure_fakes import azure
from loopback import Loopback, reply
from memory_ports import Clock

from serverless_ai_runtime.adapters.azure.topics import RESOURCE, TopicPublisher
from serverless_ai_runtime.adapters.service import Service
from serverless_ai_runtime.core.ports import Deadline, Refused

BODY = {"id": "token", "status": "done", "item": {"id": "uploads/ä.txt"}}


def publisher(server: Loopback) -> TopicPublisher:
    url = server.url + "/api/events"
    return TopicPublisher(Service(azure(Clock().world()), "EventGrid", url, RESOURCE), "https://docs")


def test_a_completion_is_one_cloud_event_with_its_own_id(server: Loopback) -> None:
    server.answer(reply(200, b""))
    publisher(server).publish(BODY, Deadline(5))
    (sent,) = server.requests
    assert (sent.method, sent.target) == ("POST", "/api/events?api-version=2018-01-01")
    assert sent.headers["content-type"].startswith("application/cloudevents-batch+json")
    assert sent.json() == [
        {
            "specversion": "1.0",
            "id": "token",
            "source": "https://docs",
            "type": "ServerlessAi.ItemDone",
            "datacontenttype": "application/json",
            "data": BODY,
        }
    ]


def test_it_is_sent_again_after_a_passing_failure_and_not_after_a_refusal(server: Loopback) -> None:
    server.answer(reply(503, b""), reply(200, b""))
    publisher(server).publish(BODY, Deadline(5))
    assert len(server.requests) == 2
    server.scripts.clear()
    server.answer(reply(403, b""))
    with pytest.raises(Refused):
        publisher(server).publish(BODY, Deadline(5))
    assert len(server.requests) == 3
