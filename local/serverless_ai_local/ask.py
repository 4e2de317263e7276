"""Ask a deployed endpoint over HTTP as its users do: a POST, signed or with a token."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable, Mapping
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


def ask(endpoint: str, question: str) -> Reply:
    """POST the question to Function + LLM, signed with SigV4; raises `AskError` for any answer but 200."""
    return _reply(lambda: signed(f"{endpoint}/chat", {"message": question}))


def ask_with_token(endpoint: str, question: str, token: str) -> Reply:
    """POST the question with a bearer token; raises `AskError` for any answer but 200."""
    return _reply(lambda: with_token(f"{endpoint}/chat", {"message": question}, token))


def signed(
    url: str,
    body: Mapping[str, Any],
    *,
    access_key: str = "test",
    secret_key: str = "test",  # noqa: S107 - the local root key
    region: str = "us-east-1",
) -> dict[str, Any]:
    """The JSON that an HTTP API answers to a request signed with SigV4; raises `AskError`."""
    sent = json.dumps(body).encode()
    request = AWSRequest("POST", url, {"content-type": "application/json"}, sent)
    SigV4Auth(Credentials(access_key, secret_key), "execute-api", region).add_auth(request)  # pyright: ignore[reportUnknownMemberType]
    return _post(url, sent, dict(request.headers.items()))


def with_token(url: str, body: Mapping[str, Any], token: str) -> dict[str, Any]:
    """The JSON that is answered to a request with a bearer token; raises `AskError`."""
    headers = {"content-type": "application/json", "authorization": f"Bearer {token}"}
    return _post(url, json.dumps(body).encode(), headers)


def _reply(send: Callable[[], dict[str, Any]]) -> Reply:
    started = time.monotonic()
    reply = send()
    return Reply(
        answer=reply["answer"],
        model=reply["model"],
        tokens=sum(reply["usage"].values()),
        seconds=time.monotonic() - started,
    )


def _post(url: str, body: bytes, headers: Mapping[str, str]) -> dict[str, Any]:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=TIMEOUT_S)
    try:
        connection.request("POST", parts.path, body, dict(headers))
        response = connection.getresponse()
        text = response.read().decode(errors="replace")
    finally:
        connection.close()
    if response.status != 200:
        raise AskError(f"the endpoint answered {response.status}: {text[:500]}")
    return json.loads(text)
