"""A fake of Cosmos DB's REST API: items of containers by partition key and id, with Entra tokens only."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

from werkzeug.wrappers import Response

from serverless_ai_local.azure import place
from serverless_ai_local.azure.access import Access
from serverless_ai_local.azure.calls import Call, ServiceFault, reply
from serverless_ai_local.azure.cosmos import ItemError, Items, Partition
from serverless_ai_local.azure.entra import InvalidTokenError, Principal
from serverless_ai_local.azure.estate import Estate, Resource
from serverless_ai_local.plain import is_list

RESOURCE: Final = "https://cosmos.azure.com"
_ACCOUNT: Final = "Microsoft.DocumentDB/databaseAccounts"
_ITEMS: Final = f"{_ACCOUNT}/sqlDatabases/containers/items"
READ_METADATA: Final = f"{_ACCOUNT}/readMetadata"
CONTAINER: Final = "cosmosdb:SqlResourceSqlContainer"
_CODES: Final[Mapping[int, str]] = {
    400: "BadRequest",
    404: "NotFound",
    409: "Conflict",
    412: "PreconditionFailed",
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
        operation = _OPERATIONS.get((call.method, len(path))) if path[4:5] == ("docs",) else None
        if operation is None or "x-ms-documentdb-isquery" in call.headers:
            raise ServiceFault(501, "NotImplemented", f"{call.method} {call.target} is not offered locally")
        action, run = operation
        if call.headers.get("x-ms-documentdb-is-upsert", "").lower() == "true":
            raise ServiceFault(501, "NotImplemented", "upserts are not offered by the local Cosmos DB")
        self._check(who, account, f"{account.id}/{'/'.join(path[:4])}", f"{_ITEMS}/{action}")
        return run(self, call, container)

    def create(self, call: Call, container: Resource) -> Response:
        item = _item(call)
        return _written(call, self._items.create(_partition(call, container, item), item), 201)

    def read(self, call: Call, container: Resource) -> Response:
        item = self._items.read(_partition(call, container), call.parts[-1])
        return reply(item, headers=_headers(item))

    def replace(self, call: Call, container: Resource) -> Response:
        item = _item(call)
        if item["id"] != call.parts[-1]:
            raise ItemError(400, "the id of the item is not that of the request")
        partition, if_match = _partition(call, container, item), call.headers.get("if-match", "")
        return _written(call, self._items.replace(partition, item, if_match), 200)

    def patch(self, call: Call, container: Resource) -> Response:
        try:
            change = call.json()
            if not is_list(change["operations"]) or not 1 <= len(change["operations"]) <= 10:
                raise ItemError(400, "a patch has 1 to 10 operations")
        except (ValueError, KeyError):
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
_OPERATIONS: Final[Mapping[tuple[str, int], tuple[str, _Operation]]] = {
    ("POST", 5): ("create", CosmosService.create),
    ("GET", 6): ("read", CosmosService.read),
    ("PUT", 6): ("replace", CosmosService.replace),
    ("PATCH", 6): ("replace", CosmosService.patch),
    ("DELETE", 6): ("delete", CosmosService.delete),
}
"""(method, length of the path) -> data action and what does it. PATCH has no action of its own."""


def _item(call: Call) -> dict[str, Any]:
    try:
        item = call.json()
    except ValueError:
        raise ItemError(400, "the body must be one item in JSON") from None
    if not isinstance(item.get("id"), str) or not item["id"]:
        raise ItemError(
            400, "The input content is invalid because the required properties - 'id; ' - are missing"
        )
    return item


def _partition(call: Call, container: Resource, item: Mapping[str, Any] | None = None) -> Partition:
    """By the partition key of the call, which must be that of the item."""
    try:
        (value,) = json.loads(call.headers.get("x-ms-documentdb-partitionkey", ""))
    except ValueError:
        raise ItemError(400, "PartitionKey value must be supplied for this operation.") from None
    (path,) = container.inputs["resource"]["partitionKey"]["paths"]
    if item is not None and item.get(path.removeprefix("/")) != value:
        raise ItemError(
            400, "PartitionKey extracted from document doesn't match the one specified in the header"
        )
    return Partition(container.id, json.dumps(value), container.part("resource").get("defaultTtl"))


def _headers(item: Mapping[str, Any]) -> dict[str, str]:
    return {
        "etag": item["_etag"],
        "x-ms-activity-id": str(uuid.uuid4()),
        "x-ms-request-charge": "1",
        "x-ms-session-token": "0:-1#1",
    }


def _written(call: Call, item: Mapping[str, Any], status: int) -> Response:
    if call.headers.get("prefer", "").lower() == "return=minimal":
        return Response(b"", status, _headers(item))
    return reply(item, status, _headers(item))
