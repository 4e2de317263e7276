"""One container of Cosmos DB for NoSQL as a `VectorStore`.

An entry is one item in the partition of its tenant, and a search is a query of that one partition: no other
tenant's items can come out of it, whatever the query says. Tags are kept with an item, and left to whoever
asks. Tenants and ids are stored as digests, which Cosmos DB takes whatever is in them and however long they
are; the entry's own id stands beside.

Whoever deletes knows ids only, so that a query over all partitions finds where they are. An id is of one
tenant for as long as it is there: ingestion names a new one whenever access changes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from serverless_ai_runtime.adapters.azure.cosmos import API_VERSION
from serverless_ai_runtime.adapters.azure.service import http_date
from serverless_ai_runtime.adapters.service import Service, json_object
from serverless_ai_runtime.core.packing import packed
from serverless_ai_runtime.core.ports import Deadline, Refused, ServiceError, Unavailable
from serverless_ai_runtime.core.rag.ports import Access, Entry, Hit
from serverless_ai_runtime.core.records import digest, pause
from serverless_ai_runtime.http import MAX_ATTEMPTS, Response

PARTITION: Final = "tenant"
"""Partition key of the container: path `/tenant`."""
VECTOR: Final = "vector"
"""The container's vector policy is of path `/vector`, with this function and type; nothing else is asked for
but ids, so that its index needs no other path."""
DISTANCE: Final = "cosine"
DATA_TYPE: Final = "float32"
CAPABILITY: Final = "EnableNoSQLVectorSearch"
"""That the account must have."""

READ_ROLE: Final = "Cosmos DB Built-in Data Reader"
WRITE_ROLE: Final = "Cosmos DB Built-in Data Contributor"
_CONTAINER: Final = "Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers"
READ_ACTIONS: Final = (f"{_CONTAINER}/executeQuery",)
WRITE_ACTIONS: Final = (*READ_ACTIONS, f"{_CONTAINER}/items/upsert", f"{_CONTAINER}/items/delete")
"""There is no action of a batch: it is taken to need those of what is in it."""

MOST_OPERATIONS: Final = 100
"""Of a transactional batch (Azure Cosmos DB service quotas, read 2026-11-27)."""
MOST_BYTES: Final = 2 * 1024 * 1024 - 4096
"""Of its body: 2 MB is the service's limit of a request; some is left for what is around the items."""

_SEARCH, _FIND, _UPSERT, _DELETE = "SearchItems", "FindItems", "UpsertItems", "DeleteItems"
FIELDS: Final = "c.entry, c.document, c.text, c.heading"
_SCORED: Final = f"SELECT TOP @most {FIELDS}, VectorDistance(c.{VECTOR}, @vector) AS score FROM c "  # noqa: S608
_NEAREST: Final = f"ORDER BY VectorDistance(c.{VECTOR}, @vector)"
_FAILED_DEPENDENCY: Final = 424
"""Of an operation that was undone because another one of its batch failed."""
_MOST_TRIES: Final = 3


