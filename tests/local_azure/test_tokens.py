"""Tokens of the local Entra, and those that are none: every service turns the others away."""

from __future__ import annotations

import time
from typing import Any

import jwt
import pytest
from aws_world import _tampered as tampered
from aws_world import _unsigned as unsigned
from cryptography.hazmat.primitives.asymmetric import rsa
from world import Reply

from serverless_ai_local.azure.entra import KEY_ID, V1, Entra, InvalidTokenError
from serverless_ai_local.azure.place import TENANT

STORAGE = "https://storage.azure.com"


@pytest.fixture(scope="module")
def url(subscription: Any) -> str:
    account = subscription.make("storage:StorageAccount", kind="StorageV2")
    subscription.make("storage:Queue", accountName=account.name, queueName="jobs")
    return account.outputs["primaryEndpoints"]["queue"] + "jobs/messages"


def forged(**changes: Any) -> str:
    """A token as Entra's, signed by somebody else."""
    now = int(time.time())
    claims = {"iss": V1, "aud": STORAGE, "oid": "x", "sub": "x", "tid": TENANT, "exp": now + 300} | changes
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return jwt.encode(claims, key, algorithm="RS256", headers={"kid": KEY_ID})


def test_a_token_for_the_service_is_taken(subscription: Any, call: Any, url: str) -> None:
    assert call("GET", url, subscription.token(STORAGE)).status == 200
    assert call("GET", url, subscription.token(STORAGE + "/")).status == 200


def test_what_is_no_token_for_the_service_is_refused(subscription: Any, call: Any, url: str) -> None:
    good = subscription.token(STORAGE)
    attacks = {
        "none": None,
        "empty": "",
        "not a token": "x.y.z",
        "expired": subscription.token(STORAGE, lifetime_s=-10),
        "for another service": subscription.token("https://management.azure.com"),
        "of a person": subscription.user("chat"),
        "tampered": tampered(good),
        "unsigned": unsigned(good),
        "signed by somebody else": forged(),
    }
    for what, token in attacks.items():
        reply: Reply = call("GET", url, token)
        assert reply.status == 401, (what, reply)
        assert "NoAuthenticationInformation" in reply.body["text"], what


def test_keys_and_signatures_of_the_account_are_refused(call: Any, url: str) -> None:
    reply = call("GET", url, headers={"authorization": "SharedKey account:c2lnbmF0dXJl"})
    assert reply.status == 403
    assert "KeyBasedAuthenticationNotPermitted" in reply.body["text"]
    assert call("GET", f"{url}?sv=2021&sig=abc").status == 403


def test_a_symmetric_signature_made_with_the_public_key_is_refused() -> None:
    entra = Entra()
    entra.keys()
    public = str(entra.keys()["keys"][0]["n"])
    token = jwt.encode({"iss": V1, "aud": STORAGE, "oid": "x", "exp": time.time() + 99}, public, "HS256")
    with pytest.raises(InvalidTokenError):
        entra.verify(token, (STORAGE,))


def test_a_token_of_another_tenant_is_refused() -> None:
    entra = Entra()
    token = entra._signed("https://sts.windows.net/other/", STORAGE, {"oid": "x"}, "1.0", 60)
    with pytest.raises(InvalidTokenError, match="issuer"):
        entra.verify(token, (STORAGE,))


def test_a_token_ends_with_its_time() -> None:
    now = [1000.0]
    entra = Entra(lambda: now[0])
    token, expires_on = entra.identity_token(STORAGE, oid="o", client_id="c", resource_id="/r")
    assert entra.verify(token, (STORAGE,))["appid"] == "c"
    now[0] = float(expires_on)
    with pytest.raises(InvalidTokenError, match="expired"):
        entra.verify(token, (STORAGE,))


def test_the_tenants_own_documents_are_not_fetched_from_the_internet() -> None:
    entra = Entra()
    for issuer in (f"https://login.microsoftonline.com/{TENANT}/v2.0", f"https://sts.windows.net/{TENANT}"):
        found = entra.fetch(f"{issuer}/.well-known/openid-configuration")
        assert entra.fetch(found["jwks_uri"]) == entra.keys()
    with pytest.raises(ValueError, match="one tenant"):
        entra.fetch("https://login.microsoftonline.com/other/v2.0/.well-known/openid-configuration")


def test_the_resource_manager_is_for_whoever_deploys(cloud: Any, call: Any, subscription: Any) -> None:
    url = f"{cloud.url}/_azure/management/subscriptions/x"
    assert call("GET", url).status == 401
    assert call("GET", url, subscription.token(STORAGE)).status == 401
    assert call("GET", url, subscription.token("https://management.azure.com")).status == 404
