"""Who calls the local Azure in a test: Microsoft's Cosmos DB SDK, and our own adapters."""

from __future__ import annotations

from typing import Any

from azure.core.pipeline.transport import RequestsTransport
from azure_fakes import azure
from memory_ports import Clock

from serverless_ai_runtime.adapters.azure import cosmos
from serverless_ai_runtime.adapters.service import Cloud
from serverless_ai_runtime.core.ports import Deadline


class Authorise(RequestsTransport):
    """The SDK sends tokens over https only: here they are put into its requests on the way out."""

    def __init__(self, token: str) -> None:
        super().__init__()
        self._token = token

    def send(self, request: Any, **options: Any) -> Any:
        request.headers["authorization"] = cosmos.authorization(self._token)
        return super().send(request, **options)


class Tokens:
    """Of one principal; None: the administrator."""

    def __init__(self, subscription: Any, principal: str | None) -> None:
        self._subscription, self._principal, self._token = subscription, principal, ""

    def get(self, resource: str, deadline: Deadline) -> str:
        self._token = self._token or self._subscription.token(resource, self._principal)
        return self._token

    def drop(self, resource: str, text: str) -> None:
        self._token = ""


def ours(subscription: Any, principal: str | None) -> Cloud:
    """What our adapters share, as one principal."""
    return azure(Clock().world())._replace(tokens=Tokens(subscription, principal))
