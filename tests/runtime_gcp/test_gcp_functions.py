"""Requests through the real wiring, down to the wire of a small Google Cloud."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest
from google_calls import id_token, push
from google_fakes import COLLECTION, DEAD_LETTERS, ENDPOINT, RESULTS, Failure, Google
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from loopback import Loopback, stall

from serverless_ai_runtime import config
from serverless_ai_runtime.config import ConfigError, FunctionLlmConfig, GcpEdgeConfig, to_env
from serverless_ai_runtime.entrypoints import gcp_functions
from serverless_ai_runtime.entrypoints.gcp_functions import Request, Response

GOOGLE = "https://accounts.google.com"
ADA, GATEWAY, PUBSUB = "117000000000000000001", "104000000000000000001", "104000000000000000002"
MODEL = "gemini-3.5-flash-lite"
STATELESS = FunctionLlmConfig(
    MODEL, "be brief", 64, 1000, 0, 0, 0, 0, "", "", "", "", log_content=False, model_endpoint=ENDPOINT
)
EVENTFUL = STATELESS._replace(store=COLLECTION, destination=RESULTS)
EDGE = GcpEdgeConfig(GATEWAY, PUBSUB, 0, 0, timeout_s=20, dead_letters=DEAD_LETTERS, max_deliveries=5)
UNAVAILABLE = Failure(400, "INVALID_ARGUMENT", "the model does not like it")


def environment(
    google: Google, settings: FunctionLlmConfig = STATELESS, edge: GcpEdgeConfig = EDGE
) -> dict[str, str]:
    return {**to_env(settings), **to_env(edge), **google.environment(), "K_SERVICE": "chat"}


class Kit(NamedTuple):
    google: Google
    capsys: pytest.CaptureFixture[str]

    def function(self, settings: FunctionLlmConfig = STATELESS, **edge: Any) -> gcp_functions.Function:
        return gcp_functions.function_llm(environment(self.google, settings, EDGE._replace(**edge)))

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.capsys.readouterr().out.splitlines()]


@pytest.fixture
def kit(google: Google, capsys: pytest.CaptureFixture[str]) -> Kit:
    return Kit(google, capsys)


def authorized(subject: str, **headers: str) -> dict[str, str]:
    return {"authorization": f"Bearer {id_token(iss=GOOGLE, sub=subject)}", **headers}


def chat(body: object = None, headers: Mapping[str, str] | None = None) -> Request:
    data = body if isinstance(body, bytes) else json.dumps(body or {"message": "hi"}).encode()
    return Request("POST", "/chat", authorized(ADA) if headers is None else headers, data)


def event(data: object = None, attempt: object = 1, **message: Any) -> Request:
    return Request("POST", "/events", authorized(PUBSUB), push(data or {"message": "hi"}, attempt, **message))


def error(response: Response) -> str:
    return json.loads(response.body)["error"]["code"]


TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def test_a_request_is_answered_and_logged(kit: Kit) -> None:
    trace = {"x-cloud-trace-context": f"{TRACE}/00f067aa0ba902b7;o=1"}
    response = kit.function().handle(chat(headers=authorized(ADA, **trace)))
    assert response.status == 200
    assert json.loads(response.body) == {
        "answer": "you said hi",
        "session_id": None,
        "model": MODEL,
        "usage": {"input_tokens": 7, "output_tokens": 2},
    }
    (prompt,) = kit.google.prompts
    assert prompt == {
        "contents": [{"role": "user", "parts": [{"text": "hi"}]}],
        "systemInstruction": {"parts": [{"text": "be brief"}]},
        "generationConfig": {"maxOutputTokens": 64},
    }
    (line,) = kit.lines()
    assert line["time"].endswith("Z")
    assert (
        line.items()
        >= {
            "severity": "INFO",
            "message": "request",
            "request_id": response.headers["x-request-id"],
            "logging.googleapis.com/trace": f"projects/p1/traces/{TRACE}",
            "status": 200,
            "FunctionName": "chat",
            "InputTokens": 7,
            "OutputTokens": 2,
            "ColdStarts": 1,
        }.items()
    )
    assert response.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    "headers",
    [
        {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"},
        {"x-cloud-trace-context": TRACE.upper()},
        {"x-cloud-trace-context": f"{TRACE}/1", "traceparent": "00-" + "a" * 32 + "-00f067aa0ba902b7-01"},
    ],
)
def test_a_trace_may_come_in_either_header(kit: Kit, headers: dict[str, str]) -> None:
    kit.function().handle(chat(headers=authorized(ADA, **headers)))
    assert kit.lines()[0]["logging.googleapis.com/trace"] == f"projects/p1/traces/{TRACE}"


@pytest.mark.parametrize("header", ["x-cloud-trace-context", "traceparent"])
@pytest.mark.parametrize(
    "trace", ["", "x", "/1;o=1", "4bf92f", "g" * 32, "a" * 33 + "/1", "ä" * 40, "00-1-1"]
)
def test_a_trace_that_is_none_is_left_out(kit: Kit, header: str, trace: str) -> None:
    kit.function().handle(chat(headers=authorized(ADA, **{header: trace})))
    assert "logging.googleapis.com/trace" not in kit.lines()[0]


@pytest.mark.parametrize("path", ["/", "", "/chat/", "/Chat", "//chat", "/chat/x", "/robots.txt", "/events/"])
def test_an_unknown_path_is_404(kit: Kit, path: str) -> None:
    for method in ("GET", "POST"):
        response = kit.function().handle(chat()._replace(path=path, method=method))
        assert (response.status, error(response)) == (404, "not_found")


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "post", "X"])
@pytest.mark.parametrize("request_", [chat(), event()], ids=["chat", "events"])
def test_a_wrong_method_is_405(kit: Kit, method: str, request_: Request) -> None:
    response = kit.function().handle(request_._replace(method=method))
    assert (response.status, error(response)) == (405, "method_not_allowed")
    assert response.headers["allow"] == "POST"
    assert kit.google.calls == []


@pytest.mark.parametrize(
    "headers", [{}, {"authorization": "Bearer ya29.x"}, {"x-apigateway-api-userinfo": "e30"}, authorized("")]
)
def test_a_request_without_an_identity_is_401(kit: Kit, headers: dict[str, str]) -> None:
    for request in (chat(headers=headers), event()._replace(headers=headers)):
        response = kit.function().handle(request)
        assert (response.status, error(response)) == (401, "unauthenticated")
    assert kit.google.calls == []
    assert [line["error"] for line in kit.lines()] == ["unauthenticated"] * 2


def test_a_session_belongs_to_whom_the_gateway_names(kit: Kit) -> None:
    function = kit.function(STATELESS._replace(store=COLLECTION, history_turns=3, session_ttl_s=60))

    def through_gateway(subject: str) -> dict[str, str]:
        token = id_token(iss="https://issuer", sub=subject).split(".")[1]
        return authorized(GATEWAY, **{"x-apigateway-api-userinfo": token})

    first = json.loads(function.handle(chat(headers=through_gateway("ada"))).body)
    again = {"message": "and now?", "session_id": first["session_id"]}
    assert function.handle(chat(again, through_gateway("ada"))).status == 200
    for other in (through_gateway("grace"), authorized("ada"), authorized(ADA)):
        assert function.handle(chat(again, other)).status == 404
    assert len(kit.google.prompts[-1]["contents"]) == 3


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'{"message": 5}', b'{"message": "a", "b": 1}'])
def test_a_bad_body_is_400(kit: Kit, body: bytes) -> None:
    response = kit.function().handle(chat(body))
    assert (response.status, error(response)) == (400, "invalid_request")


def test_requests_over_the_rate_are_429_and_reach_nobody(kit: Kit) -> None:
    function = kit.function(requests_per_second=1, burst=2)
    responses = [function.handle(chat()) for _ in range(4)]
    assert [response.status for response in responses] == [200, 200, 429, 429]
    assert responses[-1].headers["retry-after"] == "1"
    assert len(kit.google.prompts) == 2


def test_nobody_is_counted_who_is_nobody(kit: Kit) -> None:
    function = kit.function(requests_per_second=1, burst=1)
    assert function.handle(chat(headers={})).status == 401
    assert function.handle(chat()).status == 200


def test_what_the_model_says_of_itself_does_not_leak_to_the_caller(kit: Kit) -> None:
    secret = "Permission denied on resource project p1"
    kit.google.failures["generateContent"] = [Failure(403, "PERMISSION_DENIED", secret)]
    response = kit.function().handle(chat())
    assert response.status == 502
    assert "p1" not in response.body
    warning, closing = kit.lines()
    assert (warning["severity"], closing["severity"]) == ("WARNING", "ERROR")
    assert secret in warning["cause"]


def test_no_token_and_no_content_is_logged(kit: Kit) -> None:
    kit.google.failures["generateContent"] = [Failure(401, "UNAUTHENTICATED")]
    secret = {"message": "the secret question"}
    assert kit.function().handle(chat(secret)).status == 200, "with a second token"
    out = kit.capsys.readouterr().out
    assert not any(word in out for word in ("token-", "secret", "SIGNATURE", "Bearer"))


class TestEvents:
    def test_an_event_is_answered_recorded_and_sent_on(self, kit: Kit) -> None:
        function = kit.function(EVENTFUL)
        attributes = {"source": "shop", "type": "order", "id": "e1"}
        response = function.handle(event({"message": "hi"}, attributes=attributes))
        assert (response.status, json.loads(response.body)) == (200, {})
        (result,) = kit.google.messages(RESULTS)
        assert result == {
            "event_id": "e1",
            "answer": "you said hi",
            "model": MODEL,
            "usage": {"input_tokens": 7, "output_tokens": 2},
            "stop_reason": "end",
        }
        (line,) = kit.lines()
        assert (line["message"], line["correlation_id"], line["deliveries"]) == ("event", "e1", 1)

    def test_an_event_that_comes_twice_is_answered_once(self, kit: Kit) -> None:
        function = kit.function(EVENTFUL)
        for attempt in (1, 2):
            assert function.handle(event(attempt=attempt)).status == 200
        assert len(kit.google.prompts) == len(kit.google.messages(RESULTS)) == 1
        assert function.handle(event(messageId="m2")).status == 200
        assert len(kit.google.messages(RESULTS)) == 2

    def test_only_pubsub_may_push_and_only_there(self, kit: Kit) -> None:
        function = kit.function(EVENTFUL)
        for other in (ADA, GATEWAY, PUBSUB + "0"):
            response = function.handle(event()._replace(headers=authorized(other)))
            assert (response.status, error(response)) == (403, "forbidden")
        forged = authorized(PUBSUB) | {"x-serverless-authorization": authorized(ADA)["authorization"]}
        assert function.handle(event()._replace(headers=forged)).status == 403
        assert function.handle(chat(headers=authorized(PUBSUB))).status == 403
        assert kit.google.calls == []

    def test_without_events_there_is_no_path_for_them(self, kit: Kit) -> None:
        function = kit.function(EVENTFUL, deliverer="")
        for subject in (PUBSUB, ADA):
            assert function.handle(event()._replace(headers=authorized(subject))).status == 404

    def test_the_rate_limit_is_for_callers(self, kit: Kit) -> None:
        function = kit.function(EVENTFUL, requests_per_second=1, burst=1)
        statuses = [function.handle(event(messageId=f"m{number}")).status for number in range(5)]
        assert statuses == [200] * 5

    @pytest.mark.parametrize("body", [b"", b"{}", b'{"message": {"data": "e30="}}'])
    def test_a_body_that_is_no_delivery_is_400(self, kit: Kit, body: bytes) -> None:
        response = kit.function(EVENTFUL).handle(event()._replace(body=body))
        assert (response.status, error(response)) == (400, "unknown_event")

    @pytest.mark.parametrize("attempt", [0, 1, 4])
    def test_a_failing_event_comes_again(self, kit: Kit, attempt: int) -> None:
        kit.google.failures["generateContent"] = [UNAVAILABLE]
        function = kit.function(EVENTFUL)
        response = function.handle(event(attempt=attempt))
        assert (response.status, error(response)) == (500, "event_failed")
        (line,) = kit.lines()
        assert (line["severity"], line["error"], line["deliveries"]) == ("ERROR", "Refused", attempt)
        assert "does not like it" in line["cause"]
        assert kit.google.messages(DEAD_LETTERS) == []
        assert function.handle(event(attempt=attempt + 1)).status == 200

    @pytest.mark.parametrize("attempt", [5, 6])
    def test_the_last_time_it_becomes_a_dead_letter_with_its_reason(self, kit: Kit, attempt: int) -> None:
        kit.google.failures["generateContent"] = [UNAVAILABLE]
        attributes = {"source": "shop", "id": "e1"}
        response = kit.function(EVENTFUL).handle(event({"a": "ü"}, attempt, attributes=attributes))
        assert (response.status, json.loads(response.body)) == (200, {"dead_letter": True})
        (letter,) = kit.google.messages(DEAD_LETTERS)
        assert letter["reason"].startswith("Refused: Vertex GenerateContent: INVALID_ARGUMENT (400)")
        assert json.loads(letter["payload"]) == {"a": "ü"}
        assert letter.items() >= {"attempts": attempt, "id": "e1", "attributes": attributes}.items()
        (line,) = kit.lines()
        assert (line["severity"], line["dead_letter"]) == ("ERROR", True)
        assert kit.google.messages(RESULTS) == []

    def test_data_that_no_model_can_be_asked_is_a_dead_letter_too(self, kit: Kit) -> None:
        for data, reason in ((b"hello", "UnknownEventError"), ({"message": " "}, "InvalidRequest")):
            assert kit.function(EVENTFUL).handle(event(data, 5)).status == 200
            assert kit.google.messages(DEAD_LETTERS)[-1]["reason"].startswith(reason)
        assert kit.google.messages(DEAD_LETTERS)[0]["payload"] == "hello"

    def test_a_dead_letter_that_cannot_be_sent_is_left_to_pubsub(self, kit: Kit) -> None:
        kit.google.failures["generateContent"] = [UNAVAILABLE]
        kit.google.failures["publish"] = [Failure(403, "PERMISSION_DENIED")]
        assert kit.function(EVENTFUL).handle(event(attempt=5)).status == 500
        warning, closing = kit.lines()
        assert warning["message"].startswith("dead letter not sent")
        assert "dead_letter" not in closing

    def test_without_a_dead_letter_topic_it_comes_for_ever(self, kit: Kit) -> None:
        kit.google.failures["generateContent"] = [UNAVAILABLE]
        assert kit.function(EVENTFUL, dead_letters="").handle(event(attempt=50)).status == 500

    def test_time_is_kept_for_the_dead_letter(
        self, google: Google, server: Loopback, released: threading.Event
    ) -> None:
        server.answer(stall(released))
        env = environment(google, EVENTFUL, EDGE._replace(timeout_s=1))
        function = gcp_functions.function_llm(env | {"SERVERLESS_AI_VERTEX_ENDPOINT": server.url})
        assert function.handle(event(attempt=5)).status == 200
        (letter,) = google.messages(DEAD_LETTERS)
        assert letter["reason"].startswith("TimedOut")

    def test_events_without_a_store_fail_and_say_so(self, kit: Kit) -> None:
        assert kit.function(STATELESS).handle(event(attempt=5)).status == 200
        assert "no store" in kit.google.messages(DEAD_LETTERS)[0]["reason"]


class TestConfiguration:
    @pytest.mark.parametrize(
        ("changes", "named"),
        [
            ({"MODEL": ""}, "MODEL is empty"),
            ({"MODEL_ENDPOINT": "https://x"}, "MODEL_ENDPOINT must be like projects/P/locations/L"),
            ({"STORE": "records"}, "STORE must be like projects/P/databases/D/documents/D"),
            ({"DESTINATION": "results"}, "DESTINATION must be like projects/P/topics/T"),
            ({"DEAD_LETTERS": "projects/p/topics/a/b"}, "DEAD_LETTERS must be like"),
            ({"TIMEOUT_S": "0"}, "TIMEOUT_S must be more than 0"),
            ({"MAX_DELIVERIES": "-1"}, "MAX_DELIVERIES must be more than 0"),
            ({"BURST": "many"}, "BURST must be a whole number"),
        ],
    )
    def test_a_wrong_value_is_an_error_of_the_start(
        self, google: Google, changes: dict[str, str], named: str
    ) -> None:
        env = environment(google) | {config.PREFIX + name: value for name, value in changes.items()}
        with pytest.raises(ConfigError, match=named):
            gcp_functions.function_llm(env)

    def test_a_missing_value_is_one_too(self, google: Google) -> None:
        needed = [config.variable(name) for name in (*FunctionLlmConfig._fields, *GcpEdgeConfig._fields)]
        for name in needed:
            env = {key: value for key, value in environment(google).items() if key != name}
            with pytest.raises(ConfigError, match=f"{name} is not set"):
                gcp_functions.function_llm(env)

    def test_a_guardrail_goes_with_every_call(self, kit: Kit) -> None:
        kit.function(STATELESS._replace(guardrail_id="BLOCK_LOW_AND_ABOVE")).handle(chat())
        filters = kit.google.prompts[0]["safetySettings"]
        assert {one["threshold"] for one in filters} == {"BLOCK_LOW_AND_ABOVE"}
        assert len(filters) == 4


METHODS = st.sampled_from(["POST", "GET", ""]) | st.text(max_size=5)
PATHS = st.sampled_from(["/chat", "/events", "/"]) | st.text(max_size=8)
HEADERS = st.dictionaries(
    st.sampled_from(["authorization", "x-serverless-authorization", "x-cloud-trace-context"]),
    st.text(max_size=20) | st.sampled_from([*authorized(ADA).values(), *authorized(PUBSUB).values()]),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(METHODS, PATHS, HEADERS, st.binary(max_size=60))
def test_any_request_gets_a_reply_in_json(
    kit: Kit, method: str, path: str, headers: dict[str, str], body: bytes
) -> None:
    response = kit.function(EVENTFUL).handle(Request(method, path, headers, body))
    assert response.status in (400, 401, 403, 404, 405)
    assert set(json.loads(response.body)) == {"error"}
    assert len(kit.lines()) == 1
