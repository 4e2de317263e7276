"""A small threaded HTTP/1.1 server for a WSGI application: keep-alive, no Nagle delay, streamed answers.

Werkzeug's own development server closes every connection and waits 10 ms after each answer for stray bytes:
more than most calls take.
"""

from __future__ import annotations

import io
import sys
import traceback
from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer as _TCPServer
from socketserver import ThreadingMixIn
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from serverless_ai_local.aws.signatures import Sent

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
"""WSGI's: (status, headers)."""
Application = Callable[[Environ, StartResponse], Iterable[bytes]]

HEADERS: Final = "serverless_ai.headers"
"""Environ key of the headers as they were sent: list of (name, value). WSGI folds `-` and `_` into one."""
MAX_BODY: Final = 512 * 1024 * 1024
IDLE_S: Final = 120
_NO_BODY: Final = ("204", "304")


def sent(environ: Environ) -> Sent:
    """The request as it came over the wire."""
    parts = urlsplit(_absolute(environ["RAW_URI"]))
    body: bytes = environ["wsgi.input"].getvalue()
    return Sent(
        method=environ["REQUEST_METHOD"],
        path=parts.path,
        query=parts.query,
        headers=environ[HEADERS],
        body=body,
    )


def _absolute(target: str) -> str:
    return target if "://" in target.partition("?")[0] else f"http://host{target}"


class BadRequestError(Exception):
    """The request cannot be read; the connection is closed after saying so."""


class Server(ThreadingMixIn, _TCPServer):
    """One thread a connection; threads die with the process."""

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 128

    application: Application
    """Set before `serve_forever`; the port is known before there is one."""

    def __init__(self, host: str, port: int) -> None:
        """Bind; 0 takes a free port. Raises OSError if the port is taken."""
        super().__init__((host, port), _Connection)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no error; anything else goes to the log with its traceback."""
        if not isinstance(sys.exception(), (ConnectionError, TimeoutError)):
            traceback.print_exc()


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 64 * 1024
    timeout = IDLE_S
    server: Server  # pyright: ignore[reportIncompatibleVariableOverride]

    def __getattr__(self, name: str) -> Callable[[], None]:
        if name.startswith("do_"):
            return self._serve
        raise AttributeError(name)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Access lines are not ours to print: each gateway stage has its own access log."""

    def handle_expect_100(self) -> bool:
        self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self.wfile.flush()
        return True

    def _serve(self) -> None:
        self.path = self.requestline.split()[1]  # the base class takes leading slashes away
        try:
            body = self._body()
        except BadRequestError as error:
            self.close_connection = True
            self.send_error(400, str(error))
            return
        answer = _Answer(self)
        parts = self.server.application(self._environ(body), answer.start)
        try:
            for part in parts:
                answer.write(part)
            answer.end()
        finally:
            close = getattr(parts, "close", None)
            if close is not None:
                close()

    def _body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return _chunks(self.rfile)
        length = self.headers.get("Content-Length", "0")
        if not (length.isascii() and length.isdigit()) or int(length) > MAX_BODY:
            raise BadRequestError(f"Content-Length must be 0..{MAX_BODY}, got {length!r}")
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            raise BadRequestError("the body ended before Content-Length")
        return body

    def _environ(self, body: bytes) -> Environ:
        parts = urlsplit(_absolute(self.path))
        environ: Environ = {
            "REQUEST_METHOD": self.command,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote(parts.path, "latin-1"),
            "QUERY_STRING": parts.query,
            "RAW_URI": self.path,
            "REQUEST_URI": self.path,
            "REMOTE_ADDR": str(self.client_address[0]),
            "SERVER_NAME": str(self.server.server_address[0]),
            "SERVER_PORT": str(self.server.server_address[1]),
            "SERVER_PROTOCOL": self.request_version,
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            "wsgi.input": io.BytesIO(body),
            HEADERS: self.headers.items(),
        }
        for name, value in self.headers.items():
            key = name.upper().replace("-", "_")
            key = key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"
            environ[key] = f"{environ[key]},{value}" if key in environ else value
        environ.pop("HTTP_TRANSFER_ENCODING", None)
        environ["CONTENT_LENGTH"] = str(len(body))
        return environ


class _Answer:
    """Writes one response; chunked when the application does not say how long it is."""

    def __init__(self, connection: _Connection) -> None:
        self._to, self._chunked, self._sent = connection, False, False
        self._status, self._headers = "", list[tuple[str, str]]()

    def start(self, status: str, headers: list[tuple[str, str]]) -> None:
        self._status, self._headers = status, headers

    def write(self, data: bytes) -> None:
        if not self._sent:
            self._head()
        if not data or self._to.command == "HEAD":
            return
        self._to.wfile.write(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data)
        self._to.wfile.flush()

    def end(self) -> None:
        if not self._sent:
            self._head()
        if self._chunked and self._to.command != "HEAD":
            self._to.wfile.write(b"0\r\n\r\n")
        self._to.wfile.flush()

    def _head(self) -> None:
        self._sent = True
        code, _, reason = self._status.partition(" ")
        names = {name.lower() for name, _ in self._headers}
        self._to.send_response_only(int(code), reason)
        for name, value in self._headers:
            self._to.send_header(name, value)
        if "date" not in names:
            self._to.send_header("Date", self._to.date_time_string())
        if "content-length" not in names and code not in _NO_BODY:
            self._chunked = self._to.request_version >= "HTTP/1.1"
            self._to.send_header(
                *(("Transfer-Encoding", "chunked") if self._chunked else ("Connection", "close"))
            )
        self._to.end_headers()


def _chunks(source: Any) -> bytes:
    """Read a body sent with `Transfer-Encoding: chunked`, trailers included."""
    body = bytearray()
    while True:
        line = source.readline(64 * 1024).split(b";")[0].strip()
        try:
            size = int(line, 16)
        except ValueError:
            raise BadRequestError(f"chunk size {line!r} is not a hexadecimal number") from None
        if not 0 <= size <= MAX_BODY - len(body):
            raise BadRequestError(f"the body is larger than {MAX_BODY} bytes")
        if size == 0:
            break
        body += source.read(size)
        source.readline()
    while source.readline(64 * 1024).strip():
        pass  # trailers
    return bytes(body)
