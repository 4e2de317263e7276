"""A fake of Cosmos DB's REST API, with Entra tokens only.

Items of containers by partition key and id, batches of them, and queries with exact vector search.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

from werkzeug.wrappers import Response

from serverless_ai_local.azure import cosmos_batch, cosmos_query, cosmos_vectors, cosmos_words, place
from serverless_ai_local.azure.access import Access
from serverless_ai_local.azure.calls import Call, ServiceFault, reply
from serverless_ai_local.azure.cosmos import ItemError, Items, Partition
from serverless_ai_local.azure.cosmos_vectors import CONTAINER
from serverless_ai_local.azure.entra import InvalidTokenError, Principal
from serverless_ai_local.azure.estate import Estate, Resource

RESOURCE: Final = "https://cosmos.azure.com"
_ACCOUNT: Final = "Microsoft.DocumentDB/databaseAccounts"
_ITEMS: Final = f"{_ACCOUNT}/sqlDatabases/containers/items"
EXECUTE_QUERY: Final = f"{_ACCOUNT}/sqlDatabases/containers/executeQuery"
READ_METADATA: Final = f"{_ACCOUNT}/readMetadata"
MOST_BYTES: Final = 2 * 1024 * 1024
MOST_ID_BYTES: Final = 1023
MOST_KEY_BYTES: Final = 2048
"""Of a request, an item's id and a partition key (Azure Cosmos DB service quotas, read 2026-11-27)."""
PAGE: Final = 100
"""Documents of a page, if the request does not say how many."""
_CODES: Final[Mapping[int, str]] = {
    400: "BadRequest",
    404: "NotFound",
    409: "Conflict",
    412: "PreconditionFailed",
    413: "RequestEntityTooLarge",
}


