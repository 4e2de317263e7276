"""The Google Cloud adapters of one function: one client and its tokens, which live as long as the process."""

from __future__ import annotations

from collections.abc import Mapping

from serverless_ai_runtime import config
from serverless_ai_runtime.adapters.gcp.identity import SCOPE, metadata_tokens
from serverless_ai_runtime.adapters.service import Cloud, Service
from serverless_ai_runtime.core.ports import ChatModel, KeyValueStore, Publisher, ServiceError, World
from serverless_ai_runtime.http import HttpClient, Response

ATTEMPT_S = 3.0
"""Patience with one attempt at a store or a topic: they answer in milliseconds. A model gets all there is."""


class GcpAdapters:
    """Makes adapters from plain settings; raises `ConfigError` naming the variable that is wrong."""

    def __init__(self, world: World, env: Mapping[str, str] | None = None) -> None:
        self._addresses = config.gcp(env)
        http = HttpClient(world)
        self._cloud = Cloud(http, world, metadata_tokens(http, world, self._addresses.metadata), _decode)

    def chat_model(self, settings: config.ModelSettings) -> ChatModel:
        from serverless_ai_runtime.adapters.gcp.vertex import VertexChat, vertex_service

        endpoint = config.gcp_name("model_endpoint", settings.model_endpoint, "projects", "locations")
        service = vertex_service(self._cloud, endpoint, self._addresses.vertex)
        return VertexChat(service, endpoint, settings.model, settings.guardrail_id)

    def store(self, name: str) -> KeyValueStore:
        from serverless_ai_runtime.adapters.gcp.firestore import FirestoreStore

        collection = config.gcp_name("store", name, "projects", "databases", "documents")
        return FirestoreStore(self._service("Firestore", self._addresses.firestore), collection)

    def publisher(self, destination: str) -> Publisher:
        from serverless_ai_runtime.adapters.gcp.pubsub import PubSubPublisher

        topic = config.gcp_name("destination", destination, "projects", "topics")
        return PubSubPublisher(self._service("PubSub", self._addresses.pubsub), topic)

    def _service(self, name: str, url: str) -> Service:
        return Service(self._cloud, name, url, SCOPE, ATTEMPT_S)


def _decode(service: str, operation: str, response: Response) -> ServiceError:
    from serverless_ai_runtime.adapters.gcp.errors import decode  # what went well never loads it

    return decode(service, operation, response)
