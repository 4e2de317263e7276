"""The scenario's world on Azure, through Azure's REST APIs and plain HTTP only."""

from __future__ import annotations

import base64
import functools
import http.client
import json
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit
from xml.etree import ElementTree

from aws_world import _tampered as tampered
from aws_world import _unsigned as unsigned
from local_controls import LocalControls
from world import Reply

from serverless_ai_local.launch import RunningCloud

CLIENT = "c11e27a9-0000-4000-8000-000000000001"
"""The app registration that `main` and `tight` take tokens for."""
PUBLISHER = "9b1d5a6e-0000-4000-8000-000000000001"
"""Object id of whoever publishes events: may send to the topic, and nothing else."""
SENDER = "d5a91429-5739-47e2-a06b-3470a27159e7"
"""EventGrid Data Sender."""
MANAGEMENT, STORAGE, EVENTS = (
    "https://management.azure.com",
    "https://storage.azure.com",
    "https://eventgrid.azure.net",
)
KEY = "Ocp-Apim-Subscription-Key"


@dataclass(kw_only=True)
class AzureWorld(LocalControls):
    """`outputs` holds `<variant>_<output>` of every variant."""

    target: str
    refusal: str = "BadRequest"
    cloud: RunningCloud
    outputs: Mapping[str, str]
    _results: list[dict[str, Any]] = field(default_factory=list)
    _dead: list[dict[str, Any]] = field(default_factory=list)

    # -- HTTP -----------------------------------------------------------------------------------
    def chat(self, body: Any, *, variant: str = "main", caller: str = "ada") -> Reply:
        if variant == "jwt":
            return self.bearer(body, self.token(caller))
        return self._post(variant, body, self.entra_token(caller))

    def bearer(self, body: Any, token: str | None) -> Reply:
        return self._post("jwt", body, token, {KEY: self._subscription_key})

    def token(self, sub: str, *, audience: str = "chat", lifetime_s: int = 300) -> str:
        wish = {"sub": sub, "aud": audience, "lifetime_s": lifetime_s}
        return self.cloud.admin("POST", "issuer/token", wish)["access_token"]

    def entra_token(
        self, sub: str, *, audience: str = CLIENT, lifetime_s: int = 300, version: int = 2
    ) -> str:
        """A token that Entra signed for a person of the tenant."""
        wish = {"sub": sub, "aud": audience, "lifetime_s": lifetime_s, "version": version}
        return self.cloud.admin("POST", "azure/users/token", wish)["access_token"]

    def refused(self) -> Mapping[str, Callable[[], Reply]]:
        body, ada = {"message": "let me in"}, self.entra_token("ada")
        forged = {"x-ms-client-principal": principal("ada")}
        function = self.outputs["jwt_function_url"]

        def main(token: str | None, headers: Mapping[str, str] | None = None) -> Callable[[], Reply]:
            return lambda: self._post("main", body, token, headers)

        def jwt(token: str | None) -> Callable[[], Reply]:
            return lambda: self.bearer(body, token)

        def direct(token: str | None) -> Callable[[], Reply]:
            return lambda: send("POST", f"{function}/chat", body, bearer(token))

        return {
            "no Entra token": main(None),
            "a principal of the caller's own making": main(None, forged),
            "an Entra token that has expired": main(self.entra_token("ada", lifetime_s=-3600)),
            "an Entra token for another app": main(self.entra_token("ada", audience="another-app")),
            "a tampered Entra token": main(tampered(ada)),
            "an unsigned Entra token": main(unsigned(ada)),
            "a token of another issuer where Entra is deployed": main(self.token("ada", audience=CLIENT)),
            "a token for Azure's own services": main(self.service_token(MANAGEMENT)),
            "not an Entra token": main("x.y.z"),
            "no token": jwt(None),
            "an expired token": jwt(self.token("ada", lifetime_s=-3600)),
            "a token for another audience": jwt(self.token("ada", audience="shop")),
            "a tampered token": jwt(tampered(self.token("ada"))),
            "an unsigned token": jwt(unsigned(self.token("ada"))),
            "an Entra token where an issuer is deployed": jwt(self.entra_token("ada", audience="chat")),
            "not a token": jwt("x.y.z"),
            "no subscription key": lambda: self._post("jwt", body, self.token("ada")),
            "a wrong subscription key": lambda: self._post("jwt", body, self.token("ada"), {KEY: "wrong"}),
            "around the gateway without a token": direct(None),
            "around the gateway with an expired token": direct(self.token("ada", lifetime_s=-3600)),
            "around the gateway with another's token": direct(ada),
        }

    def _post(
        self, variant: str, body: Any, token: str | None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        url = f"{self.outputs[f'{variant}_endpoint']}/chat"
        return send("POST", url, body, {**bearer(token), **(headers or {})})

    @functools.cached_property
    def _subscription_key(self) -> str:
        return self.manage("POST", f"{self.outputs['jwt_subscription_id']}/listSecrets").body["primaryKey"]

    def manage(self, method: str, id_: str, body: Any = None) -> Reply:
        """Call the resource manager as whoever deploys."""
        url = f"{self.cloud.url}/_azure/management{quote(id_)}"
        reply = send(method, url, body, bearer(self.service_token(MANAGEMENT)))
        assert reply.status < 300, reply
        return reply

    def service_token(self, resource: str, oid: str | None = None) -> str:
        """A token for one of Azure's services: of whoever deploys, or of another principal."""
        wish = {"resource": resource} | ({"oid": oid} if oid else {})
        return self.cloud.admin("POST", "azure/token", wish)["access_token"]

    # -- events ---------------------------------------------------------------------------------
    def fire_schedule(self) -> None:
        app, timer = self.outputs["main_function_name"], self.outputs["main_schedule_name"]
        self.cloud.admin("POST", f"schedules/{app}/{timer}/fire")

    def emit(self, detail: Mapping[str, Any], *, deliveries: int = 1) -> None:
        if deliveries > 1:
            self.cloud.admin("POST", "azure/events/duplicate", {"times": deliveries - 1})
        self._publish("shop", detail)

    def emit_other(self, detail: Mapping[str, Any]) -> None:
        self._publish("warehouse", detail)

    def _publish(self, source: str, detail: Mapping[str, Any]) -> None:
        event = {"specversion": "1.0", "id": str(uuid.uuid4()), "source": source, "type": "OrderPlaced"}
        headers = {"content-type": "application/cloudevents-batch+json"}
        headers |= bearer(self._publisher)
        reply = send("POST", self.outputs["main_events_topic"], [{**event, "data": detail}], headers)
        assert reply.status == 200, reply

    @functools.cached_property
    def _publisher(self) -> str:
        """A token of a principal that may send to the topic."""
        topic = self.outputs["main_topic_id"]
        subscription = topic.split("/resourceGroups/")[0]
        name = str(uuid.uuid4())
        inputs = {
            "scope": topic,
            "principalId": PUBLISHER,
            "principalType": "ServicePrincipal",
            "roleAssignmentName": name,
            "roleDefinitionId": f"{subscription}/providers/Microsoft.Authorization/roleDefinitions/{SENDER}",
        }
        id_ = f"{topic}/providers/Microsoft.Authorization/roleAssignments/{name}"
        self.manage("PUT", id_, {"kind": "authorization:RoleAssignment", "inputs": inputs})
        return self.service_token(EVENTS, PUBLISHER)

    def results(self) -> list[dict[str, Any]]:
        self._results += self._drain("main_destination_queue_url")
        return self._results

    def dead_letters(self) -> list[dict[str, Any]]:
        for letter in self._drain("main_dead_letter_queue_url"):
            if "reason" not in letter:  # the host moved it itself, and does not say why
                letter = {"reason": "", "payload": letter, "attempts": 0}  # noqa: PLW2901
            self._dead.append(letter)
        return self._dead

    def _drain(self, output: str) -> Iterator[dict[str, Any]]:
        url, headers = self.outputs[output], bearer(self.service_token(STORAGE))
        headers["x-ms-version"] = "2021-12-02"
        while True:
            answer = send("GET", f"{url}/messages?numofmessages=32", None, headers)
            assert answer.status == 200, answer
            messages = list(ElementTree.fromstring(answer.body["text"]))
            if not messages:
                return
            for message in messages:
                receipt = quote(message.findtext("PopReceipt") or "")
                send(
                    "DELETE",
                    f"{url}/messages/{message.findtext('MessageId')}?popreceipt={receipt}",
                    None,
                    headers,
                )
                yield json.loads(base64.b64decode(message.findtext("MessageText") or ""))

    # -- model and logs -------------------------------------------------------------------------
    def logs(self, variant: str = "main") -> list[str]:
        workspace = self.outputs[f"{variant}_log_group_name"]
        lines = self.cloud.admin("GET", f"azure/workspaces/{workspace}/lines")["lines"]
        return [line["message"] for line in lines if line["category"] == "Function"]

    def reset(self) -> None:
        self.cloud.admin("DELETE", "model/faults")
        self.cloud.admin("DELETE", "model/calls")
        self.results()
        self.dead_letters()
        self._results.clear()
        self._dead.clear()


def bearer(token: str | None) -> dict[str, str]:
    return {} if token is None else {"authorization": f"Bearer {token}"}


def principal(subject: str) -> str:
    """The header by which App Service says who calls, as anyone could write it."""
    claims = [
        {"typ": "iss", "val": "https://login.microsoftonline.com/t/v2.0"},
        {"typ": "sub", "val": subject},
    ]
    return base64.b64encode(json.dumps({"auth_typ": "aad", "claims": claims}).encode()).decode()


def send(method: str, url: str, body: Any, headers: Mapping[str, str]) -> Reply:
    """Send bytes, or an object as JSON. What is no JSON is in the reply's body as `text`."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=40)
    started = time.monotonic()
    try:
        content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        connection.request(method, target, content, {"content-type": "application/json", **headers})
        response = connection.getresponse()
        text = response.read()
    finally:
        connection.close()
    is_json = response.headers.get_content_type() == "application/json"
    return Reply(
        status=response.status,
        body=json.loads(text) if is_json else {"text": text.decode()},
        headers={name.lower(): value for name, value in response.getheaders()},
        seconds=time.monotonic() - started,
    )
