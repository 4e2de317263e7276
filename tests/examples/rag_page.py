"""What the page of the RAG example is tested with: a stub of its API, a stand-in for gcloud, and serve.py."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any, NamedTuple

EXAMPLE = Path(__file__).parents[2] / "examples/rag_gcp"
ANSWER: dict[str, Any] = {
    "answer": "A dead-letter queue keeps what could not be processed.",
    "citations": [
        {"document": "guide.pdf", "page": 3, "quote": "keeps every message that failed", "score": 0.8712},
        {"document": "faq.md", "section": "Queues", "quote": "It is looked at by hand.", "score": 0.5},
    ],
    "usage": {"input_tokens": 1412, "output_tokens": 58},
    "cache": "none",
    "session_id": "session-1",
}
# As gcloud does for a person: no audience may be named. Each call counts, and gives another token.
GCLOUD = """#!{python}
import pathlib, sys
calls = pathlib.Path({calls!r})
if sys.argv[1:] != ["auth", "print-identity-token"]:
    sys.exit("ERROR: (gcloud.auth.print-identity-token) Invalid account Type for `--audiences`.")
with calls.open("a") as file:
    file.write(".")
print(f"token-{{len(calls.read_text())}}")
"""


class Said(NamedTuple):
    status: int
    body: bytes
    headers: dict[str, str]


def said(body: Any, status: int = 200, **headers: str) -> Said:
    """JSON as the API says it."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Said(status, json.dumps(body).encode(), {"content-type": "application/json", **named})


def html(status: int) -> Said:
    """As it is said by what stands in front of a function."""
    return Said(status, b"<p>This is a page.</p>", {"content-type": "text/html; charset=utf-8"})


class Asked(NamedTuple):
    path: str
    body: dict[str, Any]
    token: str


class StubApi(ThreadingHTTPServer):
    """Says `reply` to every question, and remembers the questions. It is another site as well."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.reset()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def reset(self) -> None:
        self.asked: list[Asked] = []
        self.reply: Said | Callable[[Asked], Said] = said(ANSWER)
        self.go_on = Event()
        self.go_on.set()


class _Handler(BaseHTTPRequestHandler):
    server: StubApi

    def do_GET(self) -> None:
        self._send(html(200))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        asked = Asked(self.path, body, self.headers["authorization"].removeprefix("Bearer "))
        self.server.asked.append(asked)
        reply, go_on = self.server.reply, self.server.go_on
        go_on.wait(20)
        self._send(reply(asked) if callable(reply) else reply)

    def _send(self, one: Said) -> None:
        self.send_response(one.status)
        for name, value in {**one.headers, "content-length": str(len(one.body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(one.body)

    def log_message(self, *args: object) -> None:
        """Nothing: the test says what went wrong."""


@contextmanager
def stub_api() -> Iterator[StubApi]:
    with StubApi() as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield server
        server.shutdown()


def gcloud(folder: Path) -> Path:
    """A folder for the front of PATH."""
    folder.mkdir(exist_ok=True)
    program = folder / "gcloud"
    program.write_text(GCLOUD.format(python=f"{sys.executable} -IS", calls=str(folder / "calls")))
    program.chmod(0o755)
    return folder


@contextmanager
def serving(endpoint: str, *path: Path) -> Iterator[str]:
    """The address of the page, with these folders as PATH."""
    command = [sys.executable, str(EXAMPLE / "serve.py"), "--endpoint", endpoint, "--port", "0"]
    env = {**os.environ, "PATH": os.pathsep.join(map(str, path))}
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        line = process.stdout.readline()
        try:
            yield line.removeprefix("Ask at ").partition(" ")[0]
        finally:
            process.terminate()
            process.communicate(timeout=10)
