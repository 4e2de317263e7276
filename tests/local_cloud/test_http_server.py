"""The HTTP server itself: connections, lengths, streams and bad requests."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from serverless_ai_local.http_server import HEADERS, Server, sent

Start = Callable[..., Any]


class App:
    """Answers with what the path asks for."""

    def __init__(self) -> None:
        self.seen: list[dict[str, Any]] = []

    def __call__(self, environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        self.seen.append(environ)
        path = environ["PATH_INFO"]
        if path == "/stream":
            start("200 OK", [("Content-Type", "text/plain")])
            return (b"part%d " % n for n in range(3))
        if path == "/empty":
            start("204 No Content", [])
            return []
        if path == "/gone":
            raise ConnectionAbortedError("no answer")
        if path == "/bug":
            raise RuntimeError("a bug")
        body = environ["wsgi.input"].read() or b"nothing"
        start("200 OK", [("Content-Length", str(len(body)))])
        return [body]


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[int, App]]:
    server, app = Server("127.0.0.1", 0), App()
    server.application = app
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield int(server.server_address[1]), app
    server.shutdown()
    server.server_close()


@pytest.fixture
def port(served: tuple[int, App]) -> int:
    return served[0]


def talk(port: int, data: bytes) -> bytes:
    """Everything the server sends on one connection until it closes it."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        found = b""
        while part := connection.recv(65536):
            found += part
        return found


def test_a_connection_is_kept_and_no_call_waits_for_a_delayed_acknowledgement(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.connect()
    kept = connection.sock
    took: list[float] = []
    for number in range(30):
        started = time.perf_counter()
        connection.request("POST", "/echo", b"x" * number)
        assert connection.getresponse().read() == (b"x" * number or b"nothing")
        took.append(time.perf_counter() - started)
    assert connection.sock is kept
    assert sorted(took)[len(took) // 2] < 0.02, "40 ms would be a delayed acknowledgement"
    connection.close()


def test_a_stream_without_a_length_is_chunked_and_ends(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    for _ in range(2):
        connection.request("GET", "/stream")
        response = connection.getresponse()
        assert response.getheader("transfer-encoding") == "chunked"
        assert response.read() == b"part0 part1 part2 "
    connection.close()


def test_an_old_client_gets_a_stream_that_ends_with_the_connection(port: int) -> None:
    answer = talk(port, b"GET /stream HTTP/1.0\r\nHost: x\r\n\r\n")
    assert b"chunked" not in answer
    assert answer.endswith(b"\r\n\r\npart0 part1 part2 ")


def test_answers_without_a_body(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    for method, path, status in (("GET", "/empty", 204), ("HEAD", "/echo", 200), ("HEAD", "/stream", 200)):
        connection.request(method, path)
        response = connection.getresponse()
        assert (response.status, response.read()) == (status, b"")
    connection.request("GET", "/echo")
    assert connection.getresponse().read() == b"nothing"
    connection.close()


def test_a_chunked_request_is_put_together(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("POST", "/echo", iter([b"one ", b"two ", b"three"]), encode_chunked=True,
                       headers={"Transfer-Encoding": "chunked"})  # fmt: skip
    assert connection.getresponse().read() == b"one two three"
    connection.close()


def test_expect_100_is_answered_once_before_the_body(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(
            b"PUT /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
        )
        assert connection.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"hi")
        answer = connection.recv(1000)
        assert answer.startswith(b"HTTP/1.1 200 OK")
        assert answer.endswith(b"hi")


def test_requests_after_each_other_without_waiting(port: int) -> None:
    one = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n"
    answer = talk(port, one + b"a" + one + b"b" + one + b"c")
    assert answer.count(b"HTTP/1.1 200 OK") == 3
    assert answer.endswith(b"c")


@pytest.mark.parametrize(
    ("head", "body"),
    [
        (b"Content-Length: -1", b""),
        (b"Content-Length: 99999999999999", b""),
        (b"Content-Length: ten", b""),
        (b"Content-Length: 10", b"short"),
        (b"Transfer-Encoding: chunked", b"zz\r\n"),
        (b"Transfer-Encoding: chunked", b"-5\r\n"),
        (b"Transfer-Encoding: chunked", b"ffffffffffff\r\n"),
    ],
)
def test_a_body_that_cannot_be_is_a_400_and_the_end_of_the_connection(
    port: int, head: bytes, body: bytes
) -> None:
    answer = talk(port, b"POST /echo HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n\r\n" + body)
    assert answer.startswith(b"HTTP/1.1 400")
    assert answer.count(b"HTTP/1.1") == 1


def test_garbage_gets_an_error_and_the_server_lives_on(port: int) -> None:
    for data in (b"\x00\x01\x02\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"A" * 70_000):
        talk(port, data)
    assert talk(port, b"GET /echo HTTP/1.0\r\n\r\n").endswith(b"nothing")


def test_an_application_that_gives_no_answer_closes_the_connection(port: int) -> None:
    for path in (b"/gone", b"/bug"):
        assert talk(port, b"GET " + path + b" HTTP/1.1\r\nHost: x\r\n\r\n") == b""


def test_the_application_sees_the_request_as_it_was_sent(served: tuple[int, App]) -> None:
    port, app = served
    talk(port, b"POST //a%2Fb/%C3%BC?x=%20&y HTTP/1.0\r\nHost: x\r\nX-a_b: 1\r\nX-A-B: 2\r\nx-a-b: 3\r\n"
         b"Content-Length: 2\r\n\r\nhi")  # fmt: skip
    environ = app.seen[-1]
    request = sent(environ)
    assert (request.method, request.path, request.query, request.body) == (
        "POST",
        "//a%2Fb/%C3%BC",
        "x=%20&y",
        b"hi",
    )
    assert [name for name, _ in environ[HEADERS]] == ["Host", "X-a_b", "X-A-B", "x-a-b", "Content-Length"]
    assert environ["QUERY_STRING"] == "x=%20&y"
    assert environ["PATH_INFO"].encode("latin-1").decode() == "//a/b/ü"


def test_many_connections_at_once(port: int) -> None:
    def ask(number: int) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        body = b"%d" % number
        for _ in range(5):
            connection.request("POST", "/echo", body)
            if connection.getresponse().read() != body:
                return False
        connection.close()
        return True

    with ThreadPoolExecutor(20) as pool:
        assert all(pool.map(ask, range(60)))
