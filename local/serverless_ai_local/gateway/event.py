"""Lambda's payload format 2.0: the event of a request, and the response in a function's answer."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

from serverless_ai_local.plain import is_mapping

_TEXT_TYPES: Final = ("application/json", "application/xml", "application/javascript")


@dataclass(frozen=True, kw_only=True, slots=True)
class Incoming:
    """A request to an API. Header names in order and as sent; path and query percent-encoded."""

    method: str
    path: str
    """Within the stage."""
    query: str
    headers: Sequence[tuple[str, str]]
    body: bytes
    source_ip: str
    protocol: str
    domain: str
    request_id: str
    at: datetime

    def header(self, name: str) -> str:
        """The first value of a header, empty if it was not sent."""
        return next((value for sent, value in self.headers if sent.lower() == name.lower()), "")


@dataclass(frozen=True, kw_only=True, slots=True)
class Outgoing:
    """A response."""

    status: int
    body: bytes
    headers: Sequence[tuple[str, str]] = field(default_factory=list[tuple[str, str]])


class BadAnswerError(Exception):
    """The function's answer is no response in format 2.0."""


def event(
    incoming: Incoming,
    *,
    route_key: str,
    path_parameters: Mapping[str, str],
    stage: str,
    stage_variables: Mapping[str, str],
    account: str,
    api_id: str,
    authorizer: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """The event for the function. What a request does not have is left out, as API Gateway leaves it out."""
    path = unquote(incoming.path)  # HTTP APIs decode it, unlike REST APIs and function URLs
    context: dict[str, Any] = {
        "accountId": account,
        "apiId": api_id,
        "domainName": incoming.domain,
        "domainPrefix": incoming.domain.partition(".")[0],
        "http": {
            "method": incoming.method,
            "path": path if stage == "$default" else f"/{stage}{path}",
            "protocol": incoming.protocol,
            "sourceIp": incoming.source_ip,
            "userAgent": incoming.header("user-agent"),
        },
        "requestId": incoming.request_id,
        "routeKey": route_key,
        "stage": stage,
        "time": incoming.at.astimezone(UTC).strftime("%d/%b/%Y:%H:%M:%S +0000"),
        "timeEpoch": int(incoming.at.timestamp() * 1000),
    }
    if authorizer is not None:
        context["authorizer"] = authorizer
    found: dict[str, Any] = {
        "version": "2.0",
        "routeKey": route_key,
        "rawPath": context["http"]["path"],
        "rawQueryString": incoming.query,
        "headers": _headers(incoming),
        "requestContext": context,
        "isBase64Encoded": False,
    }
    cookies = [
        one.strip()
        for name, value in incoming.headers
        if name.lower() == "cookie"
        for one in value.split(";")
    ]
    optional: dict[str, Any] = {
        "cookies": cookies,
        "queryStringParameters": _query(incoming.query),
        "pathParameters": dict(path_parameters),
        "stageVariables": dict(stage_variables),
    }
    found.update({name: value for name, value in optional.items() if value})
    if incoming.body:
        found["body"], found["isBase64Encoded"] = _body(incoming)
    return found


def response(payload: bytes) -> Outgoing:
    """What a function's answer means. Raises `BadAnswerError` when it cannot be sent."""
    try:
        answer: Any = json.loads(payload)
    except ValueError as error:
        raise BadAnswerError(f"the function's answer is not JSON: {error}") from error
    if not is_mapping(answer) or "statusCode" not in answer:
        return Outgoing(status=200, body=payload, headers=[("content-type", "application/json")])
    status = _status(answer["statusCode"])
    given: Mapping[str, Any] = answer.get("headers") or {}
    headers = [(name.lower(), _header_value(value)) for name, value in given.items()]
    headers += [("set-cookie", str(cookie)) for cookie in answer.get("cookies") or ()]
    if not any(name == "content-type" for name, _ in headers):
        headers.append(("content-type", "text/plain;charset=UTF-8"))
    return Outgoing(status=status, body=_answer_body(answer), headers=headers)


def _headers(incoming: Incoming) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in incoming.headers:
        key = name.lower()
        if key != "cookie":
            headers[key] = f"{headers[key]},{value}" if key in headers else value
    return headers


def _query(query: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        found[name] = f"{found[name]},{value}" if name in found else value
    return found


def _body(incoming: Incoming) -> tuple[str, bool]:
    kind = incoming.header("content-type").partition(";")[0].strip().lower()
    if kind.startswith("text/") or kind in _TEXT_TYPES or kind.endswith(("+json", "+xml")):
        try:
            return incoming.body.decode(), False
        except UnicodeDecodeError:
            pass  # not what it says it is, so it goes on unharmed
    return base64.b64encode(incoming.body).decode(), True


def _status(value: Any) -> int:
    try:
        status = int(value)
    except (TypeError, ValueError):
        raise BadAnswerError(f"statusCode is {value!r}") from None
    if not 100 <= status <= 599:
        raise BadAnswerError(f"statusCode is {status}")
    return status


def _header_value(value: Any) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if not isinstance(value, str | int | float) or "\n" in text or "\r" in text:
        raise BadAnswerError(f"a header has the value {value!r}")
    return text


def _answer_body(fields: Mapping[str, Any]) -> bytes:
    body = fields.get("body", "")
    if not isinstance(body, str):
        raise BadAnswerError(f"body is {type(body).__name__}, not a text")
    if not fields.get("isBase64Encoded"):
        return body.encode()
    try:
        return base64.b64decode(body, validate=True)
    except ValueError as error:
        raise BadAnswerError(f"body is not base64: {error}") from error
