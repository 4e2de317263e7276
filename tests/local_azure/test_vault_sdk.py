"""The local Key Vault through Microsoft's SDK: a secret is read with a token, and refusals are known."""

from __future__ import annotations

import time
from typing import Any

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.core.pipeline.transport import RequestsTransport
from azure.keyvault.secrets import SecretClient

from serverless_ai_patterns.azure import roles

AUDIENCE = "https://vault.azure.net"


class Plainly(RequestsTransport):
    """The SDK speaks https only: here its requests go out without TLS."""

    def send(self, request: Any, **options: Any) -> Any:
        secure = request.url
        request.url = secure.replace("https://", "http://", 1)
        try:
            return super().send(request, **options)
        finally:
            request.url = secure


class Token:
    """A credential; remembers which scope the vault's challenge made the SDK ask for."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.scopes: list[str] = []

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        self.scopes += scopes
        return AccessToken(self._text, int(time.time()) + 600)


@pytest.fixture(scope="module")
def vault(subscription: Any) -> Any:
    properties = {
        "tenantId": "t",
        "sku": {"family": "A", "name": "standard"},
        "enableRbacAuthorization": True,
        "enablePurgeProtection": True,
    }
    return subscription.make("keyvault:Vault", properties=properties)


@pytest.fixture(scope="module")
def secret(subscription: Any, vault: Any) -> Any:
    return subscription.make(
        "keyvault:Secret", vaultName=vault.name, secretName="weather", properties={"value": "sunny"}
    )


def client(secret: Any, credential: Token) -> SecretClient:
    url = str(secret.outputs["properties"]["secretUri"]).rpartition("/secrets/")[0]
    return SecretClient(
        url.replace("http://", "https://", 1),
        credential,
        transport=Plainly(),
        verify_challenge_resource=False,
        retry_total=0,
    )


def test_a_secret_is_read_with_the_token_that_the_challenge_asks_for(
    subscription: Any, secret: Any, principal: str
) -> None:
    subscription.grant(principal, roles.READ_SECRET, secret)
    credential = Token(subscription.token(AUDIENCE, principal))
    found = client(secret, credential).get_secret("weather")
    assert (found.name, found.value, found.properties.enabled) == ("weather", "sunny", True)
    assert credential.scopes == [f"{AUDIENCE}/.default"]


def test_refusals_are_the_errors_that_the_sdk_knows(subscription: Any, secret: Any, principal: str) -> None:
    stranger = client(secret, Token(subscription.token(AUDIENCE, principal)))
    with pytest.raises(HttpResponseError) as refused:
        stranger.get_secret("weather")
    assert (refused.value.status_code, refused.value.error.code) == (403, "Forbidden")  # pyright: ignore
    with pytest.raises(ResourceNotFoundError) as missing:
        client(secret, Token(subscription.token(AUDIENCE))).get_secret("nothing")
    assert missing.value.error.code == "SecretNotFound"  # pyright: ignore
