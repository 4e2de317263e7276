"""What the worlds of all targets share: questions over HTTP, and tokens of the local issuer."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from world import Reply

from serverless_ai_local.launch import RunningCloud


def token(cloud: RunningCloud, tenant: str, groups: Sequence[str]) -> str:
    """Of a caller of this tenant and in these groups; with tenant "" it names none."""
    claims = ({"tenant": tenant} if tenant else {}) | {"groups": list(groups)}
    wish = {"sub": f"reader-of-{tenant or 'none'}", "aud": "rag", "claims": claims}
    return cloud.admin("POST", "issuer/token", wish)["access_token"]


def post_json(url: str, body: bytes, headers: Mapping[str, str]) -> Reply:
    """The answer; the body of what is no JSON (events, a gateway's HTML) is `{"text"}`."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=40)
    started = time.monotonic()
    try:
        connection.request("POST", parts.path, body, {"content-type": "application/json", **headers})
        response = connection.getresponse()
        text = response.read()
    finally:
        connection.close()
    return Reply(
        status=response.status,
        body=json.loads(text) if text.startswith(b"{") else {"text": text.decode()},
        headers={name.lower(): value for name, value in response.getheaders()},
        seconds=time.monotonic() - started,
    )
