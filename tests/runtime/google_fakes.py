"""Google Cloud as the tests need it, on one port: Firestore with real preconditions, Pub/Sub, Vertex, tokens.

Official clients and ours are answered by the same code. What it does not know is an error with its name.
"""

from __future__ import annotations

import json
import re
import threading
import time
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from memory_ports import NOON

DATABASE = "projects/p1/databases/chat"
COLLECTION = f"{DATABASE}/documents/records"
RESULTS = "projects/p1/topics/results"
DEAD_LETTERS = "projects/p1/topics/dead-letters"
ENDPOINT = "projects/p1/locations/global"

TOKEN_PATH = "/computeMetadata/v1/instance/service-accounts/default/token"
MOST_INTEGER = 2**63 - 1


class Call(NamedTuple):
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Failure(Exception):
    """An error as google.rpc.Status says it."""

    def __init__(self, http: int, code: str, message: str = "", details: tuple[Any, ...] = ()) -> None:
        super().__init__(f"{code}: {message}")
        self.http = http
        self.error = {"code": http, "message": message or code, "status": code}
        if details:
            self.error["details"] = list(details)


def invalid(what: str) -> Failure:
    return Failure(400, "INVALID_ARGUMENT", what)


class Google:
    """The services' state; safe to be called from many threads. `now` is its clock."""

    def __init__(self) -> None:
        self.now: Callable[[], float] = lambda: NOON
        self.documents: dict[str, dict[str, Any]] = {}
        self.topics: dict[str, list[dict[str, Any]]] = {RESULTS: [], DEAD_LETTERS: []}
        self.calls: list[Call] = []
        self.prompts: list[dict[str, Any]] = []
        self.tokens = {"sdk-token"}
        self.failures: dict[str, list[Failure]] = {}
        """Method -> what its next calls fail with."""
        self.url = ""
        self._lock = threading.Lock()
        self._numbers = count(1)

    @property
    def host(self) -> str:
        return urlsplit(self.url).netloc

    def environment(self) -> dict[str, str]:
        """What sends a function's calls here."""
        return {
            "GCE_METADATA_HOST": self.host,
            "FIRESTORE_EMULATOR_HOST": self.host,
            "PUBSUB_EMULATOR_HOST": self.host,
            "SERVERLESS_AI_VERTEX_ENDPOINT": self.url,
        }

    def messages(self, topic: str) -> list[Any]:
        return [json.loads(b64decode(message["data"])) for message in self.topics[topic]]

    def handle(self, call: Call) -> Any:
        with self._lock:
            self.calls.append(call)
            path = urlsplit(call.path).path
            if path == TOKEN_PATH:
                return self._token(call)
            if call.headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
                raise Failure(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.")
            resource, _, method = path.removeprefix("/v1/").removeprefix("v1beta1/").rpartition(":")
            answer = self._METHODS.get(method)
            if call.method != "POST" or answer is None:
                raise Failure(501, "UNIMPLEMENTED", f"{call.method} {path}")
            if self.failures.get(method):
                raise self.failures[method].pop(0)
            return answer(self, resource, call.json())

    def _token(self, call: Call) -> dict[str, Any]:
        if call.headers.get("metadata-flavor") != "Google":
            raise Failure(403, "PERMISSION_DENIED", "Missing required header Metadata-Flavor")
        text = f"token-{next(self._numbers)}"
        self.tokens.add(text)
        return {"access_token": text, "expires_in": 3599, "token_type": "Bearer"}

    def _batch_get(self, resource: str, request: Mapping[str, Any]) -> list[dict[str, Any]]:
        self._of_database(resource)
        known(request, "documents", "mask")
        found = [self.documents.get(checked_name(name)) for name in request["documents"]]
        pairs = zip(request["documents"], found, strict=True)
        return [
            {**({"found": document} if document else {"missing": name}), "readTime": self._time()}
            for name, document in pairs
        ]

    def _commit(self, resource: str, request: Mapping[str, Any]) -> dict[str, Any]:
        self._of_database(resource)
        known(request, "writes")
        changed = dict(self.documents)
        results = [self._write(changed, write) for write in request["writes"]]
        self.documents = changed  # all or nothing
        return {"writeResults": results, "commitTime": self._time()}

    def _write(self, documents: dict[str, Any], write: Mapping[str, Any]) -> dict[str, Any]:
        known(write, "update", "updateMask", "updateTransforms", "currentDocument")
        update = write["update"]
        known(update, "name", "fields")
        name = checked_name(update["name"])
        there = documents.get(name)
        check_precondition(there, write.get("currentDocument", {}))
        fields = checked_fields(update.get("fields", {}))
        if "updateMask" in write:
            mask = set(write["updateMask"].get("fieldPaths", ()))
            before = there["fields"] if there else {}
            if set(fields) - mask:
                raise invalid(f"fields outside the mask: {sorted(set(fields) - mask)}")
            fields = {key: value for key, value in before.items() if key not in mask} | fields
        transformed = [increment(fields, one) for one in write.get("updateTransforms", ())]
        now = self._time()
        if there is None or fields != there["fields"]:
            created = there["createTime"] if there else now
            documents[name] = {"name": name, "fields": fields, "createTime": created, "updateTime": now}
        result: dict[str, Any] = {"updateTime": documents[name]["updateTime"]}
        return result | ({"transformResults": transformed} if transformed else {})

    def _of_database(self, resource: str) -> None:
        if resource.removesuffix("/documents") != DATABASE:
            raise Failure(404, "NOT_FOUND", f"The database {resource} does not exist")

    def _time(self) -> str:
        """Later than ever before, however the clock stands."""
        seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(self.now()))
        return f"{seconds}.{next(self._numbers):06d}Z"

    def _publish(self, topic: str, request: Mapping[str, Any]) -> dict[str, Any]:
        known(request, "messages")
        if topic not in self.topics:
            raise Failure(404, "NOT_FOUND", f"Resource not found (resource={topic.rpartition('/')[2]}).")
        ids: list[str] = []
        for message in request["messages"]:
            known(message, "data", "attributes")
            b64decode(message["data"], validate=True)
            ids.append(str(next(self._numbers)))
            self.topics[topic].append({**message, "messageId": ids[-1]})
        return {"messageIds": ids}

    def _generate(self, resource: str, request: Mapping[str, Any]) -> dict[str, Any]:
        known(request, "contents", "systemInstruction", "generationConfig", "safetySettings")
        if not resource.startswith(f"{ENDPOINT}/publishers/google/models/"):
            raise Failure(404, "NOT_FOUND", f"Publisher Model `{resource}` not found.")
        self.prompts.append(dict(request))
        return answered(f"you said {request['contents'][-1]['parts'][0]['text']}")

    _METHODS: Mapping[str, Callable[[Google, str, Mapping[str, Any]], Any]] = {
        "batchGet": _batch_get,
        "commit": _commit,
        "publish": _publish,
        "generateContent": _generate,
    }


