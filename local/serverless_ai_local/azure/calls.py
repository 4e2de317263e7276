"""One call of a service: the request as the services read it, and the error that each says in its own way."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote

from werkzeug.wrappers import Response

from serverless_ai_local.aws.signatures import Sent
from serverless_ai_local.plain import is_mapping


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """`parts`: those of the path after the service's word, percent-decoded. Header names are lower case."""

    method: str
    parts: tuple[str, ...]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    target: str
    """Path and query after the service's word, as sent."""
    remote: str = ""
    """Address of the caller."""

    @property
    def bearer(self) -> str:
        """The token of the header Authorization; "" if there is none."""
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token.strip() if scheme.lower() == "bearer" else ""

    def json(self) -> dict[str, Any]:
        """The body. Raises `ValueError` for anything but a JSON object in UTF-8."""
        value: object = json.loads(self.body)
        if not is_mapping(value):
            raise ValueError("the body must be a JSON object")
        return value


def read(sent: Sent, prefix: str, remote: str) -> Call:
    """A request under `prefix` as a call."""
    path = sent.path.removeprefix(prefix)
    headers: dict[str, str] = {}
    for name, value in sent.headers:
        key = name.lower()
        headers[key] = f"{headers[key]},{value}" if key in headers else value
    return Call(
        method=sent.method,
        parts=tuple(unquote(part) for part in path.split("/") if part),
        query=dict(parse_qsl(sent.query, keep_blank_values=True)),
        headers=headers,
        body=sent.body,
        target="/" + path + (f"?{sent.query}" if sent.query else ""),
        remote=remote,
    )


class ServiceFault(Exception):
    """A service refuses a call: status, code and message are the service's own."""

    def __init__(
        self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.headers = status, code, message, dict(headers or {})


def reply(content: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """An answer in JSON."""
    return Response(json.dumps(content), status, headers=dict(headers or {}), content_type="application/json")


def error_reply(fault: ServiceFault) -> Response:
    """A refusal in the form that most services of Azure have."""
    return reply({"error": {"code": fault.code, "message": fault.message}}, fault.status, fault.headers)
