"""RAG's world on Azure, through Azure's REST APIs and plain HTTP only."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

from azure_storage import AzureStorage
from azure_world import CLIENT, bearer, send
from local_controls import LocalControls
from rag_http import post_json, token
from world import Reply, eventually

from serverless_ai_local.launch import RunningCloud

QUESTION = b'{"question": "let me in"}'


@dataclass(kw_only=True)
class RagAzureWorld(AzureStorage, LocalControls):
    """`outputs` holds `<variant>_<output>` of every variant."""

    target: str
    cloud: RunningCloud
    outputs: Mapping[str, str]
    stores: tuple[str, ...]
    default_store: str = "cosmos"
    streams: bool = False

    # -- documents --------------------------------------------------------------------------------
    def upload(self, key: str, body: bytes, *, variant: str = "main", tags: Sequence[str] = ()) -> None:
        headers = {"x-ms-blob-type": "BlockBlob", "content-type": "application/octet-stream"}
        if tags:
            headers["x-ms-meta-tags"] = ",".join(quote(tag) for tag in tags)
        self.storage("PUT", f"{self.outputs[f'{variant}_documents']}/{quote(key)}", body, headers)

    def delete(self, key: str, *, variant: str = "main") -> None:
        self.storage("DELETE", f"{self.outputs[f'{variant}_documents']}/{quote(key)}")

    def send(self, body: str, *, variant: str = "main") -> None:
        self.put(self.outputs[f"{variant}_queue"], body)

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
        letters = list(self.take(self.outputs[f"{variant}_dead_letters"], hidden_s=60))
        for letter in letters:
            self.storage("PUT", f"{letter.url}&visibilitytimeout=0")
        return [json.loads(letter.text) for letter in letters]

    def logs(self, variant: str = "main") -> list[str]:
        workspace = self.outputs[f"{variant}_log_group_name"]
        lines = self.cloud.admin("GET", f"azure/workspaces/{workspace}/lines")["lines"]
        return [line["message"] for line in lines if line["category"] == "Function"]

    def deliver_again(self, variant: str = "main") -> None:
        """The local cloud does so within seconds."""

    # -- between tests ---------------------------------------------------------------------------
    def reset(self) -> None:
        self.cloud.admin("DELETE", "model/faults")
        for container in self._all("_documents"):
            for blob in self._listed(container):
                self.storage("DELETE", f"{container}/{quote(blob)}")
        eventually(self._settled, within=60, what="an index without documents")
        for queue in (*self._all("_queue"), *self._all("_dead_letters")):
            self.storage("DELETE", f"{queue}/messages")
        self.cloud.admin("DELETE", "model/calls")
        self.cloud.admin("DELETE", "model/embeddings")

    def _settled(self) -> bool:
        """Whether no queue has anything to do."""
        queues = self._all("_queue")
        counts = [self.storage("GET", f"{queue}?comp=metadata").headers for queue in queues]
        return all(int(one["x-ms-approximate-messages-count"]) == 0 for one in counts)

    # -- Storage ----------------------------------------------------------------------------------
    def _all(self, output: str) -> list[str]:
        """This output of every variant."""
        return [value for name, value in self.outputs.items() if name.endswith(output)]

    def _listed(self, container: str) -> list[str]:
        answer = self.storage("GET", f"{container}?restype=container&comp=list")
        names = ElementTree.fromstring(answer.body["text"]).iterfind("Blobs/Blob/Name")
        return [name.text or "" for name in names]
