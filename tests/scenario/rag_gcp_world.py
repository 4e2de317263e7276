"""RAG's world on Google Cloud, through Google's REST APIs and plain HTTP only."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from gcp_rest import GoogleRest, text_of
from local_controls import LocalControls
from rag_http import post_json, token
from world import Reply, eventually

from serverless_ai_local.launch import RunningCloud

QUESTION = b'{"question": "let me in"}'
READER = "reader@example.com"
SETTLE_S = 0.5


@dataclass(kw_only=True)
class RagGcpWorld(LocalControls, GoogleRest):
    """`outputs` holds `<variant>_<output>` of every variant."""

    target: str
    cloud: RunningCloud
    outputs: Mapping[str, str]
    stores: tuple[str, ...]
    default_store: str = "firestore"
    streams: bool = True

    # -- documents --------------------------------------------------------------------------------
    def upload(self, key: str, body: bytes, *, variant: str = "main", tags: Sequence[str] = ()) -> None:
        bucket = self.outputs[f"{variant}_documents"]
        about: dict[str, Any] = {"name": key, "contentType": "application/octet-stream"}
        if tags:
            about["metadata"] = {"tags": ",".join(quote(tag) for tag in tags)}
        edge = "scenario-boundary"
        parts = (
            f"--{edge}\r\ncontent-type: application/json\r\n\r\n{json.dumps(about)}\r\n".encode(),
            f"--{edge}\r\ncontent-type: application/octet-stream\r\n\r\n".encode() + body,
            f"\r\n--{edge}--\r\n".encode(),
        )
        kind = {"content-type": f"multipart/related; boundary={edge}"}
        self.call("POST", f"/upload/storage/v1/b/{bucket}/o?uploadType=multipart", b"".join(parts), kind)

    def delete(self, key: str, *, variant: str = "main") -> None:
        self.call("DELETE", self.object_path(self.outputs[f"{variant}_documents"], key))

    def send(self, body: str, *, variant: str = "main") -> None:
        self.publish_text(self.outputs[f"{variant}_queue"], body, {})

    # -- questions --------------------------------------------------------------------------------
    def post(
        self, path: str, body: Any, *, variant: str = "main", tenant: str = "", groups: Sequence[str] = ()
    ) -> Reply:
        url = self.outputs[f"{variant}_endpoint"]
        if variant == "main":
            wish = {"email": READER, "audience": url, "lifetime_s": 300}
            bearer = self.cloud.admin("POST", "gcp/id-token", wish)["token"]
        else:
            bearer = token(self.cloud, tenant, groups)
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        return post_json(url + path, sent, {"authorization": f"Bearer {bearer}"})

    def anonymous(self, path: str, *, variant: str = "main") -> Reply:
        return post_json(self.outputs[f"{variant}_endpoint"] + path, QUESTION, {})

    # -- what an operator sees --------------------------------------------------------------------
    def dead_letters(self, variant: str = "main") -> list[dict[str, Any]]:
        subscription = self.outputs[f"{variant}_dead_letters"]
        found = list(self.pulled(subscription))
        if found:
            body = {"ackIds": [one["ackId"] for one in found], "ackDeadlineSeconds": 0}
            self.json_call("POST", f"/v1/{subscription}:modifyAckDeadline", body)
        said = [(one["message"].get("attributes", {}), text_of(one)) for one in found]
        return [
            {"code": about.get("code", ""), "reason": about.get("reason", ""), "payload": text}
            for about, text in said
        ]

    def logs(self, variant: str = "main") -> list[str]:
        names = (self.outputs[f"{variant}_{part}"] for part in ("function_name", "ingest_function_name"))
        return [
            json.dumps(one)
            for name in names
            for one in self.cloud.admin("GET", f"gcp/functions/{name}/logs")["entries"]
        ]

    def deliver_again(self, variant: str = "main") -> None:
        """The local cloud does so within seconds."""

    # -- between tests ---------------------------------------------------------------------------
    def reset(self) -> None:
        self.cloud.admin("DELETE", "model/faults")
        self._forget()
        time.sleep(SETTLE_S)  # what is on its way to a function is published by it once more
        self._forget()
        for name, bucket in self.outputs.items():
            if name.endswith("_documents"):
                for one in list(self.listed(bucket, "")):
                    self.call("DELETE", self.object_path(bucket, one["name"]))
        eventually(self._empty, within=60, every=0.3, what="indexes without documents")
        self._forget()
        self.cloud.admin("DELETE", "model/calls")
        self.cloud.admin("DELETE", "model/embeddings")

    def _empty(self) -> bool:
        """Whether nothing can be found any more, by whomever."""
        found = 0
        for variant in ("main", *self.stores):
            for tenant in ("acme", "zeta"):
                body = {"question": "anything", "top_k": 1}
                reply = self.post("/search", body, variant=variant, tenant=tenant, groups=("board", "staff"))
                found += len(reply.body["passages"])
        return not found

    def _forget(self) -> None:
        """Everything that waits in subscriptions or is on its way from them."""
        for name, value in self.outputs.items():
            if name.endswith(("_work", "_dead_letters")):
                short = value.rsplit("/", 1)[-1]
                self.cloud.admin("DELETE", f"gcp/subscriptions/{short}/messages")
