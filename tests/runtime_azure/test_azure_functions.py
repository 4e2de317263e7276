"""Requests, events and schedules through the real wiring, down to the wire of scripted Azure services."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from azure_app import EDGE, MODEL, STATELESS, Services, principal
from azure_fakes import Cosmos, cosmos
from loopback import Loopback, reply, stall

from serverless_ai_runtime import config, wiring
from serverless_ai_runtime.adapters.azure.events import parse
from serverless_ai_runtime.config import ConfigError, FunctionLlmConfig
from serverless_ai_runtime.core.ports import Refused, Unavailable
from serverless_ai_runtime.core.requests import InvalidRequest
from serverless_ai_runtime.edge import UnknownEventError
from serverless_ai_runtime.entrypoints.azure_functions import FunctionApp, Ids, Response, function_llm

IDS = Ids("invocation-1", "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01")
EVENTS = EDGE._replace(events_queue="events", schedule="0 0 8 * * *", schedule_message="Write it.")
WITH_STORE = STATELESS._replace(store="used", destination="results", session_ttl_s=3600)
EVENT = json.dumps(
    {"specversion": "1.0", "type": "T", "source": "shop", "id": "7", "data": {"message": "hi"}}
)


@pytest.fixture
def store() -> Iterator[Cosmos]:
    with cosmos(wiring.WORLD.now) as running:
        yield running


@pytest.fixture
def services(server: Loopback, store: Cosmos) -> Services:
    return Services(server, store.url)


@pytest.fixture
def app(services: Services) -> FunctionApp:
    return function_llm(services.environment())


@pytest.fixture
def worker(services: Services) -> FunctionApp:
    """An app that takes events."""
    return function_llm(services.environment(WITH_STORE, EVENTS))


def ask(app: FunctionApp, body: object, who: str = "") -> Response:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return app.chat(data, who or principal(), IDS)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


class TestChat:
    def test_a_request_is_asked_of_foundry_and_answered(
        self, services: Services, app: FunctionApp, capsys: pytest.CaptureFixture[str]
    ) -> None:
        response = ask(app, {"message": "hi"})
        assert response.status == 200
        assert response.headers == {"content-type": "application/json", "x-request-id": "invocation-1"}
        assert json.loads(response.body) == {
            "answer": "hello",
            "session_id": None,
            "model": MODEL,
            "usage": {"input_tokens": 9, "output_tokens": 2},
        }
        token, chat = services.server.requests
        assert "resource=https%3A%2F%2Fai.azure.com&" in token.target
        assert chat.target == "/openai/v1/chat/completions"
        assert chat.headers["authorization"] == "Bearer secret-token"
        (line,) = lines(capsys)
        assert line.items() >= {
            "message": "request", "request_id": IDS.request, "trace_id": IDS.trace, "status": 200,
        }.items()  # fmt: skip

    def test_metrics_are_plain_fields_of_the_closing_line(
        self, app: FunctionApp, capsys: pytest.CaptureFixture[str]
    ) -> None:
        ask(app, {"message": "hi"})
        (line,) = lines(capsys)
        assert "_aws" not in line
        assert line.items() >= {
            "FunctionName": "chat-app", "InputTokens": 9, "OutputTokens": 2, "Tokens": 11, "ColdStarts": 1,
        }.items()  # fmt: skip

    @pytest.mark.parametrize("header", ["", "e30=", "not base64"])
    def test_a_request_without_a_principal_is_401(
        self, services: Services, app: FunctionApp, header: str
    ) -> None:
        response = app.chat(b'{"message": "hi"}', header, IDS)
        assert response.status == 401
        assert json.loads(response.body)["error"]["code"] == "unauthenticated"
        assert services.server.requests == []

    @pytest.mark.parametrize("body", [b"", b"\xff", b"[]", b'{"message": 1}', b'{"message": "\\ud800"}'])
    def test_a_bad_body_is_400(self, services: Services, app: FunctionApp, body: bytes) -> None:
        assert ask(app, body).status == 400
        assert services.server.requests == []

    def test_a_session_belongs_to_its_caller(self, services: Services) -> None:
        app = function_llm(services.environment(WITH_STORE._replace(history_turns=3)))
        first = json.loads(ask(app, {"message": "hi"}).body)
        again = {"message": "and?", "session_id": first["session_id"]}
        assert ask(app, again, principal("eve")).status == 404
        assert ask(app, again).status == 200
        assert [message["content"] for message in services.prompts()[-1]["messages"]] == [
            "be brief", "hi", "hello", "and?",
        ]  # fmt: skip

    def test_over_the_rate_the_answer_is_429(self, services: Services) -> None:
        edge = EDGE._replace(requests_per_second=1, burst=2)
        app = function_llm(services.environment(STATELESS, edge))
        for _ in range(5):
            assert app.chat(b"{}", "", IDS).status == 401, "strangers use nothing up"
        assert [ask(app, {"message": "hi"}).status for _ in range(3)] == [200, 200, 429]
        assert ask(app, {"message": "hi"}).headers["retry-after"] == "1"
        assert len(services.prompts()) == 2

    def test_the_reply_leaves_before_the_time_is_up(
        self, services: Services, released: threading.Event
    ) -> None:
        services.model = stall(released)
        app = function_llm(services.environment(edge=EDGE._replace(timeout_s=1)))
        assert ask(app, {"message": "hi"}).status == 503

    def test_what_a_service_says_stays_in_the_log_and_secrets_nowhere(
        self, services: Services, app: FunctionApp, capsys: pytest.CaptureFixture[str]
    ) -> None:
        said = "The API deployment for this resource does not exist: /subscriptions/1234"
        services.model = reply(404, {"error": {"code": "DeploymentNotFound", "message": said}})
        response = ask(app, {"message": "very private"})
        assert response.status == 502
        assert "1234" not in response.body
        out = capsys.readouterr().out
        assert "DeploymentNotFound" in out
        assert not any(secret in out for secret in ("secret-token", "identity-secret", "very private", "ada"))

    def test_tokens_and_connections_outlive_a_request(self, services: Services, app: FunctionApp) -> None:
        for _ in range(3):
            ask(app, {"message": "hi"})
        assert len(services.server.requests) == 4
        assert {sent.connection for sent in services.server.requests} == {1}


class TestEvents:
    def test_an_event_is_answered_recorded_and_sent_on(
        self, services: Services, worker: FunctionApp, store: Cosmos, capsys: pytest.CaptureFixture[str]
    ) -> None:
        worker.event(EVENT, 1, IDS)
        (prompt,) = services.prompts()
        assert prompt["messages"][-1]["content"] == "hi"
        (result,) = services.messages("results")
        assert (result["event_id"], result["answer"], result["stop_reason"]) == ("shop|7", "hello", "end")
        (record,) = store.items.values()
        assert json.loads(record["value"])["state"] == "done"
        line = lines(capsys)[-1]
        assert line.items() >= {"message": "event", "level": "INFO", "correlation_id": "shop|7"}.items()

    def test_an_event_delivered_twice_has_one_effect(self, services: Services, worker: FunctionApp) -> None:
        worker.event(EVENT, 1, IDS)
        worker.event(EVENT, 2, IDS)
        assert len(services.prompts()) == len(services.messages("results")) == 1

    @pytest.mark.parametrize("deliveries", [1, 2])
    def test_a_failing_event_is_raised_so_that_it_comes_again(
        self, services: Services, worker: FunctionApp, deliveries: int, capsys: pytest.CaptureFixture[str]
    ) -> None:
        services.model = reply(400, {"error": {"code": "bad", "message": "no"}})
        with pytest.raises(Refused, match="bad"):
            worker.event(EVENT, deliveries, IDS)
        assert services.messages("events-poison") == []
        line = lines(capsys)[-1]
        assert (line["level"], line["error"], line["deliveries"]) == ("ERROR", "Refused", deliveries)

    def test_an_event_that_fails_for_the_last_time_is_a_dead_letter_with_its_reason(
        self, services: Services, worker: FunctionApp, capsys: pytest.CaptureFixture[str]
    ) -> None:
        services.model = reply(400, {"error": {"code": "bad", "message": "no"}})
        worker.event(EVENT, 3, IDS)
        (letter,) = services.messages("events-poison")
        assert letter == {
            "reason": "Refused: Foundry ChatCompletions: bad (400): no",
            "attempts": 3,
            "payload": EVENT,
        }
        assert services.messages("results") == []
        line = lines(capsys)[-1]
        assert (line["level"], line["dead_letter"]) == ("ERROR", True)

    def test_a_dead_letter_that_cannot_be_sent_is_left_to_the_host(
        self, services: Services, worker: FunctionApp, capsys: pytest.CaptureFixture[str]
    ) -> None:
        services.model = reply(400, {"error": {"code": "bad", "message": "no"}})
        services.queues = reply(404, b"", {"x-ms-error-code": "QueueNotFound"})
        with pytest.raises(Refused, match="bad"):
            worker.event(EVENT, 3, IDS)
        warning, line = lines(capsys)[-2:]
        assert "QueueNotFound" in warning["cause"]
        assert "dead_letter" not in line

    @pytest.mark.parametrize(
        ("text", "error"),
        [
            ("no json", UnknownEventError),
            ('{"specversion": "1.0", "source": "s", "id": "1", "data": {"message": " "}}', InvalidRequest),
            ('{"specversion": "1.0", "id": "1", "data": {"message": "hi"}}', InvalidRequest),
            ('{"source": "schedule", "id": "1", "message": 5}', InvalidRequest),
        ],
    )
    def test_what_is_no_event_is_a_dead_letter_too(
        self, services: Services, worker: FunctionApp, text: str, error: type[Exception]
    ) -> None:
        with pytest.raises(error):
            worker.event(text, 1, IDS)
        worker.event(text, 3, IDS)
        (letter,) = services.messages("events-poison")
        assert letter["payload"] == text
        assert letter["reason"].startswith(error.__name__)
        assert services.prompts() == []

    def test_an_event_that_took_all_its_time_is_still_buried(
        self, services: Services, released: threading.Event
    ) -> None:
        services.model = stall(released)
        app = function_llm(services.environment(WITH_STORE, EVENTS._replace(timeout_s=1)))
        app.event(EVENT, 3, IDS)
        (letter,) = services.messages("events-poison")
        assert letter["reason"].startswith("TimedOut")


class TestSchedule:
    def test_a_turn_is_put_into_the_queue_as_an_event(self, services: Services, worker: FunctionApp) -> None:
        worker.schedule(IDS)
        (message,) = services.messages("events")
        event = parse(json.dumps(message))
        assert (event.id, event.message) == (IDS.request, "Write it.")
        assert services.prompts() == [], "asking is the work of the queue's trigger"
        worker.event(json.dumps(message), 1, IDS)
        assert services.prompts()[0]["messages"][-1]["content"] == "Write it."

    def test_a_turn_that_cannot_be_put_there_fails(
        self, services: Services, worker: FunctionApp, capsys: pytest.CaptureFixture[str]
    ) -> None:
        services.queues = reply(403, b"", {"x-ms-error-code": "AuthorizationPermissionMismatch"})
        with pytest.raises(Refused, match="AuthorizationPermissionMismatch"):
            worker.schedule(IDS)
        assert lines(capsys)[-1]["level"] == "ERROR"

    def test_an_identity_that_gives_no_token_is_named(self, services: Services, worker: FunctionApp) -> None:
        services.identity = reply(500)
        worker_without_time = function_llm(services.environment(WITH_STORE, EVENTS._replace(timeout_s=1)))
        with pytest.raises(Unavailable, match="ManagedIdentity GetToken"):
            worker_without_time.schedule(IDS)


class TestConfiguration:
    @pytest.mark.parametrize("name", ["IDENTITY_ENDPOINT", "IDENTITY_HEADER", "AZURE_CLIENT_ID"])
    @pytest.mark.parametrize("value", [None, ""])
    def test_what_app_service_must_give_is_named(
        self, services: Services, name: str, value: str | None
    ) -> None:
        env = services.environment()
        del env[name]
        with pytest.raises(ConfigError, match=name):
            function_llm(env if value is None else env | {name: value})

    @pytest.mark.parametrize("name", [*EDGE._fields, *FunctionLlmConfig._fields])
    def test_a_missing_variable_is_named(self, services: Services, name: str) -> None:
        env = services.environment()
        del env[config.variable(name)]
        with pytest.raises(ConfigError, match=config.variable(name)):
            function_llm(env)

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("timeout_s", "0"), ("timeout_s", "soon"),
            ("model_endpoint", ""), ("model_endpoint", "account.services.ai.azure.com"),
            ("model_endpoint", "http://account.services.ai.azure.com/openai/v1"),
            ("model_endpoint", "ftp://localhost/v1"), ("model_endpoint", "https://"),
            ("store", "table"), ("store", "http://localhost.evil.example/dbs/d/colls/c"),
            ("destination", "results"), ("queue_service", ""), ("queue_service", "http://account/"),
            ("events_queue", ""),
        ],
    )  # fmt: skip
    def test_a_value_that_cannot_work_fails_at_the_start(
        self, services: Services, field: str, value: str
    ) -> None:
        env = services.environment(WITH_STORE, EVENTS)
        function_llm(env)
        with pytest.raises(ConfigError, match=config.variable(field)):
            function_llm(env | {config.variable(field): value})

    @pytest.mark.parametrize(
        "url", ["https://a.documents.azure.com", "http://127.0.0.1:8081/x/", "http://a.localhost:1"]
    )
    def test_a_token_travels_encrypted_or_within_this_machine(self, url: str) -> None:
        assert config.service_url("store", url) == url.rstrip("/")

    def test_the_hosts_connection_uses_the_apps_own_identity(self) -> None:
        edge = EVENTS._replace(queue_service="https://a.queue.core.windows.net")
        settings = config.azure_settings(edge, "client-1")
        prefix = config.AZURE_EVENTS_CONNECTION
        assert (
            settings.items()
            >= {
                "AZURE_CLIENT_ID": "client-1",
                f"{prefix}__queueServiceUri": "https://a.queue.core.windows.net",
                f"{prefix}__credential": "managedidentity",
                f"{prefix}__clientId": "client-1",
            }.items()
        )
        assert config.from_env(type(edge), settings) == edge
        assert not any("__" in name for name in config.azure_settings(EDGE, "client-1"))
