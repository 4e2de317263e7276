"""The scenario's world on Google Cloud, through Google's REST APIs and plain HTTP only."""

from __future__ import annotations

import base64
import http.client
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from aws_world import _tampered as tampered
from aws_world import _unsigned as unsigned
from local_controls import LocalControls
from world import Reply

from serverless_ai_local.launch import RunningCloud

REGION = "us-central1"
FRIENDS, STRANGERS = "example.com", "elsewhere.example"
"""Domains of people who may call, and who may not."""


@dataclass(kw_only=True)
class GcpWorld(LocalControls):
    """`outputs` holds `<variant>_<output>` of every variant."""

    target: str
    refusal: str = "INVALID_ARGUMENT"
    cloud: RunningCloud
    outputs: Mapping[str, str]
    _results: list[dict[str, Any]] = field(default_factory=list)
    _dead: list[dict[str, Any]] = field(default_factory=list)

    # -- HTTP -----------------------------------------------------------------------------------
    def chat(self, body: Any, *, variant: str = "main", caller: str = "ada") -> Reply:
        if variant == "jwt":
            return self.bearer(body, self.token(caller))
        return self._post(variant, body, self.id_token(f"{caller}@{FRIENDS}", variant))

    def bearer(self, body: Any, token: str | None) -> Reply:
        return self._post("jwt", body, token)

    def token(self, sub: str, *, audience: str = "chat", lifetime_s: int = 300) -> str:
        wish = {"sub": sub, "aud": audience, "lifetime_s": lifetime_s}
        return self.cloud.admin("POST", "issuer/token", wish)["access_token"]

    def id_token(
        self, email: str, variant: str = "main", *, audience: str = "", lifetime_s: int = 300
    ) -> str:
        """A person's or an account's ID token for the function of a variant, as Google's issuer signs it."""
        url = audience or self.outputs[f"{variant}_endpoint"]
        wish = {"email": email, "audience": url, "lifetime_s": lifetime_s}
        return self.cloud.admin("POST", "gcp/id-token", wish)["token"]

    def refused(self) -> Mapping[str, Callable[[], Reply]]:
        body, ada = {"message": "let me in"}, f"ada@{FRIENDS}"
        return {
            "no token where IAM is deployed": lambda: self._post("main", body, None),
            "an ID token that has expired": lambda: self._post(
                "main", body, self.id_token(ada, lifetime_s=-3600)
            ),
            "an ID token for another function": lambda: self._post("main", body, self.id_token(ada, "tight")),
            "an ID token for somebody else": lambda: self._post(
                "main", body, self.id_token(ada, audience="https://shop.example")
            ),
            "a tampered ID token": lambda: self._post("main", body, tampered(self.id_token(ada))),
            "an unsigned ID token": lambda: self._post("main", body, unsigned(self.id_token(ada))),
            "somebody who is no invoker": lambda: self._post("main", body, self.id_token(f"ada@{STRANGERS}")),
            "the function's own account": lambda: self._post(
                "main", body, self.id_token(self.outputs["main_identity_name"])
            ),
            "a token of another issuer where IAM is deployed": lambda: self._post(
                "main", body, self.token("ada", audience=self.outputs["main_endpoint"])
            ),
            "not an ID token": lambda: self._post("main", body, "x.y.z"),
            "no token": lambda: self.bearer(body, None),
            "an expired token": lambda: self.bearer(body, self.token("ada", lifetime_s=-3600)),
            "a token for another audience": lambda: self.bearer(body, self.token("ada", audience="shop")),
            "a tampered token": lambda: self.bearer(body, tampered(self.token("ada"))),
            "an unsigned token": lambda: self.bearer(body, unsigned(self.token("ada"))),
            "an ID token of Google's where an issuer is deployed": lambda: self.bearer(
                body, self.id_token(ada, audience="chat")
            ),
            "not a token": lambda: self.bearer(body, "x.y.z"),
        }

    def _post(self, variant: str, body: Any, token: str | None) -> Reply:
        headers = {"content-type": "application/json"}
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        return post(f"{self.outputs[f'{variant}_endpoint']}/chat", body, headers)

    # -- events ---------------------------------------------------------------------------------
    def fire_schedule(self) -> None:
        self.cloud.admin("POST", f"schedules/{REGION}/{self.outputs['main_schedule_name']}/fire")

    def emit(self, detail: Mapping[str, Any], *, deliveries: int = 1) -> None:
        if deliveries > 1:
            self.cloud.admin("POST", "gcp/pubsub/duplicate", {"times": deliveries - 1})
        self._publish("shop", detail)

    def emit_other(self, detail: Mapping[str, Any]) -> None:
        self._publish("warehouse", detail)

    def _publish(self, source: str, detail: Mapping[str, Any]) -> None:
        data = base64.b64encode(json.dumps(detail).encode()).decode()
        message = {"data": data, "attributes": {"source": source, "type": "OrderPlaced"}}
        self.google(f"{self.outputs['main_events_topic']}:publish", {"messages": [message]})

    def results(self) -> list[dict[str, Any]]:
        for message in self._drain("main_destination_queue_url"):
            self._results.append(_content(message))
        return self._results

    def dead_letters(self) -> list[dict[str, Any]]:
        for message in self._drain("main_dead_letter_queue_url"):
            letter = _content(message)
            if "reason" not in letter:  # Pub/Sub moved it itself, and does not say why
                attempts = message["attributes"]["CloudPubSubDeadLetterSourceDeliveryCount"]
                letter = {"reason": "", "payload": letter, "attempts": int(attempts)}
            self._dead.append(letter)
        return self._dead

    def _drain(self, output: str) -> Iterator[dict[str, Any]]:
        subscription = self.outputs[output]
        while True:
            answer = self.google(f"{subscription}:pull", {"maxMessages": 10})
            received = answer.get("receivedMessages", [])
            if not received:
                return
            self.google(f"{subscription}:acknowledge", {"ackIds": [one["ackId"] for one in received]})
            yield from (one["message"] for one in received)

    def google(self, path: str, body: Any, token: str = "owner") -> dict[str, Any]:
        """Call one of Google's services as the administrator, or with another token."""
        reply = post(f"{self.cloud.url}/v1/{path}", body, {"authorization": f"Bearer {token}"})
        assert reply.status == 200, reply
        return reply.body

    # -- model and logs -------------------------------------------------------------------------
    def logs(self, variant: str = "main") -> list[str]:
        name = self.outputs[f"{variant}_function_name"]
        entries = self.cloud.admin("GET", f"gcp/functions/{name}/logs")["entries"]
        return [
            json.dumps(entry.get("jsonPayload", {"message": entry.get("textPayload")})) for entry in entries
        ]

    def reset(self) -> None:
        self.cloud.admin("DELETE", "model/faults")
        self.cloud.admin("DELETE", "model/calls")
        self.results()
        self.dead_letters()
        self._results.clear()
        self._dead.clear()


def post(url: str, body: Any, headers: Mapping[str, str]) -> Reply:
    """POST bytes, or an object as JSON. Google's own refusals are no JSON: then the body holds the text."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=40)
    started = time.monotonic()
    try:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        connection.request("POST", parts.path, content, dict(headers))
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


def _content(message: Mapping[str, Any]) -> dict[str, Any]:
    return json.loads(base64.b64decode(message["data"]))
