"""The HTTP client against a real server: retries that fit, hostile responses, and never past the deadline."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate

import pytest
from loopback import Loopback, chunked, drip, loopback, raw, reply, stall
from memory_ports import Clock

from serverless_ai_runtime.core.ports import (
    Deadline,
    Refused,
    ServiceError,
    Throttled,
    TimedOut,
    Unavailable,
    World,
)
from serverless_ai_runtime.http import (
    FIRST_WAIT_S,
    MAX_ATTEMPTS,
    MAX_IDLE_S,
    MAX_RESPONSE_BYTES,
    HttpClient,
    Request,
    Response,
)

OK = reply(body={"ok": True})
BUSY = reply(429)
BROKEN = reply(503)


@pytest.fixture
def server() -> Iterator[Loopback]:
    with loopback() as running:
        yield running


@pytest.fixture
def released(server: Loopback) -> Iterator[threading.Event]:
    """Lets a stalling server go when the test is over."""
    event = threading.Event()
    yield event
    event.set()


class Caller:
    """A client whose waits are counted and not slept."""

    def __init__(self, server: Loopback, *, jitter: float = 0.5) -> None:
        self.server, self.clock = server, Clock()
        self.idle_clock = Clock(0)
        self.attempts = 0
        world = World(time.time, self.clock.sleep, lambda: jitter, lambda: "")
        self.client = HttpClient(world, self.idle_clock)

    def request(self, **changes: object) -> Request:
        request = Request("Service", "Call", "POST", f"{self.server.url}/p/q?a=b", b"body", self.headers)
        return request._replace(**changes)  # pyright: ignore[reportArgumentType]

    def headers(self) -> dict[str, str]:
        self.attempts += 1
        return {"host": "here", "x-attempt": str(self.attempts)}

    def send(self, seconds: float = 5, **changes: object) -> Response:
        return self.client.send(self.request(**changes), judge, Deadline(seconds))


@pytest.fixture
def caller(server: Loopback) -> Caller:
    return Caller(server)


def judge(response: Response) -> ServiceError | None:
    if response.status < 300:
        return None
    kind = {429: Throttled, 503: Unavailable}.get(response.status, Refused)
    return kind("Service", "Call", response.status, "Code", "message")


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


HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n"


@pytest.mark.parametrize("data", [b"", b"HTTP/1.1 200", HEAD, HEAD + b"half"], ids=repr)
def test_a_stall_ends_at_the_deadline(
    server: Loopback, caller: Caller, released: threading.Event, data: bytes
) -> None:
    server.answer(stall(released, data))
    started = time.monotonic()
    with pytest.raises(TimedOut):
        caller.send(seconds=0.2)
    assert time.monotonic() - started < 1.0


@pytest.mark.parametrize(
    "data", [HEAD + b"x" * 50, b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 40], ids=["body", "head"]
)
def test_a_server_that_drips_cannot_pass_the_deadline(
    server: Loopback, caller: Caller, released: threading.Event, data: bytes
) -> None:
    server.answer(drip(released, data, every_s=0.02))
    started = time.monotonic()
    with pytest.raises(TimedOut):
        caller.send(seconds=0.2)
    assert time.monotonic() - started < 1.0


def test_one_stalled_attempt_leaves_time_for_another(
    server: Loopback, caller: Caller, released: threading.Event
) -> None:
    server.answer(stall(released), OK)
    assert caller.send(seconds=5, attempt_s=0.1).status == 200
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        HEAD + b"too short",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nab",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab",
        b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 200 OK\r\na: " + b"b" * 70_000 + b"\r\n\r\n",
    ],
    ids=lambda data: repr(data)[:50],
)
def test_a_malformed_response_is_an_error_and_its_connection_is_dropped(
    server: Loopback, caller: Caller, data: bytes
) -> None:
    server.answer(raw(data))
    with pytest.raises(Unavailable):
        caller.send()
    assert {request.connection for request in server.requests} == set(range(1, MAX_ATTEMPTS + 1))


def test_a_response_that_is_too_large_is_a_final_error(server: Loopback, caller: Caller) -> None:
    server.answer(reply(body=b"x" * (MAX_RESPONSE_BYTES + 1)))
    with pytest.raises(Unavailable, match=str(MAX_RESPONSE_BYTES)):
        caller.send()
    assert len(server.requests) == 1


def test_a_reset_in_mid_body_is_tried_again(server: Loopback, caller: Caller) -> None:
    server.answer(raw(HEAD + b"half", reset=True), OK)
    assert caller.send().status == 200


def test_a_server_that_is_not_there_is_unavailable(caller: Caller) -> None:
    with pytest.raises(Unavailable) as caught:
        caller.send(url="http://127.0.0.1:1/")
    assert "127.0.0.1" in caught.value.message
    assert len(caller.clock.slept) == MAX_ATTEMPTS - 1


def test_a_name_that_does_not_resolve_is_unavailable(caller: Caller) -> None:
    with pytest.raises(Unavailable):
        caller.send(url="http://no-such-host.invalid/")


def test_tls_to_a_server_that_does_not_speak_it_is_unavailable(server: Loopback, caller: Caller) -> None:
    server.answer(OK)
    with pytest.raises(Unavailable):
        caller.send(url=server.url.replace("http", "https"), seconds=1)


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


@pytest.mark.parametrize(
    "changes",
    [
        {"headers": lambda: {"a": "b\r\nc: d"}},
        {"headers": lambda: {"a\n": "b"}},
        {"headers": lambda: {"a": "ü"}},
        {"method": "POST / HTTP/1.1\r\nx:"},
    ],
    ids=["value", "name", "not ASCII", "method"],
)
def test_a_line_break_cannot_smuggle_a_header(
    server: Loopback, caller: Caller, changes: dict[str, object]
) -> None:
    server.answer(OK)
    with pytest.raises(Refused, match="line break"):
        caller.send(**changes)
    assert server.requests == []


def test_many_threads_share_one_client(server: Loopback, caller: Caller) -> None:
    server.answer(OK)
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: caller.send().status, range(80)))
    assert statuses == [200] * 80
    assert len(server.connections) <= 8


class TestStreams:
    def read(self, caller: Caller, seconds: float = 5) -> bytes:
        stream = caller.client.stream(caller.request(), judge, Deadline(seconds))
        return b"".join(stream.chunks)

    def test_chunks_arrive_and_the_connection_is_kept(self, server: Loopback, caller: Caller) -> None:
        server.answer(chunked(b"one", b"two"), OK)
        assert self.read(caller) == b"onetwo"
        caller.send()
        assert [request.connection for request in server.requests] == [1, 1]

    def test_a_stream_may_be_longer_than_a_response(self, server: Loopback, caller: Caller) -> None:
        part = b"x" * 1_000_000
        server.answer(chunked(*[part] * 9))
        assert len(self.read(caller)) > MAX_RESPONSE_BYTES

    def test_an_error_before_the_stream_is_tried_again(self, server: Loopback, caller: Caller) -> None:
        server.answer(BUSY, chunked(b"fine"))
        assert self.read(caller) == b"fine"

    def test_a_final_error_before_the_stream_is_raised(self, server: Loopback, caller: Caller) -> None:
        server.answer(reply(400))
        with pytest.raises(Refused):
            self.read(caller)

    def test_a_cut_stream_is_unavailable_and_not_repeated(self, server: Loopback, caller: Caller) -> None:
        server.answer(raw(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n"))
        with pytest.raises(Unavailable):
            self.read(caller)
        assert len(server.requests) == 1

    def test_a_stalled_stream_ends_at_the_deadline(
        self, server: Loopback, caller: Caller, released: threading.Event
    ) -> None:
        server.answer(stall(released, b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n"))
        with pytest.raises(TimedOut):
            self.read(caller, seconds=0.2)

    def test_a_stream_that_is_left_closes_its_connection(self, server: Loopback, caller: Caller) -> None:
        server.answer(chunked(b"one", b"two"), OK)
        stream = caller.client.stream(caller.request(), judge, Deadline(5))
        next(iter(stream.chunks))
        stream.chunks.close()  # pyright: ignore[reportAttributeAccessIssue]
        caller.send()
        assert [request.connection for request in server.requests] == [1, 2]
