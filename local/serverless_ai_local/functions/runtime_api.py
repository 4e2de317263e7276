"""The Lambda Runtime API (2018-06-01) of one execution environment, on a port of its own."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Protocol

PREFIX = "/2018-06-01/runtime/"
TOO_LARGE = "too large"
"""What a conversation answers to a result over Lambda's limit."""
POLL_S = 0.5


class Conversation(Protocol):
    """The environment, as its runtime sees it through the API."""

    def next(self) -> tuple[bytes, Mapping[str, str]] | None:
        """The next event and its headers; waits for one. None: the environment is shut down."""
        ...

    def answered(self, request_id: str, body: bytes, *, streamed: bool) -> str | None:
        """A result; returns why it is not taken, e.g. because it is too large."""
        ...

    def chunk(self, request_id: str, data: bytes) -> None:
        """A part of a streamed result; the whole comes with `answered`."""
        ...

    def failed(self, request_id: str, body: bytes) -> str | None:
        """The handler failed; returns why this is not taken."""
        ...

    def init_failed(self, body: bytes) -> None: ...


class RuntimeApi(ThreadingHTTPServer):
    """Serves one conversation; one thread a connection."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, conversation: Conversation) -> None:
        self.conversation = conversation
        super().__init__(("127.0.0.1", 0), _Request)
        threading.Thread(target=self.serve_forever, args=(POLL_S,), daemon=True).start()

    @property
    def address(self) -> str:
        """Value of AWS_LAMBDA_RUNTIME_API."""
        return f"127.0.0.1:{self.server_address[1]}"

    def close(self) -> None:
        """Stop serving, soon: nobody needs to wait for it."""
        threading.Thread(target=self._close, daemon=True).start()

    def _close(self) -> None:
        self.shutdown()
        self.server_close()

    def handle_error(self, request: object, client_address: object) -> None:
        """A broken connection means that the runtime has ended; whoever waits for its process says so."""


class _Request(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: RuntimeApi  # pyright: ignore[reportIncompatibleVariableOverride]

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Every invocation would print two lines."""

    def do_GET(self) -> None:
        if self.path != PREFIX + "invocation/next":
            self._refuse(404, "NotFound", f"GET {self.path} is not part of the Runtime API")
            return
        event = self.server.conversation.next()
        if event is None:
            self.close_connection = True
            return
        body, headers = event
        self._send(200, body, {"Content-Type": "application/json", **headers})

    def do_POST(self) -> None:
        conversation, streamed = self.server.conversation, False
        parts = self.path.removeprefix(PREFIX).split("/")
        if parts == ["init", "error"]:
            conversation.init_failed(self._body())
            self._accepted(None)
        elif len(parts) == 3 and parts[0] == "invocation" and parts[2] == "error":
            self._accepted(conversation.failed(parts[1], self._body()))
        elif len(parts) == 3 and parts[0] == "invocation" and parts[2] == "response":
            mode = self.headers.get("Lambda-Runtime-Function-Response-Mode", "")
            streamed = mode.lower() == "streaming"
            body, trailers = self._stream(parts[1]) if streamed else (self._body(), {})
            if "lambda-runtime-function-error-type" in trailers:
                self._accepted(conversation.failed(parts[1], _error_of(trailers)))
            else:
                self._accepted(conversation.answered(parts[1], body, streamed=streamed))
        else:
            self._body()
            self._refuse(404, "NotFound", f"POST {self.path} is not part of the Runtime API")

    def _body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return self._stream("")[0]
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _stream(self, request_id: str) -> tuple[bytes, dict[str, str]]:
        """A chunked body, handed on as it comes, and its trailers."""
        whole = bytearray()
        while size := int(self.rfile.readline().split(b";")[0], 16):
            data = self.rfile.read(size)
            self.rfile.readline()
            whole += data
            if request_id:
                self.server.conversation.chunk(request_id, data)
        trailers: dict[str, str] = {}
        while line := self.rfile.readline().strip():
            name, _, value = line.decode("latin-1").partition(":")
            trailers[name.strip().lower()] = value.strip()
        return bytes(whole), trailers

    def _accepted(self, refusal: str | None) -> None:
        if refusal is None:
            self._send(202, b'{"status":"OK"}')
        elif refusal == TOO_LARGE:
            self._refuse(413, "RequestEntityTooLarge", "the response is larger than Lambda allows")
        else:
            self._refuse(400, "InvalidRequestID", refusal)

    def _refuse(self, status: int, kind: str, message: str) -> None:
        self._send(status, json.dumps({"errorType": kind, "errorMessage": message}).encode())

    def _send(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()


def _error_of(trailers: Mapping[str, str]) -> bytes:
    """What a stream that broke off says about its error: JSON in base64."""
    try:
        body = json.loads(base64.b64decode(trailers.get("lambda-runtime-function-error-body", "")))
    except ValueError:
        body = {}
    return json.dumps({"errorType": trailers["lambda-runtime-function-error-type"], **body}).encode()
