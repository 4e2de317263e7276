"""The event pipeline's world on Google Cloud, through Google's REST APIs only."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

from gcp_rest import GoogleRest, text_of
from local_controls import LocalControls
from operator_commands import Operated

from serverless_ai_local.gcp.project import REGION
from serverless_ai_local.launch import RunningCloud

PREFIX = "results/"
SETTLE_S = 0.5
WATCHER = "scenario-completions"
"""Subscription of the scenario's own, which completion events come to."""


@dataclass(kw_only=True)
class PipelineGcpWorld(LocalControls, GoogleRest, Operated):
    """`outputs` holds `<variant>_<output>` of every variant."""

    target: str
    cloud: RunningCloud
    outputs: Mapping[str, str]
    provider: str = "gcp"
    _completions: list[dict[str, Any]] = field(default_factory=list)
    _results: dict[tuple[str, str], tuple[str, dict[str, Any]]] = field(default_factory=dict)
    """What was read before, with its generation: a thousand results are looked at again and again."""
    _watched: dict[str, str] = field(default_factory=dict)

    # -- sources ----------------------------------------------------------------------------------
    def upload(
        self, key: str, body: bytes, *, variant: str = "main", content_type: str = "application/octet-stream"
    ) -> None:
        bucket = self.outputs[f"{variant}_uploads"]
        path = f"/upload/storage/v1/b/{bucket}/o?uploadType=media&name={quote(key, safe='')}"
        self.call("POST", path, body, {"content-type": content_type})

    def delete(self, key: str, *, variant: str = "main") -> None:
        self.call("DELETE", self.object_path(self.outputs[f"{variant}_uploads"], key))

    def send(self, body: str, *, variant: str = "main") -> None:
        self.publish_text(self.outputs[f"{variant}_queue"], body, {})

    def publish(self, body: str, attributes: Mapping[str, str]) -> None:
        self.publish_text(self.outputs["invoices_topic"], body, attributes)

    def emit(self, source: str, detail: Mapping[str, Any]) -> None:
        self.publish_text(
            self.outputs["main_bus"], json.dumps(detail), {"source": source, "type": "OrderPlaced"}
        )

    def fire_schedule(self) -> None:
        self.cloud.admin("POST", f"schedules/{REGION}/{self.outputs['main_schedule_name']}/fire")

    # -- what comes out ---------------------------------------------------------------------------
    def results(self, variant: str = "main") -> dict[str, dict[str, Any]]:
        bucket = self.outputs[f"{variant}_results"]
        now: dict[str, dict[str, Any]] = {}
        for one in self.listed(bucket, PREFIX):
            name, generation = one["name"], one["generation"]
            seen = self._results.get((bucket, name))
            if seen is None or seen[0] != generation:
                content = self.call("GET", self.object_path(bucket, name) + "?alt=media")
                seen = self._results[bucket, name] = generation, json.loads(content)
            now[name.removeprefix(PREFIX).removesuffix(".json")] = seen[1]
        return now

    def completions(self, variant: str = "main") -> list[dict[str, Any]]:
        """By subscriptions of the scenario's own."""
        self._read_completions()
        bucket = self.outputs[f"{variant}_results"]
        return [event for event in self._completions if event["result"]["container"] == bucket]

    def _read_completions(self) -> None:
        for subscription in self._watch():
            for one in self.pulled(subscription):
                self._completions.append(json.loads(text_of(one)))
                self.json_call("POST", f"/v1/{subscription}:acknowledge", {"ackIds": [one["ackId"]]})

    def _watch(self) -> list[str]:
        """Made as a deployment makes them."""
        topics = [value for name, value in self.outputs.items() if name.endswith("_announcements")]
        for topic in topics:
            if topic not in self._watched:
                project, short = topic.split("/")[1], topic.rsplit("/", 1)[-1]
                inputs = {"name": f"{WATCHER}-{short}", "topic": topic}
                given = {
                    "token": "gcp:pubsub/subscription:Subscription",
                    "project": project,
                    "region": REGION,
                    "inputs": inputs,
                }
                self._watched[topic] = self.cloud.admin("POST", "gcp/resources/create", given)["id"]
        return list(self._watched.values())

    def dead_letters(self, variant: str = "main") -> list[dict[str, Any]]:
        found = list(self._letters(variant))
        letters = []
        for one in found:
            attributes = one["message"].get("attributes", {})
            letters.append(
                {
                    "code": attributes.get("code", ""),
                    "reason": attributes.get("reason", ""),
                    "payload": text_of(one),
                }
            )
        self._give_back(variant, found)
        return letters

    def login(self) -> Mapping[str, str]:
        host = urlsplit(self.cloud.url).netloc
        return {"PUBSUB_EMULATOR_HOST": host, "CLOUDSDK_AUTH_ACCESS_TOKEN": "owner"}

    def _letters(self, variant: str) -> Iterator[dict[str, Any]]:
        return self.pulled(self.outputs[f"{variant}_dead_letters"])

    def _give_back(self, variant: str, letters: list[dict[str, Any]]) -> None:
        if letters:
            path = f"/v1/{self.outputs[f'{variant}_dead_letters']}:modifyAckDeadline"
            body = {"ackIds": [one["ackId"] for one in letters], "ackDeadlineSeconds": 0}
            self.json_call("POST", path, body)

    def logs(self, variant: str = "main") -> list[str]:
        name = self.outputs[f"{variant}_function_name"]
        return [json.dumps(one) for one in self.cloud.admin("GET", f"gcp/functions/{name}/logs")["entries"]]

    # -- the model and the AI services ------------------------------------------------------------
    def reset(self) -> None:
        self.cloud.admin("DELETE", "model/faults")
        self.cloud.admin("DELETE", "model/calls")
        self._forget()
        time.sleep(SETTLE_S)  # what is on its way to the function is published by it once more
        self._forget()
        for name, value in self.outputs.items():
            if name.endswith(("_uploads", "_results")):
                for one in self.listed(value, ""):
                    self.call("DELETE", self.object_path(value, one["name"]))
        self._read_completions()
        self._completions.clear()

    def _forget(self) -> None:
        """Everything that waits in subscriptions or is on its way from them."""
        for name, value in self.outputs.items():
            if name.endswith(("_work", "_dead_letters")):
                short = value.rsplit("/", 1)[-1]
                self.cloud.admin("DELETE", f"gcp/subscriptions/{short}/messages")
