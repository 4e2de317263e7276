"""A real server on this machine whose answers, good and hostile, are scripted by the test."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

Script = Callable[[socket.socket], bool]
"""Answers one request; returns whether the connection stays open."""


class Received(NamedTuple):
    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    connection: int
    """Number of the connection that it came over."""

    def json(self) -> Any:
        return json.loads(self.body)


class Loopback:
    """Answers requests with `scripts` in turn; the last one is repeated."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.scripts: deque[Script] = deque()
        self.requests: list[Received] = []
        self.connections: list[socket.socket] = []
        self.closing = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def answer(self, *scripts: Script) -> None:
        self.scripts.extend(scripts)

    def hang_up(self) -> None:
        """Close the idle connections, as a server does."""
        for connection in self.connections:
            _close(connection)

    def stop(self) -> None:
        self.closing.set()
        self._socket.close()
        self.hang_up()

    def _accept(self) -> None:
        while not self.closing.is_set():
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections.append(connection)
            number = len(self.connections)
            threading.Thread(target=self._serve, args=(connection, number), daemon=True).start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        try:
            with connection.makefile("rb") as reader:
                while request := _read(reader, number):
                    self.requests.append(request)
                    script = self.scripts.popleft() if len(self.scripts) > 1 else self.scripts[0]
                    if not script(connection):
                        return
        except OSError:
            return
        finally:
            _close(connection)


@contextmanager
def loopback() -> Iterator[Loopback]:
    server = Loopback()
    try:
        yield server
    finally:
        server.stop()


def reply(
    status: int = 200, body: bytes | Mapping[str, Any] = b"{}", headers: Mapping[str, str] | None = None
) -> Script:
    """A well-formed response on a connection that stays open."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = {"content-type": "application/json", "content-length": str(len(data)), **(headers or {})}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return raw(f"HTTP/1.1 {status} X\r\n{head}\r\n".encode() + data, stay=True)


def chunked(*parts: bytes, content_type: str = "application/vnd.amazon.eventstream") -> Script:
    """A response in chunks, as a stream comes."""
    head = f"HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\ntransfer-encoding: chunked\r\n\r\n".encode()
    return raw(head + b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (*parts, b"")), stay=True)


def raw(data: bytes, *, stay: bool = False, reset: bool = False) -> Script:
    """Exactly these bytes; then the connection is kept (`stay`), closed, or reset."""

    def script(connection: socket.socket) -> bool:
        connection.sendall(data)
        if reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return stay

    return script


def stall(released: threading.Event, data: bytes = b"") -> Script:
    """Some bytes, then silence until `released`."""

    def script(connection: socket.socket) -> bool:
        connection.sendall(data)
        released.wait(30)
        return False

    return script


def drip(released: threading.Event, data: bytes, every_s: float) -> Script:
    """One byte after another, too slowly."""

    def script(connection: socket.socket) -> bool:
        for byte in data:
            connection.sendall(bytes((byte,)))
            if released.wait(every_s):
                return False
        return True

    return script


def _read(reader: Any, number: int) -> Received | None:
    line = reader.readline().decode("latin-1").split()
    if not line:
        return None
    headers: dict[str, str] = {}
    while name := reader.readline().decode("latin-1").strip():
        key, _, value = name.partition(":")
        headers[key.lower()] = value.strip()
    return Received(line[0], line[1], headers, reader.read(int(headers.get("content-length", 0))), number)


def _close(connection: socket.socket) -> None:
    with suppress(OSError):  # whoever came first
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()


def free_port() -> int:
    """For a server in another process."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]
