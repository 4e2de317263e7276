"""Who gets in: ID tokens on Cloud Run, tokens of an issuer on API Gateway, access tokens on services."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth.transport.requests import Request
from google.oauth2 import id_token as google_id_token
from google_local import HERE, Local

from serverless_ai_local.gcp import types
from serverless_ai_local.gcp.iam.conditions import ConditionError, parse
from serverless_ai_local.gcp.resources.identities import unique_id

ECHO = """
import json
def go(request):
    headers = {name.lower(): value for name, value in request.headers.items()}
    return json.dumps({"path": request.full_path, "headers": headers})
"""
ADA = "ada@example.com"


@pytest.fixture
def fn(local: Local) -> Mapping[str, Any]:
    return local.function(ECHO)


def claims_of(token: str) -> dict[str, Any]:
    return jwt.decode(token, options={"verify_signature": False})


def encoded(part: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


def key_pem(local: Local, where: str) -> bytes:
    """The issuer's public key, which anybody may have."""
    (key,) = jwt.PyJWKSet.from_dict(local.admin("GET", where)).keys
    return key.key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def attacks(local: Local, good: str, jwks: str) -> dict[str, str]:
    """Tokens that say the same as a good one, and prove nothing."""
    claims, header = claims_of(good), jwt.get_unverified_header(good)
    head, payload, signature = good.split(".")
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    more = {**claims, "email": "root@example.com"}
    hmac = f"{encoded({**header, 'alg': 'HS256'})}.{payload}"
    import hashlib
    import hmac as hashes

    digest = hashes.new(key_pem(local, jwks), hmac.encode(), hashlib.sha256).digest()
    return {
        "signed by a stranger with the issuer's key id": jwt.encode(
            claims, stranger, "RS256", {"kid": header["kid"]}
        ),
        "signed by a stranger's own key": jwt.encode(claims, stranger, "RS256", {"kid": "mine"}),
        "without a key id": jwt.encode(claims, stranger, "RS256"),
        "unsigned": f"{encoded({'alg': 'none', 'kid': header['kid']})}.{payload}.",
        "unsigned, in capitals": f"{encoded({'alg': 'NONE', 'kid': header['kid']})}.{payload}.",
        "with the public key as a secret": f"{hmac}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}",
        "with other claims": f"{head}.{encoded(more)}.{signature}",
        "without its signature": f"{head}.{payload}.",
        "with a signature cut short": good[:-9],
        "with a key of its own": jwt.encode(claims, stranger, "RS256", {"kid": header["kid"], "jwk": {}}),
        "as Cloud Run passes it on": f"{head}.{payload}.SIGNATURE_REMOVED_BY_GOOGLE",
        "two parts": f"{head}.{payload}",
        "nothing": "",
        "a long nothing": "a." * 5000,
        "no text": "\u00ff",
    }


def test_an_invokers_token_is_let_in_and_reaches_the_function_without_its_signature(
    local: Local, fn: Mapping[str, Any]
) -> None:
    answer = local.ask(fn["url"], "/a/b?c=d")
    assert answer.status == 200, answer
    seen = json.loads(answer.body) if isinstance(answer.body, str) else answer.body
    assert seen["path"] == "/a/b?c=d"
    assert seen["headers"]["authorization"].endswith(".SIGNATURE_REMOVED_BY_GOOGLE")
    assert len(seen["headers"]["x-cloud-trace-context"].partition("/")[0]) == 32


def test_googles_own_library_verifies_the_token(local: Local) -> None:
    token = local.id_token(ADA, "https://fn.example")
    claims = google_id_token.verify_token(
        token, Request(), audience="https://fn.example", certs_url=f"{local.url}/_local/gcp/jwks"
    )
    assert claims["email"] == ADA
    assert claims["sub"] == unique_id(ADA)


def test_forged_id_tokens_are_refused(local: Local, fn: Mapping[str, Any]) -> None:
    good = local.id_token(ADA, fn["url"])
    assert local.send("POST", fn["url"] + "/", b"", good).status == 200
    for what, token in attacks(local, good, "gcp/jwks").items():
        answer = local.send("POST", fn["url"] + "/", b"", token)
        assert answer.status in (401, 403), f"{what}: {answer}"


