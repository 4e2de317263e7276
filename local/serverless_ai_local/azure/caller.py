"""A person of the local tenant, who may call what the stack of `pulumi/stacks/azure` deploys."""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from serverless_ai_local.launch import RunningCloud

NAME: Final = "ada"
CLIENT: Final = "c11e27a9-0000-4000-8000-000000000001"
"""The app registration that she gets tokens for."""
CONFIG: Final[Mapping[str, str]] = {"entra_client_id": CLIENT}


def token(cloud: RunningCloud) -> str:
    """Her token, as Entra signs it."""
    return cloud.admin("POST", "azure/users/token", {"sub": NAME, "aud": CLIENT})["access_token"]


def storage(
    cloud: RunningCloud,
    method: str,
    url: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> tuple[int, bytes]:
    """A call of Blob or Queue Storage as whoever deploys: status and body."""
    resource = {"resource": "https://storage.azure.com"}
    token = cloud.admin("POST", "azure/token", resource)["access_token"]
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=30)
    try:
        own = {"authorization": f"Bearer {token}", "x-ms-version": "2021-12-02"}
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        connection.request(method, target, body, {**own, **(headers or {})})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()
