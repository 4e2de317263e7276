"""Who gets in: tokens checked by the app, and by a gateway before it."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from serverless_ai_patterns.function_llm import FunctionLlmSettings, Jwt
from serverless_ai_pulumi.azure import FunctionLlm

CLIENT = "11111111-2222-3333-4444-555555555555"
TENANT = "72f988bf-86f1-41af-91ab-444455556666"


def test_nobody_calls_without_a_token_of_the_tenant_for_the_app_registration(usual):
    made = usual.one("WebAppAuthSettingsV2").inputs
    assert made["name"] == usual.one("WebApp").physical
    assert made["platform"]["enabled"] is True
    assert made["globalValidation"] == {
        "requireAuthentication": True,
        "unauthenticatedClientAction": "Return401",
    }
    assert made["httpSettings"] == {"requireHttps": True}
    assert made["identityProviders"] == {
        "azureActiveDirectory": {
            "enabled": True,
            "registration": {
                "clientId": CLIENT,
                "openIdIssuer": f"https://login.microsoftonline.com/{TENANT}/v2.0",
            },
            "validation": {"allowedAudiences": [CLIENT, f"api://{CLIENT}"]},
        }
    }


def test_tokens_of_another_issuer_are_checked_for_every_audience(whole):
    providers = whole.one("WebAppAuthSettingsV2").inputs["identityProviders"]
    assert providers.keys() == {"customOpenIdConnectProviders"}
    made = providers["customOpenIdConnectProviders"]
    assert [made[name]["registration"]["clientId"] for name in ("jwt1", "jwt2")] == ["chat", "admin"]
    assert len(made) == 2
    for provider in made.values():
        assert provider["enabled"] is True
        assert provider["registration"]["openIdConnectConfiguration"] == {
            "issuer": "https://login.example.com/",
            "wellKnownOpenIdConfiguration": "https://login.example.com/.well-known/openid-configuration",
        }
        assert "clientCredential" not in provider["registration"], "no secret is needed to check a token"


def test_tokens_of_an_entra_issuer_go_to_the_entra_provider(deploy):
    issuer = f"https://login.microsoftonline.com/{TENANT}/v2.0"
    settings = FunctionLlmSettings(auth=Jwt(issuer=issuer, audience=("a", "b")))
    made = deploy(lambda: FunctionLlm("chat", settings)).one("WebAppAuthSettingsV2").inputs
    provider = made["identityProviders"]["azureActiveDirectory"]
    assert provider["registration"] == {"clientId": "a", "openIdIssuer": issuer}
    assert provider["validation"] == {"allowedAudiences": ["a", "b"]}


def test_another_tenant_can_be_named(deploy):
    program = lambda: FunctionLlm("chat", entra_client_id=CLIENT, entra_tenant_id="other")  # noqa: E731
    made = deploy(program).one("WebAppAuthSettingsV2").inputs["identityProviders"]["azureActiveDirectory"]
    assert made["registration"]["openIdIssuer"] == "https://login.microsoftonline.com/other/v2.0"


@pytest.mark.parametrize("preview", [True, False])
def test_without_an_app_registration_the_program_fails_and_says_how_to_make_one(deploy, preview):
    with pytest.raises(ValueError, match=r"chat: .*az ad app create --display-name chat .*entra_client_id"):
        deploy(lambda: FunctionLlm("chat"), preview=preview)


def test_no_code_is_there_before_callers_are_checked_and_the_check_goes_with_the_app(usual):
    auth = usual.one("WebAppAuthSettingsV2")
    assert auth.urn in usual.one("Package").dependencies
    assert auth.deleted_with == usual.one("WebApp").urn


def test_a_gateway_lets_the_same_tokens_through_counts_calls_and_has_one_route(whole):
    service = whole.one("ApiManagementService").inputs
    assert service["sku"] == {"name": "Consumption", "capacity": 0}
    api = whole.one("Api").inputs
    assert (api["path"], api["protocols"], api["subscriptionRequired"]) == ("", ["https"], True)
    assert api["serviceUrl"] == ("https://chat-function0a1b2c3d-d4e5f6.swedencentral-01.azurewebsites.net")
    route = whole.one("ApiOperation").inputs
    assert (route["method"], route["urlTemplate"]) == ("POST", "/chat")
    policy = whole.one("ApiPolicy").inputs
    assert policy["format"] == "rawxml"
    root = ElementTree.fromstring(policy["value"])
    token = root.find("inbound/validate-jwt")
    assert token is not None
    assert [one.text for one in token.findall("audiences/audience")] == ["chat", "admin"]
    assert [one.text for one in token.findall("issuers/issuer")] == ["https://login.example.com/"]
    limit = root.find("inbound/rate-limit")
    assert limit is not None
    assert limit.attrib == {"calls": "20", "renewal-period": "2"}
    assert whole.one("Subscription").inputs["scope"].endswith("/chat-gateway-api")


def test_without_a_gateway_none_is_made_and_callers_reach_the_app(usual, whole):
    assert not [each for each in usual.resources if ":apimanagement:" in each.type]
    endpoint = next(out for urn, out in usual.outputs.items() if "FunctionLlm::chat" in urn)["endpoint"]
    assert endpoint == "https://chat-function0a1b2c3d-d4e5f6.swedencentral-01.azurewebsites.net"
    endpoint = next(out for urn, out in whole.outputs.items() if "FunctionLlm::chat" in urn)["endpoint"]
    assert endpoint == "https://chat-gateway0a1b2c3d.azure-api.net"


def test_a_gateway_checks_entras_tokens_too(deploy):
    from serverless_ai_pulumi.azure import Gateway

    publisher = Gateway(publisher_email="ops@example.com", publisher_name="Ops")
    recording = deploy(lambda: FunctionLlm("chat", entra_client_id=CLIENT, gateway=publisher))
    root = ElementTree.fromstring(recording.one("ApiPolicy").inputs["value"])
    assert [one.text for one in root.iter("audience")] == [CLIENT, f"api://{CLIENT}"]
    assert f"https://login.microsoftonline.com/{TENANT}/v2.0" in [one.text for one in root.iter("issuer")]