def test_true_tokens_that_are_not_for_this_are_refused(local: Local, fn: Mapping[str, Any]) -> None:
    url = fn["url"]
    cases = {
        "no token": (None, 403),
        "expired": (local.id_token(ADA, url, -1), 401),
        "for another audience": (local.id_token(ADA, "https://other.example"), 401),
        "for a path of the function": (local.id_token(ADA, url + "/chat"), 401),
        "an access token": (local.access_token(fn["email"]), 401),
        "the emulators' word": ("owner", 401),
        "of the local issuer": (
            local.admin("POST", "issuer/token", {"sub": "ada", "aud": url, "claims": {"email": ADA}})[
                "access_token"
            ],
            401,
        ),
        "of somebody who is no invoker": (local.id_token("ada@elsewhere.example", url), 403),
        "of somebody who only looks like one": (local.id_token("ada@notexample.com", url), 403),
        "of the function itself": (local.id_token(fn["email"], url), 403),
    }
    for what, (token, status) in cases.items():
        assert local.send("POST", url + "/", b"", token).status == status, what
    basic = local.send("POST", url + "/", b"", None, authorization="Basic dTpw")
    assert basic.status == 401


def test_of_two_headers_the_serverless_one_counts(local: Local, fn: Mapping[str, Any]) -> None:
    url, good = fn["url"], local.id_token(ADA, fn["url"])
    headers = {"x-serverless-authorization": f"Bearer {good}"}
    assert local.send("POST", url + "/", b"", "whatever", **headers).status == 200
    headers = {"x-serverless-authorization": "Bearer whatever"}
    assert local.send("POST", url + "/", b"", good, **headers).status == 401


def test_a_binding_that_is_gone_lets_nobody_in(local: Local, fn: Mapping[str, Any]) -> None:
    everything = local.admin("GET", "gcp/resources")["resources"]
    (binding,) = [one for one in everything if one["token"] == types.SERVICE_BINDING]
    assert local.ask(fn["url"]).status == 200
    local.remake(binding, **{**binding["inputs"], "members": ["user:ben@example.com"]})
    assert local.ask(fn["url"]).status == 403
    assert local.ask(fn["url"], email="ben@example.com").status == 200
    local.drop(binding)
    assert local.ask(fn["url"], email="ben@example.com").status == 403


def test_there_is_nothing_where_nothing_is_deployed(local: Local) -> None:
    assert local.send("POST", "/_gcp/run/us-central1/none/chat").status == 404
    assert local.send("POST", "/_gcp/gateway/us-central1/none/chat").status == 404
    assert local.send("GET", "/v1/projects/p/secrets/s").status == 501


# -- services --------------------------------------------------------------------------------------------
def test_services_take_access_tokens_of_accounts_that_exist_and_nothing_else(local: Local) -> None:
    path = f"/v1/{HERE}/databases/state/documents:batchGet"
    made = local.make(types.ACCOUNT, accountId="worker")
    email = made["outputs"]["email"]
    token = local.access_token(email)
    assert local.send("POST", path, {}, token).status == 403, "known, but without a grant"
    for what, bad in {
        **attacks(local, token, "gcp/jwks"),
        "an ID token": local.id_token(email, local.url),
    }.items():
        answer = local.send("POST", path, {}, bad)
        assert answer.status == 401, what
        assert answer.body["error"]["status"] == "UNAUTHENTICATED"
    assert local.send("POST", path, {}, None).status == 401
    local.drop(made)
    assert local.send("POST", path, {}, token).status == 401, "the account is gone"


