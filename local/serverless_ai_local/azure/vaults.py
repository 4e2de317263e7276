"""A fake of Key Vault: secrets are read with tokens, one by one."""

from __future__ import annotations

import hashlib
from typing import Final
from urllib.parse import urlsplit

from werkzeug.wrappers import Response

from serverless_ai_local.azure.access import Access
from serverless_ai_local.azure.calls import Call, ServiceFault, error_reply, reply
from serverless_ai_local.azure.entra import Principal
from serverless_ai_local.azure.estate import Estate
from serverless_ai_local.azure.place import TENANT

AUDIENCES: Final = ("https://vault.azure.net",)
READ: Final = "Microsoft.KeyVault/vaults/secrets/getSecret/action"
SECRET: Final = "keyvault:Secret"  # noqa: S105 - a type
_CHALLENGE: Final = (
    f'Bearer authorization="https://login.microsoftonline.com/{TENANT}", resource="{AUDIENCES[0]}"'
)
"""By which clients learn what to ask a token for. Source:
https://learn.microsoft.com/azure/key-vault/general/authentication-requests-and-responses, read 2026-11."""
_NO_TOKEN: Final = ServiceFault(
    401,
    "Unauthorized",
    "AKV10000: Request is missing a Bearer or PoP token.",
    {"www-authenticate": _CHALLENGE},
)


class Vaults:
    """All vaults."""

    def __init__(self, estate: Estate, access: Access) -> None:
        self._estate, self._access = estate, access

    def value(self, who: Principal, uri: str) -> str:
        """A secret by its URI, the newest version if none is named. Raises `ServiceFault`."""
        parts = [part for part in urlsplit(uri).path.split("/") if part]
        place = parts.index("secrets") if "secrets" in parts[1:-1] else 0
        if not place:
            raise ServiceFault(404, "SecretNotFound", f"{uri} is not the URI of a secret")
        return self._read(who, parts[place - 1], parts[place + 1])

    def __call__(self, call: Call) -> Response:
        try:
            who = self._access.caller(call, AUDIENCES, _NO_TOKEN)
            if call.method != "GET" or call.parts[1:2] != ("secrets",) or len(call.parts) not in (3, 4):
                raise ServiceFault(
                    501, "NotImplemented", f"{call.method} {call.target} is not offered locally"
                )
            vault, name = call.parts[0], call.parts[2]
            value = self._read(who, vault, name)
            version = hashlib.sha256(value.encode()).hexdigest()[:32]
            id_ = f"https://{vault}.vault.azure.net/secrets/{name}/{version}"
            return reply({"value": value, "id": id_, "attributes": {"enabled": True}})
        except ServiceFault as fault:
            return error_reply(fault)

    def _read(self, who: Principal, vault: str, name: str) -> str:
        found = self._estate.find("keyvault:Vault", vault)
        secret = self._estate.find(SECRET, name, found.id) if found else None
        if secret is None:
            raise ServiceFault(
                404, "SecretNotFound", f"A secret with (name/id) {name} was not found in this key vault."
            )
        refusal = f"Caller is not authorized to perform action '{READ}' on resource '{secret.id}'."
        if not self._access.allows(who, secret.id, READ, refusal=refusal):
            raise ServiceFault(403, "Forbidden", refusal)
        return str(secret.inputs["properties"]["value"])
