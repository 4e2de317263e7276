"""A stub of the services that the chat handlers call, on three clouds. It answers at once."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from fnmatch import fnmatchcase
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, NamedTuple

ANSWER: Final = "It keeps what could not be processed."


class Reply(NamedTuple):
    body: Any
    """Text as it stands, anything else as JSON."""
    status: int = 200


_BEDROCK: Final = {
    "POST /model/*/converse": Reply(
        {
            "output": {"message": {"role": "assistant", "content": [{"text": ANSWER}]}},
            "stopReason": "end_turn",
            "usage": {"inputTokens": 20, "outputTokens": 8, "totalTokens": 28},
            "metrics": {"latencyMs": 1},
        }
    ),
    "POST / *.GetItem": Reply({}),
    "POST / *.PutItem": Reply({}),
    "POST / *.UpdateItem": Reply({"Attributes": {"count": {"N": "1"}}}),
}
SUMMARY: Final = {"results": [{"id": "1", "summary": ANSWER}]}
_PIPELINE: Final = {
    "POST /model/summaries/converse": Reply(
        {
            "output": {"message": {"role": "assistant", "content": [{"text": json.dumps(SUMMARY)}]}},
            "stopReason": "end_turn",
            "usage": {"inputTokens": 20, "outputTokens": 8, "totalTokens": 28},
            "metrics": {"latencyMs": 1},
        }
    ),
    "POST / AWSEvents.PutEvents": Reply({"FailedEntryCount": 0, "Entries": [{"EventId": "stub"}]}),
    "GET /uploads/*": Reply("A bell rings at noon. It is loud."),
    "HEAD /results/*": Reply("", 404),
    "PUT /results/*": Reply(""),
}
_AZURE: Final = {
    "GET /MSI/token": Reply({"access_token": "stub", "expires_on": "4102444800"}),
    "POST /openai/v1/chat/completions": Reply(
        {
            "id": "stub",
            "object": "chat.completion",
            "created": 1,
            "model": "stub",
            "choices": [
                {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": ANSWER}}
            ],
            "usage": {"prompt_tokens": 20, "completion_tokens": 8, "total_tokens": 28},
        }
    ),
    "GET /dbs/*/docs/*": Reply({"code": "NotFound", "message": "there is no such item"}, 404),
    "POST /dbs/*/docs": Reply({}, 201),
    "PATCH /dbs/*/docs/*": Reply({"total": 1}),
}
_GOOGLE: Final = {
    "GET /computeMetadata/v1/instance/service-accounts/default/token": Reply(
        {"access_token": "stub", "expires_in": 3599, "token_type": "Bearer"}
    ),
    "POST /v1/*:generateContent": Reply(
        {
            "candidates": [
                {"content": {"role": "model", "parts": [{"text": ANSWER}]}, "finishReason": "STOP"}
            ],
            "usageMetadata": {"promptTokenCount": 20, "candidatesTokenCount": 8, "totalTokenCount": 28},
            "modelVersion": "stub",
            "responseId": "stub",
        }
    ),
    "POST /v1/*:batchGet": Reply([{"missing": "stub", "readTime": "2026-01-01T00:00:00Z"}]),
    "POST /v1/*:commit": Reply({"writeResults": [{"updateTime": "2026-01-01T00:00:00Z"}]}),
}
ROUTES: Final[dict[str, Reply]] = {**_PIPELINE, **_BEDROCK, **_AZURE, **_GOOGLE}
"""Method, path and operation (of an AWS JSON protocol) as a pattern -> what is answered."""


class Endpoints(NamedTuple):
    """Where the services are. Each has its own port: in a cloud too, none shares a connection."""

    model: str
    identity: str
    store: str


def reply_to(method: str, path: str, operation: str = "") -> Reply:
    """The reply to a request; one that no route takes is answered 400, which no handler passes over."""
    asked = f"{method} {path.partition('?')[0]} {operation}".rstrip()
    found = (reply for pattern, reply in ROUTES.items() if fnmatchcase(asked, pattern))
    return next(found, Reply({"message": f"the stub knows no {asked}"}, 400))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Both are needed: a small write that waits for an acknowledgement would add 40 ms to every answer.
    disable_nagle_algorithm = True
    wbufsize = -1

    def handle_expect_100(self) -> bool:
        """Let the body come at once: whoever asks first waits for a second."""
        going_on = super().handle_expect_100()
        self.wfile.flush()
        return going_on

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        content, status = reply_to(self.command, self.path, self.headers.get("X-Amz-Target", ""))
        body = (content if isinstance(content, str) else json.dumps(content)).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", '"stub"')
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = _answer  # noqa: N815 - names of the base class

    def log_message(self, format: str, *_: Any) -> None:  # noqa: A002 - name of the base class
        """Keep the terminal for the tables."""


@contextmanager
def serve() -> Iterator[Endpoints]:
    """The running stub on this machine."""
    with ExitStack() as running:
        yield Endpoints(*(running.enter_context(_server()) for _ in Endpoints._fields))


@contextmanager
def _server() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
