"""API Management: its policies are executed, and one that would not be is refused when it is deployed."""

from __future__ import annotations

from typing import Any

import pytest

from serverless_ai_local.azure.entra import Entra
from serverless_ai_local.azure.gateway.policies import Passing, Policies, PolicyError, Stopped
from serverless_ai_local.azure.place import TENANT
from serverless_ai_local.doors.pulumi.clouds import CloudError
from serverless_ai_local.gateway.jwt_authorizer import JwtVerifier
from serverless_ai_patterns.azure.gateway import entra, policy
from serverless_ai_patterns.function_llm import Throttle

TRUST = entra(TENANT, "app")


@pytest.fixture
def tenant() -> Entra:
    return Entra()


class Gateway:
    """The inbound steps of our own policy document, with a clock of the test's."""

    def __init__(self, tenant: Entra, throttle: Throttle) -> None:
        self.now = 0.0
        policies = Policies(JwtVerifier(tenant.fetch), lambda: self.now)
        self._steps = policies.read("api", policy(TRUST, throttle))

    def send(self, authorization: str | None, subscription: str = "s") -> Passing:
        headers = {"ocp-apim-subscription-key": "k"}
        passing = Passing(headers | ({"authorization": authorization} if authorization else {}), subscription)
        for step in self._steps:
            step(passing)
        return passing


def test_our_own_policy_lets_in_both_versions_of_the_tenants_tokens(tenant: Entra) -> None:
    gateway = Gateway(tenant, Throttle())
    for version, audience in ((2, "app"), (1, "api://app")):
        token = tenant.user_token("ada", audience, version=version)
        passed = gateway.send(f"Bearer {token}")
        assert passed.headers["authorization"] == f"Bearer {token}", "the app checks it again"
        assert "ocp-apim-subscription-key" not in passed.headers, "the key is the gateway's own business"


def test_other_tokens_are_stopped_with_401(tenant: Entra) -> None:
    gateway = Gateway(tenant, Throttle())
    good = tenant.user_token("ada", "app")
    refused = [
        None,
        "Bearer ",
        f"Basic {good}",
        good,
        "Bearer x.y.z",
        f"Bearer {good[:-4]}AAAA",
        f"Bearer {tenant.user_token('ada', 'other')}",
        f"Bearer {tenant.user_token('ada', 'app', lifetime_s=-5)}",
        f"Bearer {Entra().user_token('ada', 'app')}",
    ]
    for authorization in refused:
        with pytest.raises(Stopped) as stopped:
            gateway.send(authorization)
        assert stopped.value.status == 401, authorization


def test_calls_are_counted_by_subscription_and_window(tenant: Entra) -> None:
    gateway = Gateway(tenant, Throttle(requests_per_second=2, burst=4))
    authorization = f"Bearer {tenant.user_token('ada', 'app')}"
    for _ in range(4):
        gateway.send(authorization)
    with pytest.raises(Stopped) as stopped:
        gateway.send(authorization)
    assert (stopped.value.status, stopped.value.headers["retry-after"]) == (429, "2")
    gateway.send(authorization, subscription="another")
    gateway.now = 2.0
    gateway.send(authorization)


@pytest.mark.parametrize(
    "document",
    [
        "not xml",
        "<other/>",
        "<policies><inbound><cors/></inbound></policies>",
        "<policies><outbound><set-header name='x'/></outbound></policies>",
        "<policies><inbound><validate-jwt/></inbound></policies>",
        "<policies><inbound><rate-limit calls='1' renewal-period='1' other='x'/></inbound></policies>",
        "<policies><inbound><set-header name='x' exists-action='append'/></inbound></policies>",
        "<policies><strange/></policies>",
    ],
)
def test_a_policy_that_would_not_be_executed_is_refused(tenant: Entra, document: str) -> None:
    with pytest.raises(PolicyError):
        Policies(JwtVerifier(tenant.fetch)).read("api", document)


def test_it_is_refused_when_it_is_deployed(subscription: Any) -> None:
    service = subscription.make("apimanagement:ApiManagementService", publisherEmail="a@b", publisherName="a")
    api = subscription.make("apimanagement:Api", serviceName=service.name, path="")
    with pytest.raises(CloudError, match="<cors>"):
        subscription.make(
            "apimanagement:ApiPolicy",
            serviceName=service.name,
            apiId=api.name,
            value="<policies><inbound><cors/></inbound></policies>",
        )
