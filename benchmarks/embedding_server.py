"""Embeddings as OpenAI has them, from a process of its own that counts and waits. Arguments: dimension.

A vector is a hash of its text: it costs the server little, is the same each time, and near no other.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from array import array
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from hashlib import shake_128
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, Final, NamedTuple

MOST_KEPT: Final = 100_000


class Counts(NamedTuple):
    """Since they were asked for last."""

    calls: int
    texts: int


class Client:
    """What a benchmark asks of the running server."""

    def __init__(self, address: str) -> None:
        self._connection = HTTPConnection(address)

    def counts(self) -> Counts:
        return Counts(**self._ask("GET", "/counts", None))

    def wait(self, seconds: float) -> None:
        """From now on each call of embeddings takes so much longer."""
        self._ask("PUT", "/wait", {"seconds": seconds})

    def embed(self, texts: Sequence[str], encoding_format: str = "float") -> list[Any]:
        asked = {"input": list(texts), "encoding_format": encoding_format}
        return [one["embedding"] for one in self._ask("POST", "/v1/embeddings", asked)["data"]]

    def _ask(self, method: str, path: str, payload: Any) -> Any:
        body = None if payload is None else json.dumps(payload)
        self._connection.request(method, path, body, {"Content-Type": "application/json"})
        response = self._connection.getresponse()
        text = response.read()
        if response.status != 200:
            raise RuntimeError(f"{response.status} {text.decode()}")
        return json.loads(text)


@contextmanager
def serve(dimension: int) -> Iterator[str]:
    """HOST:PORT of a running server."""
    command = (sys.executable, __file__, str(dimension))
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdin
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()  # it ends with us, however we end


def vector(text: str, dimension: int) -> array[float]:
    words = array("h", shake_128(text.encode("utf-8", "surrogatepass")).digest(2 * dimension))
    return array("f", [one / 32768 for one in words])


@lru_cache(MOST_KEPT)
def encoded(text: str, dimension: int, encoding_format: str) -> str:
    """A vector as it stands in the answer."""
    numbers = vector(text, dimension)
    if encoding_format == "base64":
        return f'"{b64encode(numbers.tobytes()).decode()}"'
    return json.dumps([round(one, 8) for one in numbers])


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    dimension: ClassVar[int]
    wait_s: ClassVar[float] = 0.0
    calls: ClassVar[int] = 0
    texts: ClassVar[int] = 0
    lock: ClassVar[threading.Lock] = threading.Lock()

    def do_POST(self) -> None:
        if not self.path.partition("?")[0].endswith("/embeddings"):
            self._answer(404, json.dumps({"error": {"message": f"nothing is at {self.path}"}}))
            return
        asked = self._body()
        texts = [asked["input"]] if isinstance(asked["input"], str) else asked["input"]
        with self.lock:
            _Handler.calls += 1
            _Handler.texts += len(texts)
        time.sleep(self.wait_s)
        encoding = asked.get("encoding_format", "float")
        vectors = (encoded(text, self.dimension, encoding) for text in texts)
        data = ",".join(
            f'{{"object":"embedding","index":{index},"embedding":{one}}}' for index, one in enumerate(vectors)
        )
        usage = '"usage":{"prompt_tokens":1,"total_tokens":1}'
        self._answer(200, f'{{"object":"list","model":"bench","data":[{data}],{usage}}}')

    def do_PUT(self) -> None:
        _Handler.wait_s = float(self._body()["seconds"])
        self._answer(200, "{}")

    def do_GET(self) -> None:
        with self.lock:
            counts = Counts(self.calls, self.texts)
            _Handler.calls = _Handler.texts = 0
        self._answer(200, json.dumps(counts._asdict()))

    def _body(self) -> Any:
        return json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def _answer(self, status: int, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, format: str, *_: Any) -> None:  # noqa: A002 - name of the base class
        """Keep the terminal for the tables."""


def main() -> None:
    _Handler.dimension = int(sys.argv[1])
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write(f"127.0.0.1:{server.server_address[1]}\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main()
