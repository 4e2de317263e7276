"""A call with a token that is no longer taken is made once more; Google's errors become the neutral ones."""

from __future__ import annotations

import json
from typing import Any

import pytest
from google_calls import cloud
from hypothesis import given
from hypothesis import strategies as st
from loopback import Loopback, chunked, reply
from memory_ports import Clock

from serverless_ai_runtime.adapters.gcp.errors import decode, from_status
from serverless_ai_runtime.adapters.service import Service
from serverless_ai_runtime.core.ports import Deadline, Refused, ServiceError, Throttled, Unavailable
from serverless_ai_runtime.http import Response


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def service(server: Loopback, clock: Clock) -> Service:
    return Service(cloud(clock.world()), "Service", server.url, "scope")


def call(service: Service, seconds: float = 60, *, repeatable: bool = True) -> Any:
    return service.post_json("Call", "/path", {"a": 1}, Deadline(seconds), repeatable=repeatable)


def sent_tokens(server: Loopback) -> list[str]:
    return [sent.headers["authorization"] for sent in server.requests]


def failed(status: int, code: str, message: str = "so it is", *details: object) -> dict[str, Any]:
    return {"error": {"code": status, "message": message, "status": code, "details": list(details)}}


def retry_info(delay: object) -> dict[str, object]:
    return {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}


EXPIRED = failed(401, "UNAUTHENTICATED", "expired")


def test_a_token_that_is_refused_is_replaced_once(server: Loopback, service: Service) -> None:
    server.answer(reply(401, EXPIRED), reply(body={"ok": True}))
    assert call(service) == {"ok": True}
    assert sent_tokens(server) == ["Bearer token-1", "Bearer token-2"]


def test_a_new_token_that_is_refused_too_is_the_end(server: Loopback, service: Service) -> None:
    server.answer(reply(401, EXPIRED))
    with pytest.raises(Refused, match=r"UNAUTHENTICATED \(401\): expired"):
        call(service)
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("status", "code"), [(400, "INVALID_ARGUMENT"), (403, "PERMISSION_DENIED"), (404, "NOT_FOUND")]
)
def test_any_other_refusal_keeps_the_token(
    server: Loopback, service: Service, status: int, code: str
) -> None:
    server.answer(reply(status, failed(status, code)))
    with pytest.raises(Refused, match=code):
        call(service)
    assert sent_tokens(server) == ["Bearer token-1"]


def test_a_stream_gets_a_new_token_too(server: Loopback, service: Service) -> None:
    server.answer(
        reply(401, json.dumps([EXPIRED]).encode()), chunked(b"hello", content_type="text/event-stream")
    )
    stream = service.stream_json("Call", "/path", {}, Deadline(5))
    assert b"".join(stream.chunks) == b"hello"
    assert sent_tokens(server) == ["Bearer token-1", "Bearer token-2"]


@pytest.mark.parametrize(("delay", "seconds"), [("13s", 13.0), ("1.750s", 1.75), ("0.5s", 0.5)])
def test_a_throttled_call_waits_as_long_as_the_service_asks(
    server: Loopback, service: Service, clock: Clock, delay: str, seconds: float
) -> None:
    other = {"@type": "type.googleapis.com/google.rpc.Help", "links": []}
    server.answer(
        reply(429, failed(429, "RESOURCE_EXHAUSTED", "slow", other, retry_info(delay))),
        reply(body={"ok": True}),
    )
    call(service)
    assert clock.slept == [seconds]


def test_the_longer_of_header_and_body_is_waited(server: Loopback, service: Service, clock: Clock) -> None:
    busy = failed(503, "UNAVAILABLE", "busy", retry_info("2s"))
    server.answer(
        reply(503, busy, {"retry-after": "3"}),
        reply(503, busy, {"retry-after": "1"}),
        reply(body={"ok": True}),
    )
    call(service)
    assert clock.slept == [3.0, 2.0]


def test_a_wait_that_does_not_fit_ends_the_call_and_is_told(server: Loopback, service: Service) -> None:
    server.answer(reply(429, failed(429, "RESOURCE_EXHAUSTED", "slow", retry_info("3600s"))))
    with pytest.raises(Throttled) as caught:
        call(service)
    assert caught.value.retry_after_s == 3600
    assert len(server.requests) == 1


