"""A function app's environment, and the services in it: a scripted Foundry, identity and queues."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from typing import Any
from xml.etree import ElementTree

from azure_fakes import CONTAINER
from loopback import Loopback, Script, reply

from serverless_ai_runtime.config import AzureEdgeConfig, FunctionLlmConfig, azure_settings, to_env
from serverless_ai_runtime.config_event_pipeline import EventPipelineConfig

MODEL = "chat-small"
ISSUER = "https://login.microsoftonline.com/tenant/v2.0"
STATELESS = FunctionLlmConfig(MODEL, "be brief", 64, 1000, 0, 0, 0, 0, "", "", "", "", log_content=False)
EDGE = AzureEdgeConfig(20, "", "", "", "")
PIPELINE = EventPipelineConfig(
    processor="summarize",
    options='{"max_words": 40}',
    model="chat",
    model_endpoint="http://127.0.0.1:1/openai/v1",
    max_output_tokens=64,
    context_tokens=2000,
    input_microusd=0,
    output_microusd=0,
    objects="http://127.0.0.1:1/account",
    inputs="uploads",
    results="results",
    results_prefix="results/",
    store="http://127.0.0.1:1/dbs/d/colls/c",
    record_s=10,
    announcements="http://127.0.0.1:1/topic/api/events",
    queue="http://127.0.0.1:1/account/events",
    dead_letters="http://127.0.0.1:1/account/events-poison",
    max_attempts=5,
    max_bytes=100,
    timeout_s=20,
    batch_size=1,
    batch_wait_s=0,
    ai_endpoint="",
    job_topic="",
    job_role="",
    log_content=False,
)
ANSWER = {
    "id": "c1",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-5-nano-2025-08-07",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "hello"}}],
    "usage": {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11},
}


class Services:
    """What the app's calls arrive at; each of `model`, `identity` and `queues` answers all of its calls."""

    def __init__(self, server: Loopback, cosmos_url: str = "") -> None:
        self.server, self.cosmos_url = server, cosmos_url
        self.identity: Script = reply(body={"access_token": "secret-token", "expires_on": "4102444800"})
        self.model: Script = reply(body=ANSWER)
        self.queues: Script = reply(201, b"")
        server.answer(self._route)

    def environment(
        self, settings: FunctionLlmConfig = STATELESS, edge: AzureEdgeConfig = EDGE, **more: str
    ) -> dict[str, str]:
        url = self.server.url
        settings = settings._replace(model_endpoint=url + "/openai/v1")
        if settings.store:
            settings = settings._replace(store=self.cosmos_url + CONTAINER)
        if settings.destination:
            settings = settings._replace(destination=f"{url}/queues/{settings.destination}")
        if edge.events_queue:
            edge = edge._replace(queue_service=url + "/queues")
        return {
            **to_env(settings),
            **azure_settings(edge, "client-1"),
            "IDENTITY_ENDPOINT": url + "/MSI/token",
            "IDENTITY_HEADER": "identity-secret",
            "WEBSITE_SITE_NAME": "chat-app",
            **more,
        }

    def prompts(self) -> list[Any]:
        """The bodies of all calls of the model."""
        return [sent.json() for sent in self.server.requests if sent.target.startswith("/openai")]

    def messages(self, queue: str) -> list[Any]:
        """What was put into a queue."""
        path = f"/queues/{queue}/messages"
        sent = [ElementTree.fromstring(s.body) for s in self.server.requests if s.target.startswith(path)]
        return [json.loads(b64decode(message.findtext("MessageText") or "")) for message in sent]

    def _route(self, connection: Any) -> bool:
        target = self.server.requests[-1].target
        script = self.identity if target.startswith("/MSI") else self.queues
        return (self.model if target.startswith("/openai") else script)(connection)


def principal(subject: str = "ada") -> str:
    """The header by which App Service says that this caller of `ISSUER` has been let in."""
    claims = [{"typ": "iss", "val": ISSUER}, {"typ": "sub", "val": subject}]
    return b64encode(json.dumps({"auth_typ": "aad", "claims": claims}).encode()).decode()
