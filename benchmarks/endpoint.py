"""A stub of the services that the chat handler calls, Bedrock's Converse and DynamoDB. It answers at once."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ANSWER = "It keeps what could not be processed."
CONVERSE = {
    "output": {"message": {"role": "assistant", "content": [{"text": ANSWER}]}},
    "stopReason": "end_turn",
    "usage": {"inputTokens": 20, "outputTokens": 8, "totalTokens": 28},
    "metrics": {"latencyMs": 1},
}
TABLE = {"GetItem": {}, "PutItem": {}, "UpdateItem": {"Attributes": {"count": {"N": "1"}}}}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Both are needed: a small write that waits for an acknowledgement would add 40 ms to every answer.
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        operation = self.headers.get("X-Amz-Target", "").rpartition(".")[2]
        if operation in TABLE:
            self._answer(200, TABLE[operation])
        elif self.path.endswith("/converse"):
            self._answer(200, CONVERSE)
        else:
            self._answer(400, {"message": f"the stub knows no {operation or self.path}"})

    def _answer(self, status: int, value: Any) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, *_: Any) -> None:
        """Keep the terminal for the tables."""


@contextmanager
def serve() -> Iterator[int]:
    """Port of a running stub on 127.0.0.1."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
