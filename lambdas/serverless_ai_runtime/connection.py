"""One connection to a server on which every byte is sent and read within a deadline.

Responses are parsed by `http.client`. Its own connection class is not used because its timeouts are per read:
a server that drips bytes could hold an invocation far past its deadline.
"""

from __future__ import annotations

import io
import socket
from collections.abc import Callable
from http.client import HTTPResponse
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import SplitResult

from serverless_ai_runtime.core.ports import Deadline

if TYPE_CHECKING:
    from ssl import SSLContext

    from _typeshed import WriteableBuffer

CONNECT_S: Final = 3.0
"""Patience with one address of a host, and with its TLS handshake."""


class ConnectFailed(OSError):
    """Nothing was sent: the server could not be reached."""


class Connection:
    """A socket that can be asked one thing after another."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._wire: _Wire | None = None
        self.idle_since = 0.0

    @property
    def answered(self) -> bool:
        """Whether a byte of the response to the last request has arrived."""
        return self._wire is not None and self._wire.received

    def ask(self, method: str, data: bytes, deadline: Deadline) -> HTTPResponse:
        """Send a request; returns the response with its head parsed. Raises `OSError`, `HTTPException`."""
        self._wire = _Wire(self._sock, deadline)
        self._sock.settimeout(_left(deadline))
        self._sock.sendall(data)
        response = HTTPResponse(cast("socket.socket", self._wire), method=method)
        try:
            response.begin()
        except BaseException:
            response.close()
            raise
        return response

    def close(self) -> None:
        self._sock.close()


def connect(url: SplitResult, deadline: Deadline, tls: Callable[[], SSLContext]) -> Connection:
    """A new connection to the server of `url`; raises `ConnectFailed`. Resolving its name has no timeout."""
    secure = url.scheme == "https"
    host = url.hostname or ""
    try:
        sock = _dial(host, url.port or (443 if secure else 80), deadline)
        if secure:
            sock = tls().wrap_socket(sock, server_hostname=host)
    except OSError as error:
        raise ConnectFailed(f"{host}: {error}") from error
    return Connection(sock)


def _dial(host: str, port: int, deadline: Deadline) -> socket.socket:
    failure = OSError("the name has no address")
    # Bytes, because for a string the resolver first loads the codec of international names.
    for family, kind, protocol, _, address in socket.getaddrinfo(
        host.encode(), port, type=socket.SOCK_STREAM
    ):
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(min(CONNECT_S, _left(deadline)))
            sock.connect(address)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            sock.close()
            failure = error
        else:
            return sock
    raise failure


def _left(deadline: Deadline) -> float:
    left = deadline.remaining()
    if left <= 0:
        raise TimeoutError("no time left")
    return left


class _Wire(io.RawIOBase):
    """The socket as `HTTPResponse` wants it: something to make a file of."""

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._sock, self._deadline = sock, deadline
        self.received = False

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        self._sock.settimeout(_left(self._deadline))
        count = self._sock.recv_into(buffer)
        self.received = self.received or count > 0
        return count
