"""The page that asks, on 127.0.0.1: questions go on to the endpoint as whoever is logged in with gcloud.

    python serve.py --endpoint https://... [--port 8080]

The page holds no secret, and the endpoint needs no CORS: the identity token stays in this process. Only the
page itself may ask; other sites in the same browser may not, whatever name they give this address. Other
programs on this machine may, as you.
"""

from __future__ import annotations

import argparse
import http.client
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock
from typing import Final, NamedTuple
from urllib.parse import urlsplit

PAGE: Final = Path(__file__).with_name("page")
FILES: Final = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/app.css": ("app.css", "text/css; charset=utf-8"),
    "/app.js": ("app.js", "text/javascript; charset=utf-8"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}
PATHS: Final = ("/ask", "/search")
MAX_REQUEST_BYTES: Final = 64 * 1024
MAX_READ_BYTES: Final = 8 * 1024 * 1024
MAX_REPLY_BYTES: Final = 4 * 1024 * 1024
CALLER_TIMEOUT_S: Final = 15.0
GCLOUD_TIMEOUT_S: Final = 60.0
LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
JSON: Final = "application/json"
HEADERS: Final = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


class Reply(NamedTuple):
    status: int
    body: bytes
    kind: str = JSON
    retry_after: str = ""


class Failure(Exception):
    """What the page is told in place of an answer, in the words that the API has for it."""

    def __init__(self, status: int, code: str, message: str, retry_after: str = "") -> None:
        super().__init__(message)
        body = json.dumps({"error": {"code": code, "message": message}}).encode()
        self.reply = Reply(status, body, retry_after=retry_after)


class Login:
    """Identity tokens of whoever is logged in with gcloud; each is used until it is refused."""

    def __init__(self, audience: str) -> None:
        self._audience = audience
        self._token, self._lock = "", Lock()

    def token(self, refused: str = "") -> str:
        """One that is not `refused`."""
        with self._lock:
            if not self._token or self._token == refused:
                self._token = self._fetch()
            return self._token

    def _fetch(self) -> str:
        command = [shutil.which("gcloud") or "gcloud", "auth", "print-identity-token"]
        # A service account's token is for one audience; a person's is for any, and names none.
        for options in ([f"--audiences={self._audience}"], []):
            try:
                done = subprocess.run(
                    [*command, *options],
                    check=False,
                    capture_output=True,
                    text=True,
                    timeout=GCLOUD_TIMEOUT_S,
                )
            except (OSError, subprocess.TimeoutExpired) as error:
                raise Failure(
                    401, "no_gcloud", f"gcloud could not be run ({type(error).__name__})."
                ) from error
            if done.returncode == 0 and done.stdout.strip():
                return done.stdout.strip()
        sys.stderr.write(done.stderr)
        raise Failure(401, "not_logged_in", "gcloud gave no identity token: run `gcloud auth login`.")


class Endpoint:
    """The deployed API."""

    def __init__(self, url: str, timeout_s: float = 120.0) -> None:
        self._url, self._timeout_s = urlsplit(url.rstrip("/")), timeout_s
        host, secure = self._url.hostname, self._url.scheme == "https"
        if not host or not (secure or (self._url.scheme == "http" and host in LOOPBACK)):
            raise ValueError(
                f"the endpoint must be an https:// URL (http:// on this machine only), got {url!r}"
            )
        self._host, self._port = host, self._url.port
        self._connection = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        self._login = Login(self._url.geturl())

    def post(self, path: str, body: bytes) -> Reply:
        """What the API says to `body`; raises `Failure`."""
        token = self._login.token()
        reply = self._send(path, body, token)
        if reply.status == 401:  # before the function ran: an hour has gone by, or somebody else is logged in
            reply = self._send(path, body, self._login.token(refused=token))
        if reply.kind.partition(";")[0].strip().lower() == JSON and _is_json(reply.body):
            return reply._replace(kind=JSON)
        raise _unspoken(reply)

    def _send(self, path: str, body: bytes, token: str) -> Reply:
        connection = self._connection(self._host, self._port, timeout=self._timeout_s)
        headers = {"authorization": f"Bearer {token}", "content-type": JSON, "accept": JSON}
        try:
            connection.request("POST", self._url.path + path, body, headers)
            response = connection.getresponse()  # a redirection is not followed: the token is for nobody else
            content = response.read(MAX_REPLY_BYTES + 1)
            if len(content) > MAX_REPLY_BYTES:
                raise Failure(502, "reply_too_large", "The endpoint's answer is too large.")
            kind, again = response.getheader("content-type", ""), response.getheader("retry-after", "")
            return Reply(response.status, content, kind, again if again.isdecimal() else "")
        except TimeoutError as error:
            message = f"The endpoint did not answer within {self._timeout_s:g} seconds."
            raise Failure(504, "timed_out", message) from error
        except (OSError, http.client.HTTPException) as error:
            message = f"The endpoint could not be reached ({type(error).__name__})."
            raise Failure(502, "unreachable", message) from error
        finally:
            connection.close()