class CosmosService:
    """All accounts."""

    def __init__(self, endpoint: str, estate: Estate, access: Access, items: Items) -> None:
        self._endpoint, self._estate, self._access, self._items = endpoint, estate, access, items
        estate.watch(self._follow)

    def __call__(self, call: Call) -> Response:
        try:
            return self._answer(call)
        except ServiceFault as fault:
            return reply({"code": fault.code, "message": fault.message}, fault.status, fault.headers)
        except ItemError as error:
            headers = {"x-ms-activity-id": str(uuid.uuid4()), "x-ms-substatus": "0"}
            return reply({"code": _CODES[error.status], "message": str(error)}, error.status, headers)

    def _answer(self, call: Call) -> Response:
        account = self._estate.find("cosmosdb:DatabaseAccount", call.parts[0])
        if account is None:
            raise ServiceFault(404, "NotFound", f"there is no Cosmos DB account {call.parts[0]}")
        who = self._caller(call)
        path = call.parts[1:]
        if not path:
            self._check(who, account, account.id, READ_METADATA)
            return reply(self._about(account))
        container = self._container(account, path)
        if path[4:] == () and call.method == "GET":
            scope = f"{account.id}/{'/'.join(path[:4])}"
            self._check(who, account, scope, READ_METADATA)
            return reply({**container.inputs["resource"], "_rid": uuid.uuid4().hex[:16], "_etag": '"0"'})
        if path[4:] == ("pkranges",) and call.method == "GET":
            self._check(who, account, f"{account.id}/{'/'.join(path[:4])}", READ_METADATA)
            return _ranges(call)
        operation = _OPERATIONS.get(_named(call, path)) if path[4:5] == ("docs",) else None
        if operation is None:
            raise ServiceFault(501, "NotImplemented", f"{call.method} {call.target} is not offered locally")
        if len(call.body) > MOST_BYTES:
            raise ItemError(413, "Request size is too large")
        action, run = operation
        scope = f"{account.id}/{'/'.join(path[:4])}"
        for one in {action} if action else {f"{_ITEMS}/{one.action}" for one in _batch(call)}:
            self._check(who, account, scope, one)
        return run(self, call, container)

    def create(self, call: Call, container: Resource) -> Response:
        item = _item(call, container)
        return _written(call, self._items.create(_partition(call, container, item), item), 201)

    def upsert(self, call: Call, container: Resource) -> Response:
        item = _item(call, container)
        partition, if_match = _partition(call, container, item), call.headers.get("if-match", "")
        written, new = self._items.upsert(partition, item, if_match)
        return _written(call, written, 201 if new else 200)

    def batch(self, call: Call, container: Resource) -> Response:
        def check(item: Mapping[str, Any]) -> None:
            _check_item(item, container)
            _partition(call, container, item)

        results = cosmos_batch.run(self._items, _partition(call, container), _batch(call), check)
        return reply(results, 200 if cosmos_batch.succeeded(results) else 207, _charged())

    def plan(self, call: Call, container: Resource) -> Response:
        return reply(cosmos_words.plan(container, _query(call)), headers=_charged())

    def query(self, call: Call, container: Resource) -> Response:
        body, key = _query(call), None
        if "x-ms-documentdb-partitionkey" in call.headers:
            key = _partition(call, container).key
        elif call.headers.get("x-ms-documentdb-query-enablecrosspartition", "").lower() != "true":
            raise ItemError(400, _CROSSES)
        if cosmos_words.is_ranked(body) or (key is None and not cosmos_query.parse(body).simple):
            raise ServiceFault(400, "BadRequest", _NOT_SERVED, {"x-ms-substatus": "1004"})
        items = self._items.select(container.id, key)
        found = cosmos_words.run(container, body, items)
        if found is None:
            found = cosmos_query.parse(body).run(items, cosmos_vectors.embeddings(container))
        start, end = _page(call)
        more = {"x-ms-continuation": str(end)} if end < len(found) else {}
        page = found[start:end]
        return reply({"_rid": "", "Documents": page, "_count": len(page)}, headers=_charged() | more)

    def read(self, call: Call, container: Resource) -> Response:
        item = self._items.read(_partition(call, container), call.parts[-1])
        return reply(item, headers=_headers(item))

    def replace(self, call: Call, container: Resource) -> Response:
        item = _item(call, container)
        if item["id"] != call.parts[-1]:
            raise ItemError(400, "the id of the item is not that of the request")
        partition, if_match = _partition(call, container, item), call.headers.get("if-match", "")
        return _written(call, self._items.replace(partition, item, if_match), 200)

    def patch(self, call: Call, container: Resource) -> Response:
        try:
            change = call.json()
        except ValueError:
            raise ItemError(400, "the body must be an object with operations") from None
        partition, if_match = _partition(call, container), call.headers.get("if-match", "")
        return _written(call, self._items.patch(partition, call.parts[-1], change, if_match), 200)

    def delete(self, call: Call, container: Resource) -> Response:
        if_match = call.headers.get("if-match", "")
        self._items.delete(_partition(call, container), call.parts[-1], if_match)
        return Response(status=204)

    def _caller(self, call: Call) -> Principal:
        fields = dict(parse_qsl(unquote(call.headers.get("authorization", ""))))
        if fields.get("type") != "aad":
            what = "Local Authorization is disabled. Use an AAD token to authorize all requests."
            raise ServiceFault(401, "Unauthorized", what)
        account = f"https://{call.parts[0]}.documents.azure.com"
        own = place.url(self._endpoint, place.COSMOS, call.parts[0])
        try:
            return self._access.principal(fields.get("sig", ""), (RESOURCE, account, own))
        except InvalidTokenError as error:
            raise ServiceFault(
                401, "Unauthorized", f"The input authorization token can't serve the request: {error}"
            ) from None

    def _check(self, who: Principal, account: Resource, scope: str, action: str) -> None:
        refusal = (
            f"Request blocked by Auth {account.name} : Request is blocked because principal [{who.oid}] does "
            f"not have required RBAC permissions to perform action [{action}] on resource [{scope}]."
        )
        if not self._access.allows_records(who, account.id, scope, action, refusal=refusal):
            raise ServiceFault(403, "Forbidden", refusal, {"x-ms-substatus": "5300"})

    def _container(self, account: Resource, path: tuple[str, ...]) -> Resource:
        if len(path) >= 4 and path[0] == "dbs" and path[2] == "colls":
            database = self._estate.find("cosmosdb:SqlResourceSqlDatabase", path[1], account.id)
            found = self._estate.find(CONTAINER, path[3], database.id) if database else None
            if found is not None:
                return found
        message = "Owner resource does not exist"
        raise ServiceFault(404, "NotFound", message, {"x-ms-substatus": "1003"})

    def _about(self, account: Resource) -> dict[str, Any]:
        url = place.url(self._endpoint, place.COSMOS, account.name) + "/"
        places = [{"name": place.LOCATION, "databaseAccountEndpoint": url}]
        level = account.part("consistencyPolicy").get("defaultConsistencyLevel", "Session")
        return {
            "id": account.name,
            "_rid": f"{account.name}.local",
            "writableLocations": places,
            "readableLocations": places,
            "enableMultipleWriteLocations": False,
            "userConsistencyPolicy": {"defaultConsistencyLevel": level},
        }

    def _follow(self, resource: Resource, exists: bool) -> None:
        if resource.kind == CONTAINER and not exists:
            self._items.forget(resource.id)