def answered(text: str, finish: str = "STOP", tokens: tuple[int, int] = (7, 2)) -> dict[str, Any]:
    """A response of generateContent."""
    return {
        "candidates": [{"content": {"role": "model", "parts": [{"text": text}]}, "finishReason": finish}],
        "usageMetadata": {
            "promptTokenCount": tokens[0],
            "candidatesTokenCount": tokens[1],
            "totalTokenCount": sum(tokens),
        },
        "modelVersion": "gemini-3.5-flash-lite",
        "responseId": "r1",
    }


def known(message: Mapping[str, Any], *names: str) -> None:
    for name in message:
        if name not in names:
            raise invalid(f'Invalid JSON payload received. Unknown name "{name}"')


def checked_name(name: str) -> str:
    identity = name.removeprefix(f"{DATABASE}/documents/").partition("/")[2]
    if not identity or "/" in identity or identity in (".", "..") or re.fullmatch("__.*__", identity):
        raise invalid(f"Document name {name!r} is not valid")
    return name


def checked_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    for value in fields.values():
        ((kind, plain),) = value.items()
        if kind == "integerValue" and not -MOST_INTEGER <= int(plain) <= MOST_INTEGER:
            raise invalid(f"{plain} is no integer of 64 bits")
        if kind not in ("stringValue", "integerValue", "timestampValue"):
            raise Failure(501, "UNIMPLEMENTED", kind)
    return dict(fields)


def check_precondition(there: Mapping[str, Any] | None, precondition: Mapping[str, Any]) -> None:
    known(precondition, "exists", "updateTime")
    if precondition.get("exists") is False and there:
        raise Failure(409, "ALREADY_EXISTS", f"Document already exists: {there['name']}")
    if precondition.get("exists") is True and not there:
        raise Failure(404, "NOT_FOUND", "No document to update")
    if "updateTime" in precondition and (not there or there["updateTime"] != precondition["updateTime"]):
        text = f"the stored version does not match the required base version ({precondition['updateTime']})"
        raise Failure(400, "FAILED_PRECONDITION", text)


def increment(fields: dict[str, Any], transform: Mapping[str, Any]) -> dict[str, str]:
    known(transform, "fieldPath", "increment")
    path = transform["fieldPath"]
    total = int(fields.get(path, {}).get("integerValue", 0)) + int(transform["increment"]["integerValue"])
    fields[path] = {"integerValue": str(total)}
    return fields[path]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server  # pyright: ignore[reportIncompatibleVariableOverride]

    def handle_call(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            answer, status = self.server.google.handle(Call(self.command, self.path, headers, body)), 200
        except Failure as failure:
            answer, status = {"error": failure.error}, failure.http
            if self.path.partition("?")[0].endswith(":batchGet"):
                answer = [answer]  # as streaming methods do
        data = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json; charset=UTF-8")
        self.send_header("metadata-flavor", "Google")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = handle_call  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing: a test's output is the test's."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
    google: Google


@contextmanager
def google_cloud() -> Iterator[Google]:
    """A running cloud."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.google = Google()
    server.google.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield server.google
    server.shutdown()
    server.server_close()
