"""Storage as the worlds on Azure call it: as whoever deploys."""

from __future__ import annotations

import functools
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from typing import NamedTuple
from urllib.parse import quote
from xml.etree import ElementTree

from azure_world import STORAGE, bearer, send
from world import Reply

from serverless_ai_local.launch import RunningCloud

VERSION = {"x-ms-version": "2021-12-02"}


class Taken(NamedTuple):
    """A message, and the URL that its receipt is in."""

    url: str
    text: str


class AzureStorage:
    """What has a `cloud` can call it."""

    cloud: RunningCloud

    def storage(
        self, method: str, url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        reply = send(method, url, body, {**VERSION, **bearer(self.storage_token), **(headers or {})})
        assert reply.status < 300, reply
        return reply

    @functools.cached_property
    def storage_token(self) -> str:
        return self.cloud.admin("POST", "azure/token", {"resource": STORAGE})["access_token"]

    def put(self, queue: str, text: str) -> None:
        encoded = b64encode(text.encode()).decode()
        body = f"<QueueMessage><MessageText>{encoded}</MessageText></QueueMessage>".encode()
        self.storage("POST", f"{queue}/messages", body)

    def take(self, queue: str, *, hidden_s: int) -> Iterator[Taken]:
        """Every message that is there, each hidden for a while."""
        while True:
            query = f"numofmessages=32&visibilitytimeout={hidden_s}"
            answer = self.storage("GET", f"{queue}/messages?{query}")
            messages = list(ElementTree.fromstring(answer.body["text"]))
            for message in messages:
                receipt = quote(message.findtext("PopReceipt") or "", safe="")
                yield Taken(
                    url=f"{queue}/messages/{message.findtext('MessageId')}?popreceipt={receipt}",
                    text=b64decode(message.findtext("MessageText") or "").decode(),
                )
            if not messages:
                return