class CosmosVectors:
    """Entries in the container at `service.url` (`https://.../dbs/DB/colls/CONTAINER`)."""

    def __init__(self, service: Service, dimension: int) -> None:
        """`dimension`: of the container's vector policy. What Cosmos DB makes of another is not promised."""
        self._service, self._dimension = service, dimension

    def upsert(self, entries: Sequence[Entry], deadline: Deadline) -> None:
        by_tenant: dict[str, dict[str, Mapping[str, Any]]] = {}
        for entry in entries:
            self._check(_UPSERT, entry.vector)
            item = _item(entry)
            by_tenant.setdefault(item[PARTITION], {})[item["id"]] = item
        for tenant, items in by_tenant.items():
            operations = [{"operationType": "Upsert", "resourceBody": item} for item in items.values()]
            self._run(_UPSERT, tenant, operations, deadline)

    def delete(self, ids: Sequence[str], deadline: Deadline) -> None:
        names = list(dict.fromkeys(map(digest, ids)))
        for start in range(0, len(names), MOST_OPERATIONS):
            self._delete(names[start : start + MOST_OPERATIONS], deadline)

    def search(
        self,
        vector: Sequence[float],
        most: int,
        access: Access,
        deadline: Deadline,
        documents: Sequence[str] = (),
    ) -> list[Hit]:
        self._check(_SEARCH, vector)
        parameters = {"@most": most, "@vector": _numbers(vector)}
        wanted = {f"@document{number}": document for number, document in enumerate(documents)}
        narrowed = f"WHERE c.document IN ({', '.join(wanted)}) " if wanted else ""
        query, tenant = _SCORED + narrowed + _NEAREST, digest(access.tenant)
        pages = self._query(_SEARCH, query, parameters | wanted, tenant, deadline)
        found = [self._hit(one) for one in pages]
        # The pages of a vector search come each in its own order.
        return sorted(found, key=lambda hit: -hit.score)[:most]

    def _delete(self, names: Sequence[str], deadline: Deadline) -> None:
        parameters = {f"@id{number}": name for number, name in enumerate(names)}
        query = f"SELECT c.id, c.{PARTITION} FROM c WHERE c.id IN ({', '.join(parameters)})"  # noqa: S608
        for _ in range(_MOST_TRIES):
            by_tenant: dict[str, list[Mapping[str, Any]]] = {}
            for one in self._query(_FIND, query, parameters, None, deadline):
                tenant, name = _texts(self._service, _FIND, one, PARTITION, "id")
                by_tenant.setdefault(tenant, []).append({"operationType": "Delete", "id": name})
            try:
                for tenant, operations in by_tenant.items():
                    self._run(_DELETE, tenant, operations, deadline)
            except Refused as error:
                if error.code != "NotFound":
                    raise
            else:
                return
        raise Unavailable(self._service.name, _DELETE, 404, "Contended", "somebody else deletes the same")

    def _query(
        self,
        operation: str,
        query: str,
        parameters: Mapping[str, Any],
        tenant: str | None,
        deadline: Deadline,
    ) -> Iterator[Mapping[str, Any]]:
        """What the query gives in one tenant's partition, or in all of them, page by page."""
        given = [{"name": name, "value": value} for name, value in parameters.items()]
        body = json.dumps({"query": query, "parameters": given}).encode()
        headers = {"content-type": "application/query+json", "x-ms-documentdb-isquery": "true"}
        if tenant is None:
            headers["x-ms-documentdb-query-enablecrosspartition"] = "true"
        else:
            headers |= _in_partition(tenant)
        while True:
            response = self._call(operation, headers, body, deadline)
            try:
                yield from [
                    json_object(one) for one in self._service.parsed(operation, response)["Documents"]
                ]
            except (KeyError, TypeError):
                raise self._service.malformed(operation, "there is no list of documents") from None
            headers["x-ms-continuation"] = response.headers.get("x-ms-continuation", "")
            if not headers["x-ms-continuation"]:
                return

    def _run(
        self, operation: str, tenant: str, operations: Sequence[Mapping[str, Any]], deadline: Deadline
    ) -> None:
        """Do them in transactional batches: each as a whole or not at all."""
        headers = _in_partition(tenant) | {
            "content-type": "application/json",
            "x-ms-cosmos-is-batch-request": "true",
            "x-ms-cosmos-batch-atomic": "true",
            "x-ms-cosmos-batch-continue-on-error": "false",
        }
        encoded = (json.dumps(operation).encode() for operation in operations)
        for batch in packed(encoded, _with_comma, MOST_OPERATIONS, MOST_BYTES):
            body, count = _array(batch), len(batch)
            attempt = 1
            while error := self._failure(operation, self._call(operation, headers, body, deadline), count):
                # The client in `http` takes a batch that was answered for one that was done.
                world = self._service.cloud.world
                if not error.retryable or attempt == MAX_ATTEMPTS or not pause(attempt, world, deadline):
                    raise error
                attempt += 1

    def _failure(self, operation: str, response: Response, count: int) -> ServiceError | None:
        """Why a batch was not done: its answer is a success that tells of each operation."""
        try:
            results = json.loads(response.body)
            statuses = [int(one["statusCode"]) for one in results]
        except (KeyError, TypeError, ValueError, RecursionError):
            statuses = list[int]()
        if len(statuses) != count:
            raise self._service.malformed(operation, "there is not one result for each operation")
        failed = [status for status in statuses if status >= 400]
        if not failed:
            return None
        from serverless_ai_runtime.adapters.azure.errors import classify  # what went well never loads it

        status = next((one for one in failed if one != _FAILED_DEPENDENCY), _FAILED_DEPENDENCY)
        code = "NotFound" if status == 404 else str(status)
        message = f"operation {statuses.index(status)} of {count} failed, and none was done"
        return classify(self._service.name, operation, status, code, message)

    def _call(self, operation: str, more: Mapping[str, str], body: bytes, deadline: Deadline) -> Response:
        def headers() -> dict[str, str]:
            now = self._service.cloud.world.now()
            return {"x-ms-version": API_VERSION, "x-ms-date": http_date(now), **more}

        return self._service.call(operation, "POST", "/docs", deadline, headers=headers, body=body)

    def _hit(self, one: Mapping[str, Any]) -> Hit:
        entry, document, text, heading = _texts(
            self._service, _SEARCH, one, "entry", "document", "text", "heading"
        )
        score = one.get("score")
        if not isinstance(score, int | float):
            raise self._service.malformed(_SEARCH, f"{entry} has no score")
        return Hit(entry, document, text, heading, float(score))

    def _check(self, operation: str, vector: Sequence[float]) -> None:
        if len(vector) != self._dimension:
            text = f"the vector has {len(vector)} numbers, the container's have {self._dimension}"
            raise Refused(self._service.name, operation, 0, "WrongDimension", text)


def _item(entry: Entry) -> dict[str, Any]:
    return {
        "id": digest(entry.id),
        PARTITION: digest(entry.access.tenant),
        "entry": entry.id,
        "document": entry.document,
        "tags": sorted(entry.access.tags),
        "text": entry.text,
        "heading": entry.heading,
        "words": f"{entry.heading}\n{entry.text}",
        VECTOR: _numbers(entry.vector),
    }


def _numbers(vector: Sequence[float]) -> list[float]:
    """Nine digits are all that there is in a float32, and half as many bytes as of a double."""
    return [float(f"{value:.9g}") for value in vector]


def _array(values: Sequence[bytes]) -> bytes:
    return b"[" + b",".join(values) + b"]"


def _in_partition(tenant: str) -> dict[str, str]:
    return {"x-ms-documentdb-partitionkey": json.dumps([tenant])}


def _texts(service: Service, operation: str, one: Mapping[str, Any], *names: str) -> list[str]:
    values = [one.get(name) for name in names]
    texts = [value for value in values if isinstance(value, str)]
    if len(texts) != len(names):
        raise service.malformed(operation, f"an item of the container is not an entry of ours: {sorted(one)}")
    return texts


def _with_comma(operation: bytes) -> int:
    return len(operation) + 1
