"""The HTTP client against a server that stalls, drips, lies and breaks off: never past the deadline."""

from __future__ import annotations

import threading
import time

import pytest
from http_caller import Caller, judge
from loopback import Loopback, chunked, drip, raw, reply, stall

from serverless_ai_runtime.core.ports import (
    Deadline,
    Refused,
    TimedOut,
    Unavailable,
)
from serverless_ai_runtime.http import (
    MAX_ATTEMPTS,
    MAX_RESPONSE_BYTES,
)

OK = reply(body={"ok": True})
BUSY = reply(429)
BROKEN = reply(503)


HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n"
LONG_HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 4000\r\n\r\n"


@pytest.mark.parametrize("data", [b"", b"HTTP/1.1 200", HEAD, HEAD + b"half"], ids=repr)
def test_a_stall_ends_at_the_deadline(
    server: Loopback, caller: Caller, released: threading.Event, data: bytes
) -> None:
    server.answer(stall(released, data))
    with pytest.raises(TimedOut):
        caller.send(seconds=0.2)


@pytest.mark.parametrize(
    "data",
    [LONG_HEAD + b"x" * 4000, b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 80 + b"c: " + b"d" * 3000],
    ids=["body", "head"],
)
def test_a_server_that_drips_cannot_pass_the_deadline(
    server: Loopback, caller: Caller, released: threading.Event, data: bytes
) -> None:
    server.answer(drip(released, data, every_s=0.02))
    started = time.monotonic()
    with pytest.raises(TimedOut):
        caller.send(seconds=0.2)
    assert time.monotonic() - started < 20  # all of it would take a minute and more


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
