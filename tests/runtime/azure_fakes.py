"""Azure as the tests need it: a Cosmos DB container with etags, conditions and expiry; tokens at hand."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any, NamedTuple
from urllib.parse import unquote

from memory_ports import Clock

from serverless_ai_runtime.adapters.azure import service
from serverless_ai_runtime.adapters.azure.cosmos import RESOURCE, authorization
from serverless_ai_runtime.adapters.azure.cosmos_scan import ScannableCosmos
from serverless_ai_runtime.adapters.service import Cloud, Service
from serverless_ai_runtime.core.ports import Deadline, World
from serverless_ai_runtime.http import HttpClient
from serverless_ai_runtime.wiring import WORLD

CONTAINER = "/dbs/chat/colls/state"


class Purse:
    """Tokens without an identity: `token-1`, and the next number whenever one is dropped."""

    def __init__(self) -> None:
        self.number = 1
        self.asked: list[str] = []

    def get(self, resource: str, deadline: Deadline) -> str:
        self.asked.append(resource)
        return f"token-{self.number}"

    def drop(self, resource: str, token: str) -> None:
        self.number += 1


def azure(world: World) -> Cloud:
    return service.azure(HttpClient(world), world, Purse())


def cosmos_store(url: str, clock: Clock, tokens: Callable[[], str] = WORLD.token) -> ScannableCosmos:
    """Our store on the container of the server at `url`."""
    world = World(clock, clock.sleep, WORLD.random, tokens)
    return ScannableCosmos(
        Service(azure(world), "CosmosDB", url + CONTAINER, RESOURCE, authorization=authorization)
    )


class Call(NamedTuple):
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Failure(Exception):
    def __init__(self, status: int, code: str, substatus: int = 0) -> None:
        super().__init__(code)
        self.status, self.code, self.substatus = status, code, substatus


PAGE = 40
"""Items of a query's answer."""


class Cosmos:
    """A fake of one container: queries by ids, and reads, creates, replaces and patches of an item.

    `now` is its clock.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
        self.items: dict[str, dict[str, Any]] = {}
        self.calls: list[Call] = []
        self._lock = threading.Lock()
        self._etags = count(1)
        self.url = ""

    def handle(self, call: Call) -> tuple[int, dict[str, Any]]:
        with self._lock:
            self.calls.append(call)
            path = call.path.rstrip("/")
            if path == "":
                return 200, self._account()
            if not unquote(call.headers.get("authorization", "")).startswith(
                ("type=aad&ver=1.0&sig=", "type=master&ver=1.0&sig=")
            ):
                raise Failure(401, "Unauthorized")
            if not path.startswith(CONTAINER):
                raise Failure(404, "NotFound", 1003)
            if path == CONTAINER:
                return 200, {"id": "state", "_rid": "r=", "partitionKey": {"paths": ["/pk"], "kind": "Hash"}}
            return self._item(call, unquote(path.removeprefix(CONTAINER + "/docs")).strip("/"))

    def _item(self, call: Call, name: str) -> tuple[int, dict[str, Any]]:
        if call.headers.get("x-ms-documentdb-isquery"):
            return 200, self._query(call)
        if call.method == "POST":
            item = call.json()
            if self._live(item["id"]):
                raise Failure(409, "Conflict")
            return 201, self._keep(item)
        there = self._live(name)
        if there is None:
            raise Failure(404, "NotFound")
        key = call.headers.get("x-ms-documentdb-partitionkey")
        if key and json.loads(key) != [there["pk"]]:
            raise Failure(404, "NotFound")
        if call.method == "GET":
            return 200, there
        if call.headers.get("if-match", there["_etag"]) != there["_etag"]:
            raise Failure(412, "PreconditionFailed")
        return 200, self._keep(call.json() if call.method == "PUT" else self._patched(there, call.json()))

    def _query(self, call: Call) -> dict[str, Any]:
        """Items by their ids, `PAGE` at a time."""
        asked = call.json()
        names = [f"@v{number}" for number in range(len(asked["parameters"]))]
        if asked["query"] != f"SELECT * FROM c WHERE c.id IN ({', '.join(names)})":
            raise Failure(400, "BadRequest")
        wanted = {one["name"]: one["value"] for one in asked["parameters"]}
        ids = sorted(wanted[name] for name in names if self._live(wanted[name]))
        after = int(call.headers.get("x-ms-continuation", "0"))
        page = [self.items[one] for one in ids[after : after + PAGE]]
        more = {"_more": str(after + PAGE)} if after + PAGE < len(ids) else {}
        return {"_rid": "r=", "Documents": page, "_count": len(page)} | more

    def _patched(self, there: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
        condition = change.get("condition")
        if condition is not None:
            match = re.fullmatch(r"from c where c\.(\w+) <= (-?\d+)", condition)
            if match is None:
                raise Failure(400, "BadRequest")
            if not there[match[1]] <= int(match[2]):
                raise Failure(412, "PreconditionFailed")
        item = dict(there)
        for operation in change["operations"]:
            assert operation["op"] == "incr"
            field = operation["path"].removeprefix("/")
            item[field] = item.get(field, 0) + operation["value"]
        return item

    def _keep(self, item: Mapping[str, Any]) -> dict[str, Any]:
        kept = {**item, "_etag": f'"{next(self._etags):08x}-0000"', "_ts": int(self.now())}
        self.items[item["id"]] = kept
        return kept

    def _live(self, name: str) -> dict[str, Any] | None:
        item = self.items.get(name)
        ended = item and "ttl" in item and item["_ts"] + item["ttl"] <= self.now()
        return None if ended else item

    def _account(self) -> dict[str, Any]:
        places = [{"name": "here", "databaseAccountEndpoint": self.url + "/"}]
        return {
            "id": "account",
            "writableLocations": places,
            "readableLocations": places,
            "userConsistencyPolicy": {"defaultConsistencyLevel": "Strong"},
            "enableMultipleWriteLocations": False,
        }


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server  # pyright: ignore[reportIncompatibleVariableOverride]

    def handle_call(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            status, item = self.server.cosmos.handle(Call(self.command, self.path, headers, body))
            more = {"x-ms-continuation": item.pop("_more")} if "_more" in item else {}
            minimal = headers.get("prefer") == "return=minimal"
            content = b"" if minimal else json.dumps(item).encode()
            self._reply(status, content, {"etag": item.get("_etag", ""), **more})
        except Failure as failure:
            error = json.dumps({"code": failure.code, "message": f"{failure.code} it is"}).encode()
            self._reply(failure.status, error, {"x-ms-substatus": str(failure.substatus)})

    do_GET = do_POST = do_PUT = do_PATCH = handle_call  # noqa: N815

    def _reply(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in {"content-type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing: a test's output is the test's."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
    cosmos: Cosmos


@contextmanager
def cosmos(now: Callable[[], float]) -> Iterator[Cosmos]:
    """A running container."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.cosmos = Cosmos(now)
    server.cosmos.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield server.cosmos
    server.shutdown()
    server.server_close()
