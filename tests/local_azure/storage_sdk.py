"""How Microsoft's storage SDKs talk to the local cloud, which has no TLS."""

from __future__ import annotations

from typing import Any

from azure.core.pipeline.transport import RequestsTransport

AUDIENCE = "https://storage.azure.com"


class Authorise(RequestsTransport):
    """The SDK sends tokens over https only: here they are put into its requests on the way out."""

    def __init__(self, token: str) -> None:
        super().__init__()
        self._token = token

    def send(self, request: Any, **options: Any) -> Any:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return super().send(request, **options)