# -- gateway ---------------------------------------------------------------------------------------------
def gateway(local: Local, fn: Mapping[str, Any], jwks_uri: str | None = None) -> str:
    """A gateway before the function, which lets in bearers of the local issuer's tokens for `chat`."""
    from serverless_ai_patterns.function_llm import Jwt
    from serverless_ai_patterns.gcp.gateway import openapi

    auth = Jwt(issuer=f"{local.url}/_local/issuer", audience=("chat", "talk"))
    document = openapi(
        "chat", method="POST", paths=["/chat"], backend=fn["url"], auth=auth, timeout_s=5, jwks_uri=jwks_uri
    )
    caller = local.account("gateway")
    local.make(
        types.SERVICE_MEMBER,
        name="fn",
        location="us-central1",
        role="roles/run.invoker",
        member=f"serviceAccount:{caller}",
    )
    local.make(types.API, apiId="api")
    contents = base64.b64encode(json.dumps(document).encode()).decode()
    config = local.make(
        types.API_CONFIG,
        api="api",
        apiConfigIdPrefix="c-",
        openapiDocuments=[{"document": {"path": "openapi.json", "contents": contents}}],
        gatewayConfig={"backendConfig": {"googleServiceAccount": caller}},
    )
    made = local.make(types.GATEWAY, gatewayId="gw", apiConfig=config["id"], region="us-central1")
    return made["outputs"]["defaultHostname"]


def bearer(local: Local, **wish: Any) -> str:
    return local.admin("POST", "issuer/token", {"sub": "ada", "aud": "chat", **wish})["access_token"]


def test_the_gateway_tells_the_function_who_asks_and_nobody_else_can(
    local: Local, fn: Mapping[str, Any]
) -> None:
    url = gateway(local, fn)
    forged = {
        "x-apigateway-api-userinfo": encoded({"iss": "x", "sub": "root"}),
        "x-forwarded-authorization": "x",
    }
    answer = local.send("POST", url + "/chat?a=b", b"", bearer(local, claims={"role": "x"}), **forged)
    assert answer.status == 200, answer
    seen = json.loads(answer.body) if isinstance(answer.body, str) else answer.body
    told = seen["headers"]["x-apigateway-api-userinfo"]
    claims = json.loads(base64.urlsafe_b64decode(told + "=" * (-len(told) % 4)))
    assert (claims["sub"], claims["role"]) == ("ada", "x")
    assert seen["path"] == "/chat?a=b"
    payload = seen["headers"]["authorization"].split(".")[1]
    account = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    assert account["email"].startswith("gateway@")
    assert account["aud"] == fn["url"]


@pytest.mark.parametrize("own_keys", [False, True], ids=["discovered keys", "keys by their address"])
def test_the_gateway_refuses_forged_tokens(local: Local, fn: Mapping[str, Any], own_keys: bool) -> None:
    url = gateway(local, fn, f"{local.url}/_local/issuer/jwks" if own_keys else None)
    good = bearer(local)
    assert local.send("POST", url + "/chat", b"", good).status == 200
    assert local.send("POST", url + "/chat", b"", bearer(local, aud=["x", "talk"])).status == 200
    for what, token in attacks(local, good, "issuer/jwks").items():
        assert local.send("POST", url + "/chat", b"", token).status == 401, what


def test_the_gateway_says_what_is_wrong_in_googles_words(local: Local, fn: Mapping[str, Any]) -> None:
    url = gateway(local, fn)
    cases = {
        (None, "/chat"): (401, "Jwt is missing"),
        (bearer(local, lifetime_s=-9), "/chat"): (401, "Jwt is expired"),
        (bearer(local, aud="shop"), "/chat"): (403, "Audiences in Jwt are not allowed"),
        ("x.y.z", "/chat"): (401, "Jwt is not in the form"),
        (local.id_token(ADA, "chat"), "/chat"): (401, "Jwt"),
        (bearer(local), "/other"): (404, "not defined by this API"),
        (bearer(local), "/chat/"): (404, "not defined by this API"),
    }
    for (token, path), (status, words) in cases.items():
        answer = local.send("POST", url + path, b"", token)
        assert (answer.status, answer.body["code"]) == (status, status), (path, answer)
        assert words in answer.body["message"]
    assert local.send("GET", url + "/chat", b"", bearer(local)).status == 405


def test_a_gateway_whose_account_is_no_invoker_gets_the_functions_refusal(
    local: Local, fn: Mapping[str, Any]
) -> None:
    url = gateway(local, fn)
    everything = local.admin("GET", "gcp/resources")["resources"]
    (grant,) = [one for one in everything if one["token"] == types.SERVICE_MEMBER]
    local.drop(grant)
    assert local.send("POST", url + "/chat", b"", bearer(local)).status == 403


