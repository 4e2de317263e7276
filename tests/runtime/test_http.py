"""The HTTP client against a real server: connections that are kept, and retries that fit."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate

import pytest
from http_caller import Caller
from loopback import Loopback, raw, reply

from serverless_ai_runtime.core.ports import (
    Refused,
    ServiceError,
    Throttled,
    TimedOut,
    Unavailable,
)
from serverless_ai_runtime.http import (
    FIRST_WAIT_S,
    MAX_ATTEMPTS,
    MAX_IDLE_S,
)

OK = reply(body={"ok": True})
BUSY = reply(429)
BROKEN = reply(503)
HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n"


def test_a_request_arrives_as_it_was_given(server: Loopback, caller: Caller) -> None:
    server.answer(OK)
    response = caller.send()
    assert (response.status, response.body) == (200, b'{"ok": true}')
    assert response.headers["content-type"] == "application/json"
    (request,) = server.requests
    assert (request.method, request.target, request.body) == ("POST", "/p/q?a=b", b"body")
    assert request.headers == {"host": "here", "x-attempt": "1", "content-length": "4"}


def test_connections_are_used_again(server: Loopback, caller: Caller) -> None:
    server.answer(OK)
    for _ in range(3):
        caller.send()
    assert [request.connection for request in server.requests] == [1, 1, 1]


def test_a_connection_that_the_server_closes_is_not_used_again(server: Loopback, caller: Caller) -> None:
    server.answer(reply(body={}, headers={"connection": "close"}))
    caller.send()
    caller.send()
    assert [request.connection for request in server.requests] == [1, 2]


def test_a_connection_closed_while_idle_is_replaced_at_once(server: Loopback, caller: Caller) -> None:
    server.answer(OK)
    caller.send()
    server.hang_up()
    assert caller.send().status == 200
    assert caller.clock.slept == []
    assert server.requests[-1].headers["x-attempt"] == "3", "each attempt is signed anew"


def test_a_connection_that_was_idle_for_long_is_not_trusted(server: Loopback, caller: Caller) -> None:
    server.answer(OK)
    caller.send()
    caller.idle_clock.now += MAX_IDLE_S
    caller.send()
    assert [request.connection for request in server.requests] == [1, 2]


@pytest.mark.parametrize("failure", [BUSY, BROKEN, raw(b""), raw(b"", reset=True)])
def test_a_passing_failure_is_tried_again_and_signed_again(
    server: Loopback, caller: Caller, failure: object
) -> None:
    server.answer(failure, failure, OK)  # pyright: ignore[reportArgumentType]
    assert caller.send().status == 200
    assert caller.clock.slept == [0.5 * FIRST_WAIT_S, 0.5 * 2 * FIRST_WAIT_S]
    assert [request.headers["x-attempt"] for request in server.requests] == ["1", "2", "3"]


def test_the_wait_is_all_jitter(server: Loopback) -> None:
    server.answer(BUSY, OK)
    caller = Caller(server, jitter=0.0)
    caller.send()
    assert caller.clock.slept == [0.0]


@pytest.mark.parametrize(("failure", "kind"), [(BUSY, Throttled), (BROKEN, Unavailable)])
def test_attempts_are_bounded(
    server: Loopback, caller: Caller, failure: object, kind: type[ServiceError]
) -> None:
    server.answer(failure)  # pyright: ignore[reportArgumentType]
    with pytest.raises(kind):
        caller.send()
    assert len(server.requests) == MAX_ATTEMPTS


def test_a_final_refusal_is_not_tried_again(server: Loopback, caller: Caller) -> None:
    server.answer(reply(400))
    with pytest.raises(Refused):
        caller.send()
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"retry-after": "3"}, 3),
        ({"Retry-After": "0"}, 0.5 * FIRST_WAIT_S),
        ({"retry-after-ms": "1500"}, 1.5),
        ({"retry-after": "soon"}, 0.5 * FIRST_WAIT_S),
        ({"retry-after": "-5"}, 0.5 * FIRST_WAIT_S),
        ({"retry-after": "Tue, 01 Jan 1980 00:00:00 GMT"}, 0.5 * FIRST_WAIT_S),
    ],
    ids=str,
)
def test_the_server_says_how_long_to_wait(
    server: Loopback, caller: Caller, headers: dict[str, str], wait: float
) -> None:
    server.answer(reply(429, headers=headers), OK)
    caller.send()
    assert caller.clock.slept == [wait]


def test_a_date_to_wait_for_is_understood(server: Loopback, caller: Caller) -> None:
    date = formatdate(time.time() + 3, usegmt=True)
    server.answer(reply(503, headers={"retry-after": date}), OK)
    caller.send()
    assert 1 < caller.clock.slept[0] <= 3


def test_a_wait_that_does_not_fit_is_not_begun(server: Loopback, caller: Caller) -> None:
    server.answer(reply(429, headers={"retry-after": "60"}))
    with pytest.raises(Throttled) as caught:
        caller.send(seconds=5)
    assert caught.value.retry_after_s == 60
    assert caller.clock.slept == []


def test_without_time_nothing_is_sent(server: Loopback, caller: Caller) -> None:
    server.answer(OK)
    with pytest.raises(TimedOut):
        caller.send(seconds=0)
    assert server.requests == []


class TestWhatMustNotBeSentTwice:
    @pytest.mark.parametrize("failure", [BROKEN, raw(b""), raw(HEAD + b"half")])
    def test_is_not_repeated_when_it_may_have_arrived(
        self, server: Loopback, caller: Caller, failure: object
    ) -> None:
        server.answer(failure)  # pyright: ignore[reportArgumentType]
        with pytest.raises(Unavailable):
            caller.send(repeatable=False)
        assert len(server.requests) == 1

    def test_is_repeated_when_the_service_says_that_it_did_nothing(
        self, server: Loopback, caller: Caller
    ) -> None:
        server.answer(BUSY, OK)
        assert caller.send(repeatable=False).status == 200

    def test_is_repeated_when_nobody_was_reached(self, caller: Caller) -> None:
        with pytest.raises(Unavailable):
            caller.send(repeatable=False, url="http://127.0.0.1:1/")
        assert len(caller.clock.slept) == MAX_ATTEMPTS - 1


def test_many_threads_share_one_client(server: Loopback, caller: Caller) -> None:
    server.answer(OK)
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: caller.send().status, range(80)))
    assert statuses == [200] * 80
    assert len(server.connections) <= 8
