"""A call with a token that the service no longer takes is made once more; errors have one shape."""

from __future__ import annotations

import json
from typing import Any

import pytest
from azure_fakes import Purse, azure
from hypothesis import given
from hypothesis import strategies as st
from loopback import Loopback, chunked, reply
from memory_ports import Clock

from serverless_ai_runtime.adapters.azure.errors import classify, decode
from serverless_ai_runtime.adapters.service import Service
from serverless_ai_runtime.core.ports import Deadline, Refused, ServiceError, Throttled, Unavailable
from serverless_ai_runtime.http import Response

STATUSES = st.sampled_from([400, 401, 403, 404, 408, 409, 410, 412, 413, 429, 449, 500, 502, 503, 504])


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def service(server: Loopback, clock: Clock) -> Service:
    return Service(azure(clock.world()), "Service", server.url, "https://resource")


def call(service: Service) -> dict[str, Any]:
    return service.post_json("Call", "/path", {"a": 1}, Deadline(5))


def sent_tokens(server: Loopback) -> list[str]:
    return [sent.headers["authorization"] for sent in server.requests]


def test_a_token_that_is_refused_is_replaced_once(server: Loopback, service: Service) -> None:
    server.answer(reply(401, {"error": {"code": "401", "message": "expired"}}), reply(body={"ok": True}))
    assert call(service) == {"ok": True}
    assert sent_tokens(server) == ["Bearer token-1", "Bearer token-2"]
    purse: Any = service.cloud.tokens
    assert isinstance(purse, Purse)
    assert purse.asked == ["https://resource"] * 2


def test_a_new_token_that_is_refused_too_is_the_end(server: Loopback, service: Service) -> None:
    server.answer(reply(401, {"error": {"code": "Unauthorized", "message": "who are you?"}}))
    with pytest.raises(Refused, match=r"Unauthorized \(401\): who are you"):
        call(service)
    assert len(server.requests) == 2


@pytest.mark.parametrize("status", [400, 403, 404])
def test_any_other_refusal_keeps_the_token(server: Loopback, service: Service, status: int) -> None:
    server.answer(reply(status, {"error": {"code": "No", "message": "no"}}))
    with pytest.raises(Refused):
        call(service)
    assert sent_tokens(server) == ["Bearer token-1"]


def test_a_stream_gets_a_new_token_too(server: Loopback, service: Service) -> None:
    server.answer(reply(401), chunked(b"hello", content_type="text/event-stream"))
    stream = service.stream_json("Call", "/path", {}, Deadline(5))
    assert b"".join(stream.chunks) == b"hello"
    assert sent_tokens(server) == ["Bearer token-1", "Bearer token-2"]


@pytest.mark.parametrize("header", ["retry-after-ms", "x-ms-retry-after-ms"])
def test_a_throttled_call_waits_as_long_as_the_service_asks(
    server: Loopback, service: Service, clock: Clock, header: str
) -> None:
    server.answer(reply(429, headers={header: "1750"}), reply(body={"ok": True}))
    call(service)
    assert clock.slept == [1.75]


@pytest.mark.parametrize("body", [b"", b"[]", b"text", b"[" * 100_000])
def test_an_answer_that_is_no_json_object_is_an_error(
    server: Loopback, service: Service, body: bytes
) -> None:
    server.answer(reply(body=body))
    with pytest.raises(Unavailable, match="MalformedResponse"):
        call(service)


COSMOS = {"code": "NotFound", "message": "Resource Not Found."}
FOUNDRY = {"error": {"code": "DeploymentNotFound", "message": "no such deployment", "type": None}}
IDENTITY = {"statusCode": 400, "message": "no identity"}
STORAGE = (
    b"\xef\xbb\xbf<?xml version='1.0'?><Error><Code>QueueNotFound</Code><Message>no queue</Message></Error>"
)


@pytest.mark.parametrize(
    ("status", "headers", "body", "code", "message"),
    [
        (404, {}, COSMOS, "NotFound", "Resource Not Found."),
        (404, {"x-ms-substatus": "0"}, COSMOS, "NotFound", "Resource Not Found."),
        (404, {"x-ms-substatus": "1003"}, COSMOS, "NotFound.1003", "Resource Not Found."),
        (404, {}, FOUNDRY, "DeploymentNotFound", "no such deployment"),
        (400, {}, IDENTITY, "400", "no identity"),
        (404, {"x-ms-error-code": "QueueNotFound"}, STORAGE, "QueueNotFound", "no queue"),
        (502, {}, b"<html>Bad gateway</html>", "502", "<html>Bad gateway</html>"),
        (400, {}, b"<Error><Message>cut", "400", "<Error><Message>cut"),
        (403, {}, {"error": "forbidden"}, "403", '{"error": "forbidden"}'),
        (
            403,
            {},
            {"error": {"code": 5, "message": ["a"]}},
            "403",
            '{"error": {"code": 5, "message": ["a"]}}',
        ),
    ],
)
def test_an_error_is_read_in_the_words_of_its_service(
    status: int, headers: dict[str, str], body: Any, code: str, message: str
) -> None:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    error = decode("Service", "Call", Response(status, headers, data))
    assert (error.status, error.code, error.message) == (status, code, message)


@given(
    STATUSES, st.binary() | st.text().map(str.encode), st.dictionaries(st.just("x-ms-substatus"), st.text())
)
def test_any_failed_response_makes_a_service_error(status: int, body: bytes, headers: dict[str, str]) -> None:
    error = decode("Service", "Call", Response(status, headers, body))
    assert isinstance(error, ServiceError)
    assert error.code


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Refused), (401, Refused), (403, Refused), (404, Refused), (409, Refused), (412, Refused),
        (413, Refused), (429, Throttled), (449, Throttled), (408, Unavailable), (410, Unavailable),
        (500, Unavailable), (502, Unavailable), (503, Unavailable), (504, Unavailable),
    ],
)  # fmt: skip
def test_what_to_try_again_is_told_by_the_status(status: int, kind: type[ServiceError]) -> None:
    for code in ("anything", "429", "server_error"):
        assert type(classify("Service", "Call", status, code, "")) is kind


@pytest.mark.parametrize(
    ("code", "kind"),
    [("429", Throttled), ("server_error", Unavailable), ("500", Unavailable), ("content_filter", Refused)],
)
def test_without_a_status_the_code_tells(code: str, kind: type[ServiceError]) -> None:
    assert type(classify("Service", "Call", 0, code, "")) is kind
