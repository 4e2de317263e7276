"""Firestore's REST API (v1): a fake that keeps documents in memory.

Offered: batchGet, get, list, commit with preconditions, masks and transforms, runQuery with findNearest,
which is exact and as strict about indexes as Firestore is. No other queries, no transactions.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from serverless_ai_local.gcp import types
from serverless_ai_local.gcp.errors import RpcError, invalid, missing, not_offered
from serverless_ai_local.gcp.iam.authority import Authority, Principal
from serverless_ai_local.gcp.registry import Deployed, Registry
from serverless_ai_local.gcp.services.documents import Document, Write, read_write
from serverless_ai_local.gcp.services.firestore_query import read_query, require_index
from serverless_ai_local.plain import is_list

SERVICE: Final = "firestore.googleapis.com"
PATH: Final = re.compile(
    r"/v1/(?P<database>projects/[^/]+/databases/[^/]+)/documents(?::(?P<method>\w+)|/(?P<document>.+))"
)
GET: Final = "datastore.entities.get"
LIST: Final = "datastore.entities.list"
CREATE: Final = "datastore.entities.create"
UPDATE: Final = "datastore.entities.update"
DELETE: Final = "datastore.entities.delete"
KEPT_S: Final = 60.0
"""An expired document stays this long, so that whoever relies on its absence is seen."""
PAGE: Final = 300
"""Most documents of one answer to list here."""
MAX_WRITES: Final = 500
MAX_BYTES: Final = 1024 * 1024 - 4
"""Of a document."""
MAX_REQUEST_BYTES: Final = 10 * 1024 * 1024

Told = Callable[[Deployed, str, Document | None, Document | None], None]
"""Database, name, the document before and after."""


class Firestore:
    """The databases that are deployed now; a deleted one takes its documents along."""

    def __init__(
        self, registry: Registry, authority: Authority, clock: Callable[[], float] = time.time
    ) -> None:
        self._registry, self._authority, self._clock = registry, authority, clock
        self._documents: dict[str, dict[str, Document]] = {}
        self._last = datetime.fromtimestamp(0, UTC)
        self._lock = threading.Lock()
        self.written: list[Told] = []
        """Each is told of every write, once it is done."""

    def __call__(self, who: Principal, method: str, found: re.Match[str], body: Mapping[str, Any]) -> Any:
        """The answer to a request whose path matched `PATH`; raises `RpcError`."""
        name = found["database"]
        database = self._registry.find(types.DATABASE, name)
        operations = {"batchGet": self._batch_get, "commit": self._commit, "runQuery": self._run_query}
        if found["method"] in operations and method == "POST":
            return operations[found["method"]](who, name, database, body)
        if found["document"] and method == "GET" and found["document"].count("/") % 2 == 0:
            self._authority.require(who, LIST, name, service=SERVICE)
            return self._list(self._there(name, database), f"{name}/documents/{found['document']}", body)
        if found["document"] and method == "GET":
            self._authority.require(who, GET, name, service=SERVICE)
            return self._get(self._there(name, database), f"{name}/documents/{found['document']}")
        raise not_offered(
            f"{method} {found[0]} of Firestore; there are {', '.join(operations)}, get and list"
        )

    def sweep(self) -> int:
        """Delete what has expired by the TTL policies of fields; how many. Firestore takes a day for that."""
        expiring: dict[tuple[str, str], str] = {}
        for field in self._registry.all(types.FIELD):
            if "ttlConfig" in field.inputs:
                database = f"projects/{field.project}/databases/{field.inputs['database']}"
                expiring[database, str(field.inputs["collection"])] = str(field.inputs["field"])
        now, count = self._now() - timedelta(seconds=KEPT_S), 0
        databases = self._registry.all(types.DATABASE)
        kept_uids = {database.uid for database in databases}
        with self._lock:
            self._documents = {uid: kept for uid, kept in self._documents.items() if uid in kept_uids}
            for database in databases:
                kept = self._documents.get(database.uid, {})
                for name, document in list(kept.items()):
                    field_path = expiring.get((database.id, name.rsplit("/", 2)[-2]))
                    if field_path is not None and document.expired(field_path, now):
                        del kept[name]
                        count += 1
        return count

    def _there(self, name: str, database: Deployed | None) -> dict[str, Document]:
        if database is None:
            project, ident = name.split("/")[1::2]
            raise missing(f"The database {ident} does not exist for project {project}")
        return self._documents.setdefault(database.uid, {})

    def _get(self, documents: Mapping[str, Document], name: str) -> dict[str, Any]:
        with self._lock:
            document = documents.get(name)
        if document is None:
            raise missing(f'Document "{name}" not found.')
        return document.wire(name)

    def _list(
        self, documents: Mapping[str, Document], collection: str, query: Mapping[str, Any]
    ) -> dict[str, Any]:
        """In the order of names; a token is the last name of the page before."""
        _only(query, ("pageSize", "pageToken"))
        size, after = int(query.get("pageSize", PAGE)), str(query.get("pageToken", ""))
        if not 1 <= size <= PAGE:
            raise invalid(f"pageSize must be 1 to {PAGE}, got {size}")
        with self._lock:
            there = sorted(
                (name, one)
                for name, one in documents.items()
                if name.rpartition("/")[0] == collection and name > after
            )
        page = [one.wire(name) for name, one in there[:size]]
        more = {"nextPageToken": there[size - 1][0]} if len(there) > size else {}
        return {**({"documents": page} if page else {}), **more}

    def _batch_get(
        self, who: Principal, name: str, database: Deployed | None, body: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        _only(body, ("documents",))
        self._authority.require(who, GET, name, service=SERVICE)
        documents, wanted = self._there(name, database), body.get("documents")
        if not is_list(wanted):
            raise invalid("documents must be a list of names")
        stamp = _stamp(self._now())
        with self._lock:
            return [
                {"found": documents[one].wire(one), "readTime": stamp}
                if one in documents
                else {"missing": _named(one, name), "readTime": stamp}
                for one in wanted
            ]

    def _run_query(
        self, who: Principal, name: str, database: Deployed | None, body: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        query = read_query(body)
        for permission in (GET, LIST):
            self._authority.require(who, permission, name, service=SERVICE)
        documents = self._there(name, database)
        if database is not None:
            require_index(self._registry, database, query)
        with self._lock:
            there = dict(documents)
        stamp = _stamp(self._now())
        found = query.run(f"{name}/documents", there)
        return [{"document": one, "readTime": stamp} for one in found] or [{"readTime": stamp}]

    def _commit(
        self, who: Principal, name: str, database: Deployed | None, body: Mapping[str, Any]
    ) -> dict[str, Any]:
        _only(body, ("writes",))
        wanted = body.get("writes", [])
        if not is_list(wanted) or len(wanted) > MAX_WRITES:
            raise invalid(f"writes must be a list of at most {MAX_WRITES}")
        writes = [read_write(one) for one in wanted]
        for write in writes:
            _named(write.name, name)
            for permission in needs(write):
                self._authority.require(who, permission, name, service=SERVICE)
        documents = self._there(name, database)
        with self._lock:
            before = {write.name: documents.get(write.name) for write in writes}
            answer = self._written(documents, writes)
            after = {name: documents.get(name) for name in before}
        if database is not None:
            self._tell(database, before, after)
        return answer

    def _tell(
        self, database: Deployed, before: Mapping[str, Document | None], after: Mapping[str, Document | None]
    ) -> None:
        for name, document in after.items():
            if document is not before[name]:
                for told in self.written:
                    told(database, name, before[name], document)

    def _written(self, documents: dict[str, Document], writes: Sequence[Write]) -> dict[str, Any]:
        """All of them or none. Holds the lock."""
        stamp = self._later()
        draft, results = dict(documents), list[dict[str, Any]]()
        for write in writes:
            there = draft.get(write.name)
            _require(write, there)
            if write.delete:
                draft.pop(write.name, None)
                results.append({})
                continue
            document, values = write.applied(there, stamp)
            if document.size() > MAX_BYTES:
                raise invalid(
                    f"Document '{write.name}' cannot be written because its size exceeds the limit."
                )
            draft[write.name] = document
            result: dict[str, Any] = {"updateTime": _stamp(document.updated)}
            results.append({**result, "transformResults": values} if values else result)
        documents.clear()
        documents.update(draft)
        return {"writeResults": results, "commitTime": _stamp(stamp)}

    def _later(self) -> datetime:
        """A moment after every other one that was given."""
        self._last = max(self._now(), self._last + timedelta(microseconds=1))
        return self._last

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)


def needs(write: Write) -> tuple[str, ...]:
    """Permissions that a write takes, by its precondition.

    Source: https://cloud.google.com/firestore/docs/security/iam, read 2026-11.
    """
    if write.delete:
        return (DELETE,)
    if write.exists is False:
        return (CREATE,)
    if write.exists or write.update_time:
        return (UPDATE,)
    return (CREATE, UPDATE)


def _require(write: Write, there: Document | None) -> None:
    """The precondition; raises `RpcError`."""
    if write.exists is False and there is not None:
        raise RpcError("ALREADY_EXISTS", f"Document already exists: {write.name}")
    if (write.exists or write.update_time) and there is None:
        raise missing(f"No document to update: {write.name}")
    if write.update_time and there is not None and _stamp(there.updated) != write.update_time:
        raise RpcError(
            "FAILED_PRECONDITION",
            f"the stored version ({_stamp(there.updated)}) does not match the required base version "
            f"({write.update_time})",
        )


def _named(document: Any, database: str) -> str:
    start = f"{database}/documents/"
    parts = str(document).removeprefix(start).split("/")
    if not str(document).startswith(start) or len(parts) % 2 or not all(parts):
        raise invalid(f'Document name "{document}" is invalid: it must be {start}COLLECTION/ID')
    return str(document)


def _only(given: Mapping[str, Any], known: tuple[str, ...]) -> None:
    for name in given:
        if name not in known and given[name]:
            raise not_offered(f"{name} here; there is {', '.join(known)}")


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
