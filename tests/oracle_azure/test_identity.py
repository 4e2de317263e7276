"""Our token requests against azure-identity's, over one scripted server."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import ManagedIdentityCredential
from loopback import Loopback, reply
from memory_ports import Clock

from serverless_ai_runtime.adapters.azure import cosmos, foundry, queue
from serverless_ai_runtime.adapters.azure.identity import Tokens
from serverless_ai_runtime.config import AzureConfig
from serverless_ai_runtime.core.ports import Deadline, Refused
from serverless_ai_runtime.http import HttpClient


@pytest.fixture
def theirs(server: Loopback, monkeypatch: pytest.MonkeyPatch) -> ManagedIdentityCredential:
    monkeypatch.setenv("IDENTITY_ENDPOINT", server.url + "/msi/token")
    monkeypatch.setenv("IDENTITY_HEADER", "header-secret")
    return ManagedIdentityCredential(client_id="client-1")


@pytest.fixture
def ours(server: Loopback) -> Tokens:
    world = Clock().world()
    config = AzureConfig(server.url + "/msi/token", "header-secret", "client-1")
    return Tokens(HttpClient(world), world, lambda: config)


@pytest.mark.parametrize("resource", [foundry.RESOURCE, cosmos.RESOURCE, queue.RESOURCE])
def test_a_token_is_asked_for_as_by_azure_identity(
    server: Loopback, theirs: ManagedIdentityCredential, ours: Tokens, resource: str
) -> None:
    token = {
        "access_token": "t1", "expires_on": "4102444800", "resource": resource, "token_type": "Bearer",
        "client_id": "client-1",
    }  # fmt: skip
    server.answer(reply(body=token))
    assert theirs.get_token(resource + "/.default").token == ours.get(resource, Deadline(5)) == "t1"
    first, second = server.requests
    assert (first.method, urlsplit(first.target).path) == (second.method, urlsplit(second.target).path)
    assert parse_qs(urlsplit(first.target).query) == parse_qs(urlsplit(second.target).query)
    assert first.headers["x-identity-header"] == second.headers["x-identity-header"]


def test_an_identity_that_is_not_the_apps_is_refused_by_both(
    server: Loopback, theirs: ManagedIdentityCredential, ours: Tokens
) -> None:
    server.answer(reply(400, {"statusCode": 400, "message": "No User Assigned or Delegated Identity found"}))
    with pytest.raises(ClientAuthenticationError):
        theirs.get_token("https://r/.default")
    with pytest.raises(Refused, match="No User Assigned"):
        ours.get("https://r", Deadline(5))
