"""Death on demand: a function is killed when it makes its n-th write, which is neither done nor answered.

What a function has written until then is done, and nothing after it, as if its machine had been lost. Writes
are requests that change records or vectors in the stores that idle at nothing: DynamoDB, S3 Vectors, Cosmos
DB, Firestore. They are counted whoever makes them, from the moment the fault is set.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

from serverless_ai_local.admin import AdminCall, AdminRoutes
from serverless_ai_local.aws.signatures import Sent
from serverless_ai_local.functions.guard import kill_group
from serverless_ai_local.plain import is_mapping

Processes = Callable[[], Mapping[int, str]]
"""Process group -> name of the function that runs in it."""

_TARGET: Final = "x-amz-target"
_DYNAMODB: Final = ("PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems")
_S3_VECTORS: Final = ("/PutVectors", "/DeleteVectors")
_COSMOS_ITEMS: Final = "/docs"
_COSMOS_READS: Final = ("x-ms-documentdb-isquery", "x-ms-cosmos-is-query-plan-request")
_FIRESTORE: Final = ":commit"
_WISH: Final = '{"at": n from 1 on, "function": a part of the names of the functions that die}'


class WriteFaults:
    """At most one is set."""

    def __init__(self, processes: Processes) -> None:
        self._processes = processes
        self._lock = threading.Lock()
        self._left, self._function, self._struck = 0, "", False

    def routes(self) -> AdminRoutes:
        """Set it, look whether it has struck, take it back."""
        return {
            ("POST", "writes/fault"): self._set,
            ("GET", "writes/fault"): lambda call: {"left": self._left, "struck": self._struck},
            ("DELETE", "writes/fault"): lambda call: self._clear(),
        }

    def __call__(self, request: Sent) -> None:
        """Raises `ConnectionAbortedError` for the write that is not to be."""
        if not self._left or not is_write(request):
            return
        with self._lock:
            if not self._left:
                return
            self._left -= 1
            if self._left:
                return
            function = self._function
        for process, name in self._processes().items():
            if function in name.lower():
                kill_group(process)
        self._struck = True
        raise ConnectionAbortedError("the function was killed at this write")

    def _set(self, call: AdminCall) -> None:
        wish: Mapping[str, Any] = call.body if is_mapping(call.body) else {}
        at, function = wish.get("at"), wish.get("function")
        if set(wish) != {"at", "function"} or not isinstance(function, str) or not function:
            raise ValueError(f"the body must be {_WISH}, got {call.body!r}")
        if isinstance(at, bool) or not isinstance(at, int) or at < 1:
            raise ValueError(f"the body must be {_WISH}, got {call.body!r}")
        with self._lock:
            self._left, self._function, self._struck = at, function.lower(), False

    def _clear(self) -> None:
        with self._lock:
            self._left, self._struck = 0, False


def is_write(request: Sent) -> bool:
    """Whether a request changes records or vectors."""
    headers = {name.lower(): value for name, value in request.headers}
    if headers.get(_TARGET, "").startswith("DynamoDB_"):
        return headers[_TARGET].rpartition(".")[2] in _DYNAMODB
    if request.path in _S3_VECTORS or request.path.endswith(_FIRESTORE):
        return True
    if "/colls/" in request.path and _COSMOS_ITEMS in request.path:
        return request.method != "GET" and not any(name in headers for name in _COSMOS_READS)
    return False