@pytest.mark.parametrize(
    ("change", "names"),
    [
        (lambda doc: doc.update(swagger="3.0"), "swagger"),
        (lambda doc: doc.update({"x-google-management": {}}), "x-google-management"),
        (lambda doc: doc["paths"]["/chat"]["post"].update({"x-google-quota": {}}), "x-google-quota"),
        (lambda doc: doc["paths"]["/chat"]["post"].update(security=[{"other": []}]), "other"),
        (lambda doc: doc["paths"].update({"/{id}": {}}), "parameters"),
        (lambda doc: doc["securityDefinitions"]["jwt"].update({"in": "query"}), "in"),
        (lambda doc: doc["paths"]["/chat"]["post"].pop("x-google-backend"), "x-google-backend"),
    ],
)
def test_a_document_that_cannot_be_followed_is_refused_when_deployed(
    local: Local, change: Any, names: str
) -> None:
    from serverless_ai_patterns.function_llm import Jwt
    from serverless_ai_patterns.gcp.gateway import openapi

    auth = Jwt(issuer="https://login.example.com/", audience=("chat",))
    document = openapi(
        "x", method="POST", paths=["/chat"], backend="https://x", auth=auth, timeout_s=5, jwks_uri=None
    )
    change(document)
    local.make(types.API, apiId="api")
    contents = base64.b64encode(json.dumps(document).encode()).decode()
    documents = [{"document": {"path": "o", "contents": contents}}]
    assert names in local.refused(types.API_CONFIG, api="api", apiConfigId="c", openapiDocuments=documents)


# -- conditions ------------------------------------------------------------------------------------------
def test_conditions_hold_for_the_names_they_say() -> None:
    test = parse('resource.name == "a||b" || resource.name.startsWith("c\\"d")')
    assert [test(name) for name in ("a||b", 'c"de', "a", "c", "")] == [True, True, False, False, False]


@pytest.mark.parametrize(
    "text",
    ["", "true", "resource.name",
     'resource.name != "a"', 'resource.name == "a" && true', "resource.name == a",
     '|| resource.name == "a"', 'resource.name == "a" ||',
     'request.time < timestamp("2026-01-01T00:00:00Z")'],
)  # fmt: skip
def test_a_condition_that_cannot_be_tested_is_refused_when_deployed(local: Local, text: str) -> None:
    with pytest.raises(ConditionError):
        parse(text)
    given = {"role": "roles/pubsub.publisher", "member": "user:ada@example.com"}
    assert "condition" in local.refused(types.PROJECT_MEMBER, **given, condition={"expression": text})


def test_a_project_wide_grant_reaches_no_other_project(local: Local) -> None:
    email = local.account("worker", "aiplatform.endpoints.predict")
    elsewhere = (
        "/v1/projects/other/locations/global/publishers/google/models/gemini-3.5-flash:generateContent"
    )
    assert local.send("POST", elsewhere, {}, local.access_token(email)).status == 403


@pytest.mark.parametrize(
    ("inputs", "names"),
    [
        ({"role": "roles/owner", "member": "user:a@b.c"}, "roles/owner"),
        ({"role": "roles/run.invoker", "member": "ada"}, "ada"),
        ({"role": "roles/run.invoker", "member": "user:"}, "user:"),
    ],
)
def test_unknown_roles_and_members_are_refused_when_deployed(local: Local, inputs: Any, names: str) -> None:
    assert names in local.refused(types.PROJECT_MEMBER, **inputs)


def test_admin_routes_say_what_they_want(local: Local) -> None:
    for path, body in (
        ("gcp/id-token", {"email": "a"}),
        ("gcp/access-token", {"email": "nobody@x"}),
        ("gcp/resources/create", {"token": "gcp:x/y:Z"}),
        ("gcp/resources/create", {"surprise": 1}),
    ):
        assert local.send("POST", f"/_local/{path}", body).status == 400, path
