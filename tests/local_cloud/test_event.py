"""Payload format 2.0: the event that a function gets, and what its answer becomes."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serverless_ai_local.gateway.event import BadAnswerError, Incoming, event, response

AT = datetime(2026, 3, 12, 19, 3, 58, 390_000, UTC)


def incoming(**changes: Any) -> Incoming:
    values: dict[str, Any] = {
        "method": "POST",
        "path": "/my/path",
        "query": "parameter1=value1&parameter1=value2&parameter2=value",
        "headers": [
            ("Header1", "value1"),
            ("Header2", "value1"),
            ("header2", "value2"),
            ("Cookie", "cookie1=x; cookie2=y"),
            ("User-Agent", "agent"),
            ("Content-Type", "application/json"),
        ],
        "body": b'{"a": 1}',
        "source_ip": "192.0.2.1",
        "protocol": "HTTP/1.1",
        "domain": "id.execute-api.us-east-1.amazonaws.com",
        "request_id": "id=",
        "at": AT,
    }
    return Incoming(**{**values, **changes})


def made(request: Incoming | None = None, **changes: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "route_key": "POST /my/path",
        "path_parameters": {},
        "stage": "$default",
        "stage_variables": {},
        "account": "123456789012",
        "api_id": "id",
        "authorizer": None,
    }
    return event(request or incoming(), **{**values, **changes})


def test_the_event_is_the_one_of_the_developer_guide() -> None:
    assert made(path_parameters={"parameter1": "value1"}, stage_variables={"v1": "x"}) == {
        "version": "2.0",
        "routeKey": "POST /my/path",
        "rawPath": "/my/path",
        "rawQueryString": "parameter1=value1&parameter1=value2&parameter2=value",
        "cookies": ["cookie1=x", "cookie2=y"],
        "headers": {
            "header1": "value1",
            "header2": "value1,value2",
            "user-agent": "agent",
            "content-type": "application/json",
        },
        "queryStringParameters": {"parameter1": "value1,value2", "parameter2": "value"},
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "id",
            "domainName": "id.execute-api.us-east-1.amazonaws.com",
            "domainPrefix": "id",
            "http": {
                "method": "POST",
                "path": "/my/path",
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": "agent",
            },
            "requestId": "id=",
            "routeKey": "POST /my/path",
            "stage": "$default",
            "time": "12/Mar/2026:19:03:58 +0000",
            "timeEpoch": int(AT.timestamp() * 1000),
        },
        "body": '{"a": 1}',
        "pathParameters": {"parameter1": "value1"},
        "isBase64Encoded": False,
        "stageVariables": {"v1": "x"},
    }


def test_what_a_request_does_not_have_is_left_out() -> None:
    bare = made(incoming(query="", headers=[], body=b""))
    assert not {"cookies", "queryStringParameters", "pathParameters", "stageVariables", "body"} & set(bare)
    assert (bare["rawQueryString"], bare["headers"], bare["isBase64Encoded"]) == ("", {}, False)
    assert "authorizer" not in bare["requestContext"]


def test_another_stage_is_part_of_the_path() -> None:
    assert made(stage="beta")["rawPath"] == "/beta/my/path"


def test_the_path_is_decoded_and_the_query_is_not() -> None:
    found = made(incoming(path="/a%20b/%C3%BC", query="q=a%20b&empty=&q="))
    assert found["rawPath"] == "/a b/ü"
    assert found["rawQueryString"] == "q=a%20b&empty=&q="
    assert found["queryStringParameters"] == {"q": "a b,", "empty": ""}


@pytest.mark.parametrize(
    ("kind", "body", "encoded"),
    [
        ("application/json", b"{}", False),
        ("application/json; charset=utf-8", "ü".encode(), False),
        ("text/plain", b"x", False),
        ("application/problem+json", b"{}", False),
        ("application/octet-stream", b"x", True),
        ("image/png", b"\x89PNG", True),
        ("application/x-www-form-urlencoded", b"a=1", True),
        ("", b"x", True),
        ("application/json", b"\xff\xfe{}", True),
    ],
)
def test_what_is_no_text_goes_as_base64(kind: str, body: bytes, encoded: bool) -> None:
    found = made(incoming(headers=[("content-type", kind)], body=body))
    assert found["isBase64Encoded"] is encoded
    assert (base64.b64decode(found["body"]) if encoded else found["body"].encode()) == body


@given(st.binary(max_size=40), st.sampled_from(["application/json", "text/html", "image/png", ""]))
def test_no_byte_of_a_body_is_lost(body: bytes, kind: str) -> None:
    found = made(incoming(headers=[("content-type", kind)], body=body))
    text = found.get("body", "")
    assert (base64.b64decode(text) if found["isBase64Encoded"] else text.encode()) == body
    json.dumps(found)


# -- answers ----------------------------------------------------------------------------------------
def test_an_answer_with_all_its_parts() -> None:
    answer = {
        "statusCode": 201,
        "headers": {"Content-Type": "text/html", "X-Number": 7, "X-Yes": True},
        "cookies": ["a=1; HttpOnly", "b=2"],
        "body": base64.b64encode(b"<p>\xff</p>").decode(),
        "isBase64Encoded": True,
    }
    out = response(json.dumps(answer).encode())
    assert (out.status, out.body) == (201, b"<p>\xff</p>")
    assert out.headers == [
        ("content-type", "text/html"), ("x-number", "7"), ("x-yes", "true"),
        ("set-cookie", "a=1; HttpOnly"), ("set-cookie", "b=2"),
    ]  # fmt: skip


@pytest.mark.parametrize("payload", [b'{"answer": 42}', b'"text"', b"[1, 2]", b"null", b"7"])
def test_an_answer_without_a_status_is_the_body(payload: bytes) -> None:
    out = response(payload)
    assert (out.status, out.body, out.headers) == (200, payload, [("content-type", "application/json")])


def test_a_missing_content_type_and_body_have_defaults() -> None:
    out = response(b'{"statusCode": "204"}')
    assert (out.status, out.body, out.headers) == (204, b"", [("content-type", "text/plain;charset=UTF-8")])


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"not json",
        b'{"statusCode": "often"}',
        b'{"statusCode": null}',
        b'{"statusCode": 99}',
        b'{"statusCode": 600}',
        b'{"statusCode": 200, "body": {"an": "object"}}',
        b'{"statusCode": 200, "body": "***", "isBase64Encoded": true}',
        b'{"statusCode": 200, "headers": {"x": "a\\r\\nset-cookie: evil=1"}}',
        b'{"statusCode": 200, "headers": {"x": {"y": 1}}}',
    ],
)
def test_an_answer_that_cannot_be_sent_is_said_to_be_bad(answer: bytes) -> None:
    with pytest.raises(BadAnswerError):
        response(answer)
