"""App Service's identity endpoint: tokens of an app's managed identities, for who knows the app's secret."""

from __future__ import annotations

import hmac
import secrets
import threading
from typing import Final

from werkzeug.wrappers import Response

from serverless_ai_local.azure.calls import Call, ServiceFault, reply
from serverless_ai_local.azure.entra import Entra
from serverless_ai_local.azure.estate import Estate, Resource

IDENTITY: Final = "managedidentity:UserAssignedIdentity"
VERSION: Final = "2019-08-01"


class Identities:
    """One secret an app (IDENTITY_HEADER); an app gets tokens of the identities that it was given."""

    def __init__(self, estate: Estate, entra: Entra) -> None:
        self._estate, self._entra = estate, entra
        self._secrets: dict[str, str] = {}
        self._lock = threading.Lock()

    def secret(self, app: str) -> str:
        """What the app must send as X-IDENTITY-HEADER."""
        with self._lock:
            return self._secrets.setdefault(app.lower(), secrets.token_hex(16))

    def __call__(self, call: Call) -> Response:
        try:
            return self._answer(call)
        except ServiceFault as fault:
            return reply({"statusCode": fault.status, "message": fault.message}, fault.status)

    def token(self, app: Resource, client_id: str, resource: str) -> tuple[str, int]:
        """A token of one of the app's identities. Raises `ServiceFault`."""
        for identity in self.of(app):
            if identity.outputs["clientId"] == client_id:
                return self._entra.identity_token(
                    resource.rstrip("/"),
                    oid=str(identity.outputs["principalId"]),
                    client_id=client_id,
                    resource_id=identity.id,
                )
        raise ServiceFault(
            400, "BadRequest", f"No User Assigned Managed Identity found for specified ClientId {client_id}"
        )

    def of(self, app: Resource) -> list[Resource]:
        """The user-assigned identities of an app."""
        ids = app.part("identity").get("userAssignedIdentities") or ()
        found = [self._estate.get(one) for one in ids]
        return [one for one in found if one is not None and one.kind == IDENTITY]

    def _answer(self, call: Call) -> Response:
        app = self._estate.find("web:WebApp", call.parts[0])
        if app is None:
            raise ServiceFault(404, "NotFound", "there is no such app")
        given = call.headers.get("x-identity-header", "")
        if not hmac.compare_digest(given.encode(), self.secret(app.name).encode()):
            raise ServiceFault(401, "Unauthorized", "X-IDENTITY-HEADER is missing or wrong")
        if call.query.get("api-version") != VERSION:
            raise ServiceFault(400, "BadRequest", f"api-version must be {VERSION}")
        client_id, resource = call.query.get("client_id", ""), call.query.get("resource", "")
        if not client_id:
            raise ServiceFault(400, "BadRequest", "the app has no system-assigned identity: give client_id")
        if not resource:
            raise ServiceFault(400, "BadRequest", "resource is missing")
        token, expires_on = self.token(app, client_id, resource)
        return reply(
            {
                "access_token": token,
                "client_id": client_id,
                "expires_on": str(expires_on),
                "resource": resource,
                "token_type": "Bearer",
            }
        )
