"""The resource manager: resources are put, read and deleted by their ids, by whoever deploys."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import Any, Final

from werkzeug.wrappers import Response

from serverless_ai_local.azure.access import Access
from serverless_ai_local.azure.calls import Call, ServiceFault, reply
from serverless_ai_local.azure.estate import Estate, Resource
from serverless_ai_local.azure.types import TABLE
from serverless_ai_local.azure.types.row import Making, Type
from serverless_ai_local.plain import is_mapping

AUDIENCES: Final = ("https://management.core.windows.net", "https://management.azure.com")
KEYS: Final = "listSecrets"
_REFUSED: Final = ServiceFault(401, "AuthenticationFailed", "Authentication failed.")


class Management:
    """The real one takes each type's own document; this one takes Pulumi's inputs: `{"kind", "inputs"}`."""

    def __init__(self, endpoint: str, estate: Estate, access: Access) -> None:
        self._endpoint, self._estate, self._access = endpoint, estate, access
        self._keys: dict[str, str] = {}
        self.checks: list[Callable[[Resource], None]] = []
        """Each raises `ValueError` for a resource that it would not act on."""

    def __call__(self, call: Call) -> Response:
        self._access.caller(call, AUDIENCES, _REFUSED)
        id_ = "/" + "/".join(call.parts)
        if call.method == "PUT":
            return reply(self._put(id_, call.json()))
        found = self._estate.get(id_)
        if call.method == "POST" and call.parts[-1] == KEYS:
            return reply(self._subscription_keys(id_.removesuffix(f"/{KEYS}")))
        if found is None:
            raise _missing(id_)
        if call.method == "DELETE":
            self._estate.remove(id_)
            return Response(status=204)
        if call.method == "GET":
            return reply({"kind": found.kind, "name": found.name, "outputs": found.outputs})
        raise ServiceFault(405, "MethodNotAllowed", f"{call.method} is not offered for {id_}")

    def key(self, subscription_id: str) -> str:
        """The primary key of an API Management subscription."""
        return self._keys.setdefault(subscription_id.lower(), secrets.token_hex(16))

    def _subscription_keys(self, id_: str) -> dict[str, str]:
        found = self._estate.get(id_)
        if found is None or found.kind != "apimanagement:Subscription":
            raise _missing(id_)
        return {"primaryKey": self.key(found.id)}

    def _put(self, id_: str, body: Mapping[str, Any]) -> dict[str, Any]:
        kind, inputs = TABLE.get(str(body.get("kind"))), body.get("inputs")
        if kind is None or not is_mapping(inputs):
            raise ServiceFault(400, "InvalidResourceType", f"{body.get('kind')} is not on the local cloud")
        if kind.id(inputs).lower() != id_.lower():
            raise ServiceFault(400, "InvalidRequest", f"{id_} is not the id of {kind.id(inputs)}")
        self._needs_parent(kind, id_)
        self._check_unique(kind, id_, inputs)
        before = self._estate.get(id_)
        making = Making(
            endpoint=self._endpoint,
            id=id_,
            name=kind.name(inputs),
            inputs=inputs,
            before=before.outputs if before else {},
        )
        outputs = {"name": making.name, "type": kind.arm_type, **kind.outputs(making)}
        made = Resource(id=id_, kind=kind.kind, name=making.name, inputs=inputs, outputs=outputs)
        for check in self.checks:
            try:
                check(made)
            except ValueError as error:
                raise ServiceFault(400, "ValidationError", str(error)) from error
        self._estate.put(made)
        return {"outputs": outputs}

    def _needs_parent(self, kind: Type, id_: str) -> None:
        """Azure refuses a resource in a group or a parent that does not exist."""
        if kind.path == "resourceGroups":
            return
        around = id_.split("/providers/", 1)[0]
        if kind.path.startswith("{scope}"):
            around = id_.rsplit("/providers/", 1)[0]
        elif "{" in kind.path:
            around = id_.rsplit("/", 2)[0].removesuffix("/default").removesuffix("/blobServices")
            around = around.removesuffix("/queueServices")
        if around.count("/") > 2 and self._estate.get(around) is None:
            raise ServiceFault(404, "ResourceNotFound", f"{around} does not exist")

    def _check_unique(self, kind: Type, id_: str, inputs: Mapping[str, Any]) -> None:
        """Names of what has an address are unique in the world."""
        if kind.kind not in _WORLDWIDE:
            return
        other = self._estate.find(kind.kind, kind.name(inputs))
        if other is not None and other.id.lower() != id_.lower():
            raise ServiceFault(409, "AlreadyExists", f"the name {other.name} is taken by {other.id}")


_WORLDWIDE: Final = frozenset(
    (
        "apimanagement:ApiManagementService",
        "cognitiveservices:Account",
        "cosmosdb:DatabaseAccount",
        "eventgrid:Topic",
        "iothub:IotHubResource",
        "keyvault:Vault",
        "search:Service",
        "storage:StorageAccount",
        "web:WebApp",
    )
)


def _missing(id_: str) -> ServiceFault:
    return ServiceFault(404, "ResourceNotFound", f"The Resource '{id_}' was not found.")