_Operation = Callable[[CosmosService, Call, Resource], Response]
_OPERATIONS: Final[Mapping[str, tuple[str, _Operation]]] = {
    "POST": (f"{_ITEMS}/create", CosmosService.create),
    "POST upsert": (f"{_ITEMS}/upsert", CosmosService.upsert),
    "POST query": (EXECUTE_QUERY, CosmosService.query),
    "POST plan": (EXECUTE_QUERY, CosmosService.plan),
    "POST batch": ("", CosmosService.batch),
    "GET item": (f"{_ITEMS}/read", CosmosService.read),
    "PUT item": (f"{_ITEMS}/replace", CosmosService.replace),
    "PATCH item": (f"{_ITEMS}/replace", CosmosService.patch),
    "DELETE item": (f"{_ITEMS}/delete", CosmosService.delete),
}
"""What is called -> data action and what does it. PATCH has no action of its own, nor has a batch."""
_MARKS: Final = {
    "x-ms-documentdb-is-upsert": "upsert",
    "x-ms-documentdb-isquery": "query",
    "x-ms-cosmos-is-query-plan-request": "plan",
    "x-ms-cosmos-is-batch-request": "batch",
}
_CROSSES: Final = (
    "Cross partition query is required but disabled. Please set x-ms-documentdb-query-enablecrosspartition "
    "to true, specify x-ms-documentdb-partitionkey, or revise your query to avoid this exception."
)
_NOT_SERVED: Final = (
    "The provided cross partition query can not be directly served by the gateway. This is a first chance "
    "(internal) exception that all newer clients will know how to handle gracefully."
)


def _named(call: Call, path: tuple[str, ...]) -> str:
    """The call by its row in the table."""
    marks = [word for name, word in _MARKS.items() if call.headers.get(name, "").lower() == "true"]
    return " ".join((call.method, *(["item"] if len(path) == 6 else []), *marks))


def _ranges(call: Call) -> Response:
    """One range of partition keys; clients ask until nothing has changed."""
    etag = '"1"'
    if call.headers.get("if-none-match") == etag:
        return Response(status=304, headers={"etag": etag})
    one: dict[str, Any] = {
        "id": "0",
        "_rid": "r0",
        "minInclusive": "",
        "maxExclusive": "FF",
        "status": "online",
        "parents": [],
    }
    return reply({"_rid": "r", "PartitionKeyRanges": [one], "_count": 1}, headers={"etag": etag})


def _query(call: Call) -> dict[str, Any]:
    try:
        return call.json()
    except ValueError:
        raise ItemError(400, "the body must be an object with a query") from None


def _batch(call: Call) -> list[cosmos_batch.Operation]:
    try:
        return cosmos_batch.operations(json.loads(call.body))
    except ValueError:
        raise ItemError(400, "the body must be a list of operations in JSON") from None


def _item(call: Call, container: Resource) -> dict[str, Any]:
    try:
        item = call.json()
    except ValueError:
        raise ItemError(400, "the body must be one item in JSON") from None
    _check_item(item, container)
    return item


def _check_item(item: Mapping[str, Any], container: Resource) -> None:
    if not isinstance(item.get("id"), str) or not item["id"]:
        raise ItemError(
            400, "The input content is invalid because the required properties - 'id; ' - are missing"
        )
    if len(item["id"].encode("utf-8", "surrogatepass")) > MOST_ID_BYTES:
        raise ItemError(400, f"The input name is invalid: an id has at most {MOST_ID_BYTES} bytes")
    if "/" in item["id"] or "\\" in item["id"]:
        raise ItemError(400, "The input name is invalid: an id has neither '/' nor '\\'")
    cosmos_vectors.check_item(container, item)


def _partition(call: Call, container: Resource, item: Mapping[str, Any] | None = None) -> Partition:
    """By the partition key of the call, which must be that of the item."""
    try:
        (value,) = json.loads(call.headers.get("x-ms-documentdb-partitionkey", ""))
    except (TypeError, ValueError):
        raise ItemError(400, "PartitionKey value must be supplied for this operation.") from None
    if isinstance(value, str) and len(value.encode("utf-8", "surrogatepass")) > MOST_KEY_BYTES:
        raise ItemError(400, f"a partition key has at most {MOST_KEY_BYTES} bytes")
    (path,) = container.inputs["resource"]["partitionKey"]["paths"]
    if item is not None and item.get(path.removeprefix("/")) != value:
        raise ItemError(
            400, "PartitionKey extracted from document doesn't match the one specified in the header"
        )
    return Partition(container.id, json.dumps(value), container.part("resource").get("defaultTtl"))


def _page(call: Call) -> tuple[int, int]:
    """From where to where: a continuation is the number of documents that came before."""
    try:
        start = int(call.headers.get("x-ms-continuation") or 0)
        count = int(call.headers.get("x-ms-max-item-count") or PAGE)
    except ValueError:
        raise ItemError(400, "Invalid Continuation Token or item count") from None
    return start, start + (count if count > 0 else PAGE)


def _headers(item: Mapping[str, Any]) -> dict[str, str]:
    return {"etag": item["_etag"], **_charged()}


def _charged() -> dict[str, str]:
    return {
        "x-ms-activity-id": str(uuid.uuid4()),
        "x-ms-request-charge": "1",
        "x-ms-session-token": "0:-1#1",
    }


def _written(call: Call, item: Mapping[str, Any], status: int) -> Response:
    if call.headers.get("prefer", "").lower() == "return=minimal":
        return Response(b"", status, _headers(item))
    return reply(item, status, _headers(item))
