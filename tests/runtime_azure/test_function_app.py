"""The function app as Azure's host sees it: its functions and bindings, through Microsoft's own library."""

from __future__ import annotations

import json
import runpy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import azure.functions as func
import pytest
from azure_app import EDGE, STATELESS, Services, principal
from azure_fakes import Cosmos, cosmos
from loopback import Loopback, reply

import serverless_ai_runtime
from serverless_ai_runtime import config, wiring
from serverless_ai_runtime.adapters.azure.principal import HEADER
from serverless_ai_runtime.config import AzureEdgeConfig, ConfigError
from serverless_ai_runtime.entrypoints.azure_functions import MAX_DELIVERIES

ROOT = Path(serverless_ai_runtime.__file__).parent / "root" / "azure"
EVENTS = EDGE._replace(events_queue="events", schedule="0 0 8 * * *", schedule_message="Write it.")
WITH_STORE = STATELESS._replace(store="used", destination="results")


class Trace(NamedTuple):
    trace_parent: str = "00-trace-span-01"


class Context(NamedTuple):
    invocation_id: str = "invocation-1"
    trace_context: Trace = Trace()


class Indexed(NamedTuple):
    """A function as the worker finds it."""

    bindings: list[dict[str, Any]]
    run: Callable[..., Any]


@pytest.fixture
def store() -> Iterator[Cosmos]:
    with cosmos(wiring.WORLD.now) as running:
        yield running


@pytest.fixture
def services(server: Loopback, store: Cosmos) -> Services:
    return Services(server, store.url)


@pytest.fixture
def load(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> Callable[[AzureEdgeConfig], dict[str, Indexed]]:
    def load(edge: AzureEdgeConfig) -> dict[str, Indexed]:
        for name, value in services.environment(WITH_STORE, edge).items():
            monkeypatch.setenv(name, value)
        app = runpy.run_path(str(ROOT / "function_llm" / "function_app.py"))["app"]
        return {
            function.get_function_name(): Indexed(
                [json.loads(json.dumps(b.get_dict_repr(), default=str)) for b in function.get_bindings()],
                function.get_user_function(),
            )
            for function in app.get_functions()
        }

    return load


Load = Callable[[AzureEdgeConfig], dict[str, Indexed]]


def post(body: bytes, headers: dict[str, str]) -> func.HttpRequest:
    return func.HttpRequest(method="POST", url="https://app/chat", headers=headers, body=body)


def test_without_events_there_is_one_route_and_it_is_a_post(load: Load) -> None:
    functions = load(EDGE)
    assert list(functions) == ["chat"]
    trigger = functions["chat"].bindings[0]
    assert (trigger["type"], trigger["route"], trigger["methods"]) == ("httpTrigger", "chat", ["POST"])
    # No key of the host: its authentication in front of the app decides, and then the handler.
    assert "ANONYMOUS" in str(trigger["authLevel"]).upper()


def test_events_and_schedules_are_triggers_when_they_are_configured(load: Load) -> None:
    functions = load(EVENTS)
    assert list(functions) == ["chat", "event", "schedule"]
    (queue,) = functions["event"].bindings
    assert queue["type"] == "queueTrigger"
    assert queue["queueName"] == f"%{config.variable('events_queue')}%"
    assert queue["connection"] == config.AZURE_EVENTS_CONNECTION
    (timer,) = functions["schedule"].bindings
    assert (timer["type"], timer["schedule"]) == ("timerTrigger", f"%{config.variable('schedule')}%")
    assert list(load(EVENTS._replace(schedule=""))) == ["chat", "event"]


def test_a_request_goes_in_and_a_response_comes_out(load: Load) -> None:
    chat = load(EDGE)["chat"].run
    answered: func.HttpResponse = chat(post(b'{"message": "hi"}', {HEADER.title(): principal()}), Context())
    assert answered.status_code == 200
    assert json.loads(answered.get_body())["answer"] == "hello"
    assert answered.headers["x-request-id"] == "invocation-1"
    assert answered.mimetype == "application/json"
    assert chat(post(b'{"message": "hi"}', {}), Context()).status_code == 401


def test_a_message_is_an_event_and_its_last_delivery_buries_it(load: Load, services: Services) -> None:
    run = load(EVENTS)["event"].run
    body = b'{"specversion": "1.0", "source": "shop", "id": "1", "data": {"message": "hi"}}'
    run(func.QueueMessage(body=body), Context())
    assert len(services.messages("results")) == 1
    from azure.functions.queue import QueueMessage

    services.model = reply(400, {"error": {"code": "bad", "message": "no"}})
    again = body.replace(b'"1", "d', b'"2", "d')
    with pytest.raises(Exception, match="bad"):
        run(QueueMessage(body=again, dequeue_count=MAX_DELIVERIES - 1), Context())
    run(QueueMessage(body=again, dequeue_count=MAX_DELIVERIES), Context())
    (letter,) = services.messages("events-poison")
    assert letter["payload"] == again.decode()


def test_a_message_that_is_not_text_is_buried_as_well_as_it_can_be(load: Load, services: Services) -> None:
    from azure.functions.queue import QueueMessage

    load(EVENTS)["event"].run(QueueMessage(body=b"\xff\xfe", dequeue_count=MAX_DELIVERIES), Context())
    (letter,) = services.messages("events-poison")
    assert letter["reason"].startswith("UnknownEventError")


def test_the_timer_puts_an_event_into_the_queue(load: Load, services: Services) -> None:
    load(EVENTS)["schedule"].run(func.timer.TimerRequest(), Context())
    assert services.messages("events") == [
        {"source": "schedule", "id": "invocation-1", "message": "Write it."}
    ]


def test_a_wrong_configuration_is_an_error_of_the_start(load: Load) -> None:
    with pytest.raises(ConfigError, match=config.variable("timeout_s")):
        load(EDGE._replace(timeout_s=-1))


def test_the_hosts_file_agrees_with_the_handler() -> None:
    host = json.loads((ROOT / "host.json").read_text())
    assert host["version"] == "2.0"
    queues = host["extensions"]["queues"]
    assert queues["maxDequeueCount"] == MAX_DELIVERIES
    assert queues["messageEncoding"] == "base64"
    assert host["extensions"]["http"]["routePrefix"] == ""
    # Metrics are counted from the log: what is sampled away is not counted.
    excluded = host["logging"]["applicationInsights"]["samplingSettings"]["excludedTypes"]
    assert "Trace" in excluded.split(";")


def test_the_host_needs_no_package_but_its_own() -> None:
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    assert [line for line in lines if not line.startswith("#")] == ["azure-functions"]
