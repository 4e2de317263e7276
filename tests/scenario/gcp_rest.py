"""Google's REST APIs as the worlds on Google Cloud call them: as whoever owns the project."""

from __future__ import annotations

import base64
import http.client
import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from serverless_ai_local.launch import RunningCloud


class GoogleRest:
    """What has a `cloud` can call it."""

    cloud: RunningCloud

    def listed(self, bucket: str, prefix: str) -> Iterator[dict[str, Any]]:
        token = ""
        while True:
            query = f"prefix={quote(prefix, safe='')}&pageToken={quote(token, safe='')}"
            page = json.loads(self.call("GET", f"/storage/v1/b/{bucket}/o?{query}"))
            yield from page.get("items", [])
            token = page.get("nextPageToken", "")
            if not token:
                return

    @staticmethod
    def object_path(bucket: str, name: str) -> str:
        return f"/storage/v1/b/{bucket}/o/{quote(name, safe='')}"

    def pulled(self, subscription: str) -> Iterator[dict[str, Any]]:
        while True:
            body = {"maxMessages": 1000, "returnImmediately": True}
            found = self.json_call("POST", f"/v1/{subscription}:pull", body).get("receivedMessages", [])
            yield from found
            if not found:
                return

    def json_call(self, method: str, path: str, body: Any) -> dict[str, Any]:
        return json.loads(self.call(method, path, json.dumps(body).encode()))

    def call(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> bytes:
        connection = http.client.HTTPConnection(urlsplit(self.cloud.url).netloc, timeout=60)
        try:
            own = {"authorization": "Bearer owner", "content-type": "application/json", **(headers or {})}
            connection.request(method, path, body, own)
            response = connection.getresponse()
            content = response.read()
        finally:
            connection.close()
        assert response.status < 300, (method, path, response.status, content)
        return content

    def publish_text(self, topic: str, body: str, attributes: Mapping[str, str]) -> None:
        message = {"data": base64.b64encode(body.encode()).decode(), "attributes": dict(attributes)}
        self.json_call("POST", f"/v1/{topic}:publish", {"messages": [message]})


def text_of(received: Mapping[str, Any]) -> str:
    """Of a message that was pulled."""
    return base64.b64decode(received["message"].get("data", "")).decode()
