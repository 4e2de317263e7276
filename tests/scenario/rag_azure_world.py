"""RAG's world on Azure, through Azure's REST APIs and plain HTTP only."""

from __future__ import annotations

import functools
import json
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import quote
from xml.etree import ElementTree

from azure_world import CLIENT, STORAGE, bearer, send
from rag_http import post_json, token
from world import Reply, eventually

from serverless_ai_local.launch import RunningCloud

QUESTION = b'{"question": "let me in"}'
VERSION = {"x-ms-version": "2021-12-02"}


class Taken(NamedTuple):
    """A message, and the URL that its receipt is in."""

    url: str
    text: str


@dataclass(kw_only=True)
class RagAzureWorld:
    """`outputs` holds `<variant>_<output>` of every variant."""

    target: str
    cloud: RunningCloud
    outputs: Mapping[str, str]
    stores: tuple[str, ...]
    default_store: str = "cosmos"

    # -- documents --------------------------------------------------------------------------------
    def upload(self, key: str, body: bytes, *, variant: str = "main", tags: Sequence[str] = ()) -> None:
        headers = {"x-ms-blob-type": "BlockBlob", "content-type": "application/octet-stream"}
        if tags:
            headers["x-ms-meta-tags"] = ",".join(quote(tag) for tag in tags)
        self._storage("PUT", f"{self.outputs[f'{variant}_documents']}/{quote(key)}", body, headers)

    def delete(self, key: str, *, variant: str = "main") -> None:
        self._storage("DELETE", f"{self.outputs[f'{variant}_documents']}/{quote(key)}")

    @contextmanager
    def held(self, *, duplicates: float = 0.0, seed: int = 1) -> Iterator[None]:
        self.cloud.admin("POST", "events/hold")
        try:
            yield
        finally:
            self.cloud.admin("POST", "events/release", {"duplicates": duplicates, "seed": seed})

    def send(self, body: str, *, variant: str = "main") -> None:
        text = b64encode(body.encode()).decode()
        message = f"<QueueMessage><MessageText>{text}</MessageText></QueueMessage>".encode()
        self._storage("POST", f"{self.outputs[f'{variant}_queue']}/messages", message)

    # -- questions --------------------------------------------------------------------------------
    def post(
        self, path: str, body: Any, *, variant: str = "main", tenant: str = "", groups: Sequence[str] = ()
    ) -> Reply:
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        given = self._entra_token() if variant == "main" else token(self.cloud, tenant, groups)
        return post_json(self.outputs[f"{variant}_endpoint"] + path, sent, bearer(given))

    def anonymous(self, path: str, *, variant: str = "main") -> Reply:
        return send("POST", self.outputs[f"{variant}_endpoint"] + path, QUESTION, {})

    def _entra_token(self) -> str:
        """Of a person of the tenant."""
        return self.cloud.admin("POST", "azure/users/token", {"sub": "reader", "aud": CLIENT})["access_token"]

    # -- what an operator sees --------------------------------------------------------------------
    def dead_letters(self, variant: str = "main") -> list[dict[str, Any]]:
        letters = list(self._take(self.outputs[f"{variant}_dead_letters"]))
        for letter in letters:
            self._storage("PUT", f"{letter.url}&visibilitytimeout=0")
        return [json.loads(letter.text) for letter in letters]

    def logs(self, variant: str = "main") -> list[str]:
        workspace = self.outputs[f"{variant}_log_group_name"]
        lines = self.cloud.admin("GET", f"azure/workspaces/{workspace}/lines")["lines"]
        return [line["message"] for line in lines if line["category"] == "Function"]

    # -- the models -------------------------------------------------------------------------------
    def model_fault(self, kind: str, *, times: int = 1, seconds: float = 0.0) -> None:
        self.cloud.admin("POST", "model/faults", {"kind": kind, "times": times, "seconds": seconds})

    def model_calls(self) -> list[dict[str, Any]]:
        return self.cloud.admin("GET", "model/calls")["calls"]

    def embedded(self) -> int:
        return sum(call["texts"] for call in self.cloud.admin("GET", "model/embeddings")["calls"])

    def reset(self) -> None:
        self.cloud.admin("DELETE", "model/faults")
        for container in self._all("_documents"):
            for blob in self._listed(container):
                self._storage("DELETE", f"{container}/{quote(blob)}")
        eventually(self._settled, within=60, what="an index without documents")
        for queue in (*self._all("_queue"), *self._all("_dead_letters")):
            self._storage("DELETE", f"{queue}/messages")
        self.cloud.admin("DELETE", "model/calls")
        self.cloud.admin("DELETE", "model/embeddings")

    def _settled(self) -> bool:
        """Whether no queue has anything to do."""
        queues = self._all("_queue")
        counts = [self._storage("GET", f"{queue}?comp=metadata").headers for queue in queues]
        return all(int(one["x-ms-approximate-messages-count"]) == 0 for one in counts)

    # -- Storage ----------------------------------------------------------------------------------
    def _all(self, output: str) -> list[str]:
        """This output of every variant."""
        return [value for name, value in self.outputs.items() if name.endswith(output)]

    def _storage(
        self, method: str, url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        reply = send(method, url, body, {**VERSION, **bearer(self._storage_token), **(headers or {})})
        assert reply.status < 300, reply
        return reply

    @functools.cached_property
    def _storage_token(self) -> str:
        return self.cloud.admin("POST", "azure/token", {"resource": STORAGE})["access_token"]

    def _take(self, queue: str) -> Iterator[Taken]:
        """Every message that is there, each hidden for a while."""
        while True:
            answer = self._storage("GET", f"{queue}/messages?numofmessages=32&visibilitytimeout=60")
            messages = list(ElementTree.fromstring(answer.body["text"]))
            for message in messages:
                receipt = quote(message.findtext("PopReceipt") or "", safe="")
                yield Taken(
                    url=f"{queue}/messages/{message.findtext('MessageId')}?popreceipt={receipt}",
                    text=b64decode(message.findtext("MessageText") or "").decode(),
                )
            if not messages:
                return

    def _listed(self, container: str) -> list[str]:
        answer = self._storage("GET", f"{container}?restype=container&comp=list")
        names = ElementTree.fromstring(answer.body["text"]).iterfind("Blobs/Blob/Name")
        return [name.text or "" for name in names]
