"""What tests of Google Cloud call with: our clients without an identity, ID tokens, deliveries of Pub/Sub."""

from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from typing import Any

from google_fakes import COLLECTION
from memory_ports import Clock

from serverless_ai_runtime.adapters.gcp.errors import decode
from serverless_ai_runtime.adapters.gcp.firestore import FirestoreStore
from serverless_ai_runtime.adapters.gcp.identity import SCOPE, metadata_tokens
from serverless_ai_runtime.adapters.service import Cloud, Service
from serverless_ai_runtime.core.ports import World
from serverless_ai_runtime.http import HttpClient
from serverless_ai_runtime.wiring import WORLD


class Purse:
    """Tokens without an identity: `token-1`, and the next number whenever one is dropped."""

    def __init__(self, text: str = "") -> None:
        self.number, self._text = 1, text

    def get(self, resource: str, deadline: object) -> str:
        return self._text or f"token-{self.number}"

    def drop(self, resource: str, text: str) -> None:
        self.number += 1


def cloud(world: World, token: str = "") -> Cloud:
    return Cloud(HttpClient(world), world, Purse(token), decode)


def firestore_store(
    url: str, clock: Clock, marks: Callable[[], str] = WORLD.token, collection: str = COLLECTION
) -> FirestoreStore:
    """Our store on the database of the server at `url`, with tokens of its metadata server."""
    world = World(clock, clock.sleep, WORLD.random, marks)
    http = HttpClient(world)
    here = Cloud(http, world, metadata_tokens(http, world, url), decode)
    return FirestoreStore(Service(here, "Firestore", url, SCOPE), collection)


def id_token(**claims: object) -> str:
    """An ID token as Cloud Run hands it on."""
    parts = (json.dumps({"alg": "RS256", "typ": "JWT"}), json.dumps(claims))
    encoded = (urlsafe_b64encode(part.encode()).rstrip(b"=").decode() for part in parts)
    return ".".join((*encoded, "SIGNATURE_REMOVED_BY_GOOGLE"))


def push(data: object, attempt: object = 1, **message: Any) -> bytes:
    """A delivery of `data`, as JSON if it is not bytes."""
    content = data if isinstance(data, bytes) else json.dumps(data).encode()
    return pushed(attempt, data=b64encode(content).decode(), **message)


def pushed(attempt: object = 1, **message: Any) -> bytes:
    """A delivery as Pub/Sub pushes it."""
    return json.dumps(
        {
            "message": {
                "data": "e30=",
                "messageId": "m1",
                "message_id": "m1",
                "publishTime": "2026-11-24T12:00:00Z",
                "publish_time": "2026-11-24T12:00:00Z",
                **message,
            },
            "subscription": "projects/p1/subscriptions/s1",
            "deliveryAttempt": attempt,
        }
    ).encode()
