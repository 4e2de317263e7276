"""The local resource manager, as the Pulumi door calls it."""

from __future__ import annotations

import functools
import http.client
import json
import threading
import time
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, urlsplit

from serverless_ai_local.azure.place import MANAGEMENT, PREFIX
from serverless_ai_local.doors.pulumi.clouds import CloudError

AUDIENCE: Final = "https://management.azure.com/"
TOKEN_S: Final = 1800.0
TIMEOUT_S: Final = 60.0


class Arm:
    """Calls as whoever deploys. Thread-safe."""

    def __init__(self, endpoint: str) -> None:
        self._host = urlsplit(endpoint).netloc
        self._token, self._until = "", 0.0
        self._lock = threading.Lock()

    def put(self, id_: str, kind: str, inputs: Mapping[str, Any]) -> Mapping[str, Any]:
        """Make or change a resource; its outputs."""
        return self._call("PUT", id_, {"kind": kind, "inputs": inputs})["outputs"]

    def get(self, id_: str) -> Mapping[str, Any]:
        return self._call("GET", id_)["outputs"]

    def delete(self, id_: str) -> None:
        """What is gone already, with what it was in, is no error."""
        try:
            self._call("DELETE", id_)
        except MissingError:
            return

    def token(self, audience: str) -> str:
        """A token of whoever deploys."""
        answer = self._send("POST", "/_local/azure/token", {}, {"resource": audience})
        return answer["access_token"]

    def _call(self, method: str, id_: str, body: object = None) -> Any:
        with self._lock:
            if time.monotonic() >= self._until:
                self._token, self._until = self.token(AUDIENCE), time.monotonic() + TOKEN_S
        path = f"{PREFIX}{MANAGEMENT}{quote(id_)}"
        return self._send(method, path, {"Authorization": f"Bearer {self._token}"}, body)

    def _send(self, method: str, path: str, headers: Mapping[str, str], body: object) -> Any:
        connection = http.client.HTTPConnection(self._host, timeout=TIMEOUT_S)
        try:
            content = None if body is None else json.dumps(body)
            connection.request(method, path, content, {"Content-Type": "application/json", **headers})
            response = connection.getresponse()
            text = response.read()
        except OSError as error:
            raise CloudError(f"the local cloud at {self._host} does not answer: {error}") from error
        finally:
            connection.close()
        if response.status >= 400:
            kind = MissingError if response.status == 404 else CloudError
            raise kind(_message(text))
        return json.loads(text) if text else None


class MissingError(CloudError):
    """There is no such resource."""


@functools.cache
def arm(endpoint: str) -> Arm:
    """One client a local cloud."""
    return Arm(endpoint)


def _message(text: bytes) -> str:
    try:
        error = json.loads(text)
        error = error.get("error", error)
        return f"{error.get('code', '')}: {error['message']}".lstrip(": ")
    except (ValueError, KeyError, TypeError, AttributeError):
        return text.decode(errors="replace")