def _is_json(body: bytes) -> bool:
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return False
    return True


def _unspoken(reply: Reply) -> Failure:
    """For what was not said by the function but in front of it, in HTML."""
    said = {
        401: ("unauthenticated", "Google Cloud did not accept the identity token."),
        403: ("forbidden", "This account may not call the endpoint: it is not one of its invokers."),
        404: ("not_found", "There is no such endpoint."),
        429: ("too_many_requests", "Google Cloud has no instance free for this request."),
        503: ("unavailable", "Google Cloud could not start the function."),
    }
    default = ("not_json", f"The endpoint answered {reply.status} with something that is not JSON.")
    code, message = said.get(reply.status, default)
    return Failure(reply.status if reply.status in said else 502, code, message, reply.retry_after)


class Server(ThreadingHTTPServer):
    """Listens on this machine alone."""

    daemon_threads = True

    def __init__(self, endpoint: Endpoint, port: int) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.endpoint = endpoint
        self.hosts = tuple(f"{name}:{self.server_port}" for name in ("127.0.0.1", "localhost"))


class Handler(BaseHTTPRequestHandler):
    """The page's files, and its questions."""

    server: Server  # pyright: ignore[reportIncompatibleVariableOverride]
    server_version, sys_version = "page", ""
    timeout = CALLER_TIMEOUT_S

    def do_GET(self) -> None:
        self._answer(self._file)

    def do_POST(self) -> None:
        self._answer(self._forward)

    def _answer(self, make: Callable[[], Reply]) -> None:
        try:
            self._check_host()
            reply = make()
        except Failure as failure:
            reply = failure.reply
        with suppress(ConnectionError):  # whoever asked may have gone
            self._send(reply)

    def _check_host(self) -> None:
        # A foreign site may let its own name lead to 127.0.0.1: the browser takes this for that site then.
        if self.headers.get("host", "").lower() not in self.server.hosts:
            raise Failure(403, "foreign_host", f"This page is at http://{self.server.hosts[0]} only.")

    def _file(self) -> Reply:
        name, kind = FILES.get(self.path.partition("?")[0], ("", ""))
        if not name:
            raise Failure(404, "not_found", "There is no such page.")
        return Reply(200, (PAGE / name).read_bytes(), kind)

    def _forward(self) -> Reply:
        body = self._body()
        if self.path not in PATHS:
            raise Failure(404, "not_found", f"Questions go to {' or '.join(PATHS)}.")
        if self.headers.get("origin", "") != f"http://{self.headers['host'].lower()}":
            raise Failure(403, "foreign_origin", "Only the page itself may ask.")
        if self.headers.get_content_type() != JSON:
            raise Failure(415, "not_json", f"A question is sent as {JSON}.")
        return self.server.endpoint.post(self.path, body)

    def _body(self) -> bytes:
        length = self.headers.get("content-length", "")
        if not (length.isascii() and length.isdecimal()):
            raise Failure(411, "no_length", "A question says how long it is.")
        if int(length) > MAX_REQUEST_BYTES:
            self.rfile.read(min(int(length), MAX_READ_BYTES))  # or the browser never looks at the answer
            raise Failure(413, "too_large", f"A question has at most {MAX_REQUEST_BYTES} bytes.")
        return self.rfile.read(int(length))

    def _send(self, reply: Reply) -> None:
        self.send_response(reply.status)
        again = {"retry-after": reply.retry_after} if reply.retry_after else {}
        for name, value in {**HEADERS, "content-type": reply.kind, **again}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description="Serve the page that asks the deployed endpoint.")
    parser.add_argument("--endpoint", required=True, metavar="URL", help="of the deployed API")
    parser.add_argument("--port", type=int, default=8080, metavar="N", help="on 127.0.0.1; 0 = any free one")
    options = parser.parse_args()
    try:
        server = Server(Endpoint(options.endpoint), options.port)
    except (ValueError, OSError, OverflowError) as error:
        parser.error(str(error))
    sys.stdout.write(f"Ask at http://{server.hosts[0]} (Ctrl+C ends)\n")
    sys.stdout.flush()
    with suppress(KeyboardInterrupt), server:
        server.serve_forever()


if __name__ == "__main__":
    main()
