"""The event pipeline's world on Azure, through Azure's REST APIs and plain HTTP only."""

from __future__ import annotations

import functools
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

from azure_storage import AzureStorage
from azure_world import EVENTS, MANAGEMENT, PUBLISHER, SENDER, bearer, send
from local_controls import LocalControls
from operator_commands import Operated
from world import Reply

from serverless_ai_local.launch import RunningCloud

PREFIX = "results/"
SEND_MESSAGES = "c6a89b2d-59bc-44d0-9896-0f6e12d7b80a"
"""Storage Queue Data Message Sender."""
WATCHER = "scenariocompletions"
"""Account and queue of the scenario's own, which completion events go to."""


@dataclass(kw_only=True)
class PipelineAzureWorld(AzureStorage, LocalControls, Operated):
    """`outputs` holds `<variant>_<output>` of every variant."""

    target: str
    cloud: RunningCloud
    outputs: Mapping[str, str]
    provider: str = "azure"
    _publishes: set[str] = field(default_factory=set)
    _completions: list[dict[str, Any]] = field(default_factory=list)
    _results: dict[str, tuple[str, dict[str, Any]]] = field(default_factory=dict)
    """What was read before, with its etag: a thousand results are looked at again and again."""

    # -- sources ----------------------------------------------------------------------------------
    def upload(
        self, key: str, body: bytes, *, variant: str = "main", content_type: str = "application/octet-stream"
    ) -> None:
        headers = {"x-ms-blob-type": "BlockBlob", "content-type": content_type}
        self.storage("PUT", f"{self.outputs[f'{variant}_uploads']}/{quote(key)}", body, headers)

    def delete(self, key: str, *, variant: str = "main") -> None:
        self.storage("DELETE", f"{self.outputs[f'{variant}_uploads']}/{quote(key)}")

    def send(self, body: str, *, variant: str = "main") -> None:
        self.put(self.outputs[f"{variant}_queue"], body)

    def publish(self, body: str, attributes: Mapping[str, str]) -> None:
        self._emit("invoices_topic", "anybody", "Document", {"message": body, "attributes": attributes})

    def emit(self, source: str, detail: Mapping[str, Any]) -> None:
        self._emit("main_bus", source, "OrderPlaced", detail)

    def fire_schedule(self) -> None:
        app, timer = self.outputs["main_function_name"], self.outputs["main_schedule_name"]
        self.cloud.admin("POST", f"schedules/{app}/{timer}/fire")

    def _emit(self, topic: str, source: str, kind: str, data: Mapping[str, Any]) -> None:
        event = {"specversion": "1.0", "id": str(uuid.uuid4()), "source": source, "type": kind, "data": data}
        headers = {"content-type": "application/cloudevents-batch+json", **bearer(self._publisher(topic))}
        reply = send("POST", self.outputs[topic], [event], headers)
        assert reply.status == 200, reply

    def _publisher(self, topic: str) -> str:
        """A token of a principal that may send to the topic."""
        if topic not in self._publishes:
            self._assign(self._topic_id(self.outputs[topic]), PUBLISHER, SENDER)
            self._publishes.add(topic)
        return self._token(EVENTS, PUBLISHER)

    # -- what comes out ---------------------------------------------------------------------------
    def results(self, variant: str = "main") -> dict[str, dict[str, Any]]:
        container = self.outputs[f"{variant}_results"]
        now: dict[str, dict[str, Any]] = {}
        for name, etag in self._listed(container, PREFIX):
            url = f"{container}/{quote(name)}"
            seen = self._results.get(url)
            if seen is None or seen[0] != etag:
                seen = self._results[url] = etag, self.storage("GET", url).body
            now[name.removeprefix(PREFIX).removesuffix(".json")] = seen[1]
        return now

    def completions(self, variant: str = "main") -> list[dict[str, Any]]:
        """By subscriptions of the scenario's own, with a queue behind them."""
        self._read_completions()
        account = self.outputs[f"{variant}_results"].rpartition("/")[0]
        return [event["data"] for event in self._completions if event["source"] == account]

    def _read_completions(self) -> None:
        for message in self.take(self._watch, hidden_s=30):
            self._completions.append(json.loads(message.text))
            self.storage("DELETE", message.url)

    def dead_letters(self, variant: str = "main") -> list[dict[str, Any]]:
        letters = list(self.take(self.outputs[f"{variant}_dead_letters"], hidden_s=60))
        for letter in letters:
            self.storage("PUT", f"{letter.url}&visibilitytimeout=0")
        return [_opened(letter.text) for letter in letters]

    def login(self) -> Mapping[str, str]:
        return {"SERVERLESS_AI_AZURE_TOKEN": self.storage_token}

    def logs(self, variant: str = "main") -> list[str]:
        workspace = self.outputs[f"{variant}_log_group_name"]
        return [line["message"] for line in self._lines(workspace) if line["category"] == "Function"]

    def _lines(self, workspace: str) -> list[dict[str, Any]]:
        return self.cloud.admin("GET", f"azure/workspaces/{workspace}/lines")["lines"]

    # -- the model and the AI services ------------------------------------------------------------
    def reset(self) -> None:
        self.cloud.admin("DELETE", "model/faults")
        self.cloud.admin("DELETE", "model/calls")
        for name, value in self.outputs.items():
            if name.endswith(("_queue", "_dead_letters")):
                self.storage("DELETE", f"{value}/messages")
            if name.endswith(("_uploads", "_results")):
                for blob, _ in self._listed(value, ""):
                    self.storage("DELETE", f"{value}/{quote(blob)}")
        self._read_completions()
        self._completions.clear()

    # -- Storage and the resource manager ---------------------------------------------------------
    def _listed(self, container: str, prefix: str) -> list[tuple[str, str]]:
        """Name and etag of each blob."""
        query = f"restype=container&comp=list&prefix={quote(prefix, safe='')}"
        answer = self.storage("GET", f"{container}?{query}")
        blobs = ElementTree.fromstring(answer.body["text"]).iter("Blob")
        return [(blob.findtext("Name") or "", blob.findtext("Properties/Etag") or "") for blob in blobs]

    def _token(self, resource: str, oid: str | None = None) -> str:
        """A token for one of Azure's services: of whoever deploys, or of another principal."""
        wish = {"resource": resource} | ({"oid": oid} if oid else {})
        return self.cloud.admin("POST", "azure/token", wish)["access_token"]

    @functools.cached_property
    def _watch(self) -> str:
        """URL of a queue that the completion events of all variants go to."""
        topics = [
            self._topic_id(url) for name, url in self.outputs.items() if name.endswith("_announcements")
        ]
        subscription = topics[0].split("/resourceGroups/")[0]
        group = f"{subscription}/resourceGroups/{WATCHER}"
        account = f"{group}/providers/Microsoft.Storage/storageAccounts/{WATCHER}"
        queue = f"{account}/queueServices/default/queues/{WATCHER}"
        named = {"resourceGroupName": WATCHER}
        self._manage("PUT", group, "resources:ResourceGroup", named)
        storage = {**named, "accountName": WATCHER, "kind": "StorageV2", "sku": {"name": "Standard_LRS"}}
        made = self._manage("PUT", account, "storage:StorageAccount", storage)
        self._manage("PUT", queue, "storage:Queue", {**named, "accountName": WATCHER, "queueName": WATCHER})
        for topic in topics:
            principal = self._manage("GET", topic).body["outputs"]["identity"]["principalId"]
            self._assign(queue, principal, SEND_MESSAGES)
            delivery = {"endpointType": "StorageQueue", "resourceId": account, "queueName": WATCHER}
            inputs = {
                "resourceGroupName": topic.split("/")[4],
                "topicName": topic.rpartition("/")[2],
                "eventSubscriptionName": WATCHER,
                "deliveryWithResourceIdentity": {"destination": delivery},
            }
            id_ = f"{topic}/eventSubscriptions/{WATCHER}"
            self._manage("PUT", id_, "eventgrid:TopicEventSubscription", inputs)
        return f"{made.body['outputs']['primaryEndpoints']['queue']}{WATCHER}"

    def _topic_id(self, endpoint: str) -> str:
        name = endpoint.removesuffix("/api/events").rpartition("/")[2]
        resources = self.cloud.admin("GET", "azure/resources")["resources"]
        return next(
            one["id"] for one in resources if one["kind"] == "eventgrid:Topic" and one["name"] == name
        )

    def _assign(self, scope: str, principal: str, role: str) -> None:
        subscription, name = scope.split("/resourceGroups/", maxsplit=1)[0], str(uuid.uuid4())
        inputs = {
            "scope": scope,
            "principalId": principal,
            "principalType": "ServicePrincipal",
            "roleAssignmentName": name,
            "roleDefinitionId": f"{subscription}/providers/Microsoft.Authorization/roleDefinitions/{role}",
        }
        id_ = f"{scope}/providers/Microsoft.Authorization/roleAssignments/{name}"
        self._manage("PUT", id_, "authorization:RoleAssignment", inputs)

    def _manage(
        self, method: str, id_: str, kind: str = "", inputs: Mapping[str, Any] | None = None
    ) -> Reply:
        """Call the resource manager as whoever deploys."""
        body = {"kind": kind, "inputs": inputs} if kind else None
        url = f"{self.cloud.url}/_azure/management{quote(id_)}"
        reply = send(method, url, body, bearer(self._token(MANAGEMENT)))
        assert reply.status < 300, reply
        return reply


def _opened(text: str) -> dict[str, Any]:
    """A dead letter; one that the host moved by itself has no envelope."""
    try:
        letter = json.loads(text)
    except ValueError:
        letter = None
    if isinstance(letter, dict) and {"code", "reason", "payload"} <= letter.keys():
        return {"code": letter["code"], "reason": letter["reason"], "payload": letter["payload"]}
    return {"code": "", "reason": "", "payload": text}
