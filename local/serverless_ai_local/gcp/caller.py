"""Somebody to ask a deployed endpoint as: an invoker that the programs are told of, and their ID tokens."""

from __future__ import annotations

import http.client
import json
from typing import Final
from urllib.parse import quote

from serverless_ai_local.launch import RunningCloud

EMAIL: Final = "you@example.com"
CONFIG: Final = {"invokers": json.dumps([f"user:{EMAIL}"])}
"""Configuration of `pulumi/stacks/gcp` that lets them in."""


def id_token(cloud: RunningCloud, endpoint: str) -> str:
    """As `gcloud auth print-identity-token --audiences=ENDPOINT` gives it."""
    return str(cloud.admin("POST", "gcp/id-token", {"email": EMAIL, "audience": endpoint})["token"])


def upload(cloud: RunningCloud, bucket: str, name: str, body: bytes) -> tuple[int, bytes]:
    """An object as whoever deploys: status and answer."""
    path = f"/upload/storage/v1/b/{bucket}/o?uploadType=media&name={quote(name, safe='')}"
    return _storage(cloud, "POST", path, body)


def download(cloud: RunningCloud, bucket: str, name: str) -> tuple[int, bytes]:
    """An object's content as whoever deploys, with the status."""
    return _storage(cloud, "GET", f"/storage/v1/b/{bucket}/o/{quote(name, safe='')}?alt=media")


def delete(cloud: RunningCloud, bucket: str, name: str) -> tuple[int, bytes]:
    """Delete an object as whoever deploys: status and answer."""
    return _storage(cloud, "DELETE", f"/storage/v1/b/{bucket}/o/{quote(name, safe='')}")


def _storage(cloud: RunningCloud, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", cloud.port, timeout=30)
    try:
        headers = {"authorization": "Bearer owner", "content-type": "text/plain; charset=utf-8"}
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()
