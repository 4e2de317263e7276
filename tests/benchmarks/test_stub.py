"""The stub answers what handlers ask, and never passes over a request that it does not know."""

from __future__ import annotations

from http.client import HTTPConnection

import pytest
from stub import ROUTES, reply_to, serve


@pytest.mark.parametrize(
    ("method", "path", "operation"),
    [
        ("GET", "/openai/v1/chat/completions", ""),
        ("POST", "/openai/v2/chat/completions", ""),
        ("POST", "/", "DynamoDB_20120810.DeleteTable"),
        ("POST", "/v1/projects/p/locations/l/publishers/google/models/m:countTokens", ""),
        ("GET", "/", ""),
    ],
)
def test_an_unknown_request_is_refused_by_name(method: str, path: str, operation: str) -> None:
    reply = reply_to(method, path, operation)
    assert reply.status == 400
    assert f"{method} {path}" in reply.body["message"]
    assert operation in reply.body["message"]


def test_no_route_hides_another() -> None:
    for pattern, reply in ROUTES.items():
        method, path, *operation = pattern.replace("*", "x").split(" ")
        assert reply_to(method, f"{path}?query=1", *operation) is reply


def test_each_service_has_a_connection_of_its_own() -> None:
    with serve() as at:
        assert len(set(at)) == 3
        for url in at:
            connection = HTTPConnection(url.removeprefix("http://"))
            for _ in range(2):
                connection.request("GET", "/MSI/token?resource=r")
                response = connection.getresponse()
                assert (response.status, b"access_token" in response.read()) == (200, True)
            connection.close()
