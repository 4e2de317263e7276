"""The admin API: routes, errors in JSON, and what the parts put into it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from werkzeug.test import EnvironBuilder

from serverless_ai_local.admin import Admin, AdminCall, AdminError, AdminRoutes
from serverless_ai_local.launch import CloudError, RunningCloud


def _raise(error: Exception) -> Any:
    raise error


ROUTES: AdminRoutes = {
    ("GET", "things/{name}"): lambda call: {"name": call.path["name"], "query": dict(call.query)},
    ("POST", "things"): lambda call: {"body": call.body},
    ("GET", "value"): lambda call: _raise(ValueError("colour must be red")),
    ("GET", "lookup"): lambda call: _raise(KeyError("there is no thing x")),
    ("GET", "busy"): lambda call: _raise(AdminError("not now", 409)),
    ("GET", "bug"): lambda call: _raise(RuntimeError("a bug")),
    ("DELETE", "things"): lambda call: None,
}


def ask(method: str, path: str, body: bytes = b"") -> tuple[int, Any]:
    builder = EnvironBuilder(path=path, method=method, data=body)
    response = Admin(ROUTES)(builder.get_environ())
    assert response.mimetype == "application/json"
    return response.status_code, json.loads(response.get_data())


@pytest.mark.parametrize(
    ("method", "path", "body", "answer"),
    [
        ("GET", "/_local/things/a-b?c=d", b"", (200, {"name": "a-b", "query": {"c": "d"}})),
        ("POST", "/_local/things", b'{"x": 1}', (200, {"body": {"x": 1}})),
        ("POST", "/_local/things", b"", (200, {"body": None})),
        ("DELETE", "/_local/things", b"", (200, None)),
        ("GET", "/_local/value", b"", (400, {"message": "colour must be red"})),
        ("GET", "/_local/lookup", b"", (404, {"message": "there is no thing x"})),
        ("GET", "/_local/busy", b"", (409, {"message": "not now"})),
        ("GET", "/_local/bug", b"", (500, {"message": "RuntimeError: a bug"})),
        ("GET", "/_local/things", b"", (404, {"message": "the local cloud has no GET /_local/things"})),
        ("PUT", "/_local/things/a", b"", (404, {"message": "the local cloud has no PUT /_local/things/a"})),
        (
            "GET",
            "/_local/things/a/b",
            b"",
            (404, {"message": "the local cloud has no GET /_local/things/a/b"}),
        ),
        ("GET", "/_local/", b"", (404, {"message": "the local cloud has no GET /_local/"})),
    ],
)
def test_routes_and_errors(method: str, path: str, body: bytes, answer: tuple[int, Any]) -> None:
    assert ask(method, path, body) == answer


def test_a_body_that_is_no_json_is_a_400() -> None:
    status, content = ask("POST", "/_local/things", b"{nope")
    assert status == 400
    assert content["message"]


def test_a_call_holds_what_the_route_names() -> None:
    call = AdminCall(path={"a": "1"}, query={}, body=None)
    assert (call.path["a"], call.body) == ("1", None)


@pytest.mark.parametrize(
    ("question", "body", "answer"),
    [
        (("GET", "stacks/ghost"), None, r"404 .*ghost"),
        (("POST", "model/faults"), {"kind": "explode"}, r"400 .*kind"),
        (("POST", "issuer/token"), {"sub": "x"}, r"400 .*aud"),
        (("POST", "schedules/default/ghost/fire"), None, r"404 .*ghost"),
        (("POST", "events/duplicate"), {"times": 0}, r"400 .*times"),
        (("DELETE", "status"), None, r"404 .*status"),
    ],
)
def test_wrong_questions_to_the_running_cloud_are_named(
    cloud: RunningCloud, question: tuple[Any, str], body: Any, answer: str
) -> None:
    with pytest.raises(CloudError, match=answer):
        cloud.admin(*question, body)


def test_the_running_cloud_lists_its_stacks_and_processes(cloud: RunningCloud) -> None:
    assert cloud.admin("GET", "stacks") == {"stacks": []}
    assert cloud.admin("GET", "functions/environments") == {"environments": []}
    assert cloud.admin("GET", "model/faults") == {"faults": []}


def test_the_issuers_documents_are_served(cloud: RunningCloud) -> None:
    found = cloud.admin("GET", "issuer/.well-known/openid-configuration")
    assert found["issuer"] == f"{cloud.url}/_local/issuer"
    assert found["jwks_uri"].startswith(found["issuer"])
    (key,) = cloud.admin("GET", "issuer/jwks")["keys"]
    assert (key["kty"], key["alg"], key["use"]) == ("RSA", "RS256", "sig")
    assert not {"d", "p", "q"} & set(key), "the private key stays here"
