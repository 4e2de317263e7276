"""Ask a deployed Function + LLM endpoint over HTTP as its users do: a POST, signed or with a token."""

from __future__ import annotations

import http.client
import json
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth  # pyright: ignore[reportMissingTypeStubs]
from botocore.awsrequest import AWSRequest  # pyright: ignore[reportMissingTypeStubs]
from botocore.credentials import Credentials  # pyright: ignore[reportMissingTypeStubs]

TIMEOUT_S = 35


class AskError(Exception):
    """The endpoint did not answer 200; the text says what it did answer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    answer: str
    model: str
    tokens: int
    seconds: float


def ask(
    endpoint: str,
    question: str,
    *,
    access_key: str = "test",
    secret_key: str = "test",  # noqa: S107 - the local root key
    region: str = "us-east-1",
) -> Reply:
    """POST the question, signed with SigV4; raises `AskError` for any answer but 200."""
    body = _body(question)
    request = AWSRequest("POST", f"{endpoint}/chat", {"content-type": "application/json"}, body)
    SigV4Auth(Credentials(access_key, secret_key), "execute-api", region).add_auth(request)  # pyright: ignore[reportUnknownMemberType]
    return _asked(endpoint, body, dict(request.headers.items()))


def ask_with_token(endpoint: str, question: str, token: str) -> Reply:
    """POST the question with a bearer token; raises `AskError` for any answer but 200."""
    headers = {"content-type": "application/json", "authorization": f"Bearer {token}"}
    return _asked(endpoint, _body(question), headers)


def _body(question: str) -> bytes:
    return json.dumps({"message": question}).encode()


def _asked(endpoint: str, body: bytes, headers: dict[str, str]) -> Reply:
    started = time.monotonic()
    status, text = _post(endpoint, body, headers)
    if status != 200:
        raise AskError(f"the endpoint answered {status}: {text[:500]}")
    reply: dict[str, Any] = json.loads(text)
    return Reply(
        answer=reply["answer"],
        model=reply["model"],
        tokens=sum(reply["usage"].values()),
        seconds=time.monotonic() - started,
    )


def _post(endpoint: str, body: bytes, headers: dict[str, str]) -> tuple[int, str]:
    parts = urlsplit(endpoint)
    connection = http.client.HTTPConnection(parts.netloc, timeout=TIMEOUT_S)
    try:
        connection.request("POST", f"{parts.path}/chat", body, headers)
        response = connection.getresponse()
        return response.status, response.read().decode(errors="replace")
    finally:
        connection.close()