def test_an_aborted_call_did_nothing_and_may_be_repeated(server: Loopback, service: Service) -> None:
    server.answer(reply(409, failed(409, "ABORTED")), reply(body={"ok": True}))
    assert call(service, repeatable=False) == {"ok": True}


@pytest.mark.parametrize("body", [b"", b"text", b"[" * 100_000])
def test_an_answer_that_is_no_json_is_an_error(server: Loopback, service: Service, body: bytes) -> None:
    server.answer(reply(body=body))
    with pytest.raises(Unavailable, match="MalformedResponse"):
        call(service)


def test_a_token_that_would_break_a_header_is_not_sent(server: Loopback) -> None:
    service = Service(cloud(Clock().world(), "t\r\nx-evil: 1"), "Service", server.url, "scope")
    with pytest.raises(Refused, match="line break"):
        call(service)
    assert server.requests == []


def read(status: int, body: object) -> ServiceError:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return decode("Service", "Call", Response(status, {}, data))


@pytest.mark.parametrize(
    ("status", "body", "code", "message"),
    [
        (404, failed(404, "NOT_FOUND", "no such"), "NOT_FOUND", "no such"),
        (400, [failed(400, "INVALID_ARGUMENT", "in a list")], "INVALID_ARGUMENT", "in a list"),
        (403, {"error": {"code": 403}}, "403", ""),
        (403, {"error": {"status": 5, "message": ["a"]}}, "403", ""),
        (502, b"<html>Bad gateway</html>", "502", "<html>Bad gateway</html>"),
        (403, {"error": "access_denied"}, "403", '{"error": "access_denied"}'),
        (400, [], "400", "[]"),
        (400, b"", "400", ""),
        (400, b"[" * 1000, "400", "[" * 500),
    ],
)
def test_an_error_is_read_in_the_words_of_its_service(
    status: int, body: object, code: str, message: str
) -> None:
    error = read(status, body)
    assert (error.status, error.code, error.message) == (status, code, message)


@pytest.mark.parametrize(
    "delay", [None, 5, "", "s", "-1s", "1e3s", "1.2.3s", "nans", "infs", "٣s", "9" * 400 + "s", ["1s"]]
)
def test_a_malformed_delay_is_none(delay: object) -> None:
    assert read(429, failed(429, "RESOURCE_EXHAUSTED", "slow", retry_info(delay))).retry_after_s == 0


@pytest.mark.parametrize("details", [None, "text", [None], ["text"], [[]], {"@type": "x"}, 5])
def test_malformed_details_are_ignored(details: object) -> None:
    error = read(429, {"error": {"status": "RESOURCE_EXHAUSTED", "message": "m", "details": details}})
    assert (error.code, error.retry_after_s) == ("RESOURCE_EXHAUSTED", 0)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["error", "code", "status", "message", "details", "@type"]), inner)
    ),
    max_leaves=12,
)


@given(st.sampled_from([400, 401, 403, 404, 408, 409, 412, 429, 499, 500, 501, 503]), st.binary() | JSON)
def test_any_failed_response_makes_a_service_error(status: int, body: object) -> None:
    error = read(status, body)
    assert isinstance(error, ServiceError)
    assert isinstance(error.code, str)
    assert error.retry_after_s >= 0


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Refused), (401, Refused), (403, Refused), (404, Refused), (409, Refused), (412, Refused),
        (501, Refused), (429, Throttled), (408, Unavailable), (499, Unavailable), (500, Unavailable),
        (502, Unavailable), (503, Unavailable), (504, Unavailable),
    ],
)  # fmt: skip
def test_where_there_is_no_code_the_status_tells(status: int, kind: type[ServiceError]) -> None:
    assert type(read(status, b"<html>")) is kind


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("RESOURCE_EXHAUSTED", Throttled),
        ("ABORTED", Throttled),
        ("INTERNAL", Unavailable),
        ("OTHER", Refused),
    ],
)
def test_without_a_status_the_code_tells(code: str, kind: type[ServiceError]) -> None:
    assert type(from_status("Service", "Call", 0, {"status": code})) is kind
