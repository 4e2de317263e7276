"""The Azure adapters of one app: one client and its tokens, which live as long as the process."""

from __future__ import annotations

from collections.abc import Mapping

from serverless_ai_runtime import config
from serverless_ai_runtime.adapters.azure.identity import Tokens
from serverless_ai_runtime.adapters.azure.service import azure
from serverless_ai_runtime.adapters.service import Service
from serverless_ai_runtime.core.ports import ChatModel, KeyValueStore, Publisher, World
from serverless_ai_runtime.http import HttpClient

ATTEMPT_S = 3.0
"""Patience with one attempt at a store or a queue: they answer in milliseconds. A model gets all there is."""


class AzureAdapters:
    """Makes adapters from plain settings; raises `ConfigError` naming the variable that is wrong."""

    def __init__(self, world: World, env: Mapping[str, str] | None = None) -> None:
        config.azure(env)
        http = HttpClient(world)
        self._azure = azure(http, world, Tokens(http, world, lambda: config.azure(env)))

    def chat_model(self, settings: config.ModelSettings) -> ChatModel:
        from serverless_ai_runtime.adapters.azure.foundry import RESOURCE, FoundryChat

        url = config.service_url("model_endpoint", settings.model_endpoint)
        return FoundryChat(Service(self._azure, "Foundry", url, RESOURCE), settings.model)

    def store(self, name: str) -> KeyValueStore:
        from serverless_ai_runtime.adapters.azure.cosmos import RESOURCE, CosmosStore, authorization

        url = config.service_url("store", name)
        return CosmosStore(Service(self._azure, "CosmosDB", url, RESOURCE, ATTEMPT_S, authorization))

    def publisher(self, destination: str) -> Publisher:
        from serverless_ai_runtime.adapters.azure.queue import RESOURCE, QueuePublisher

        url = config.service_url("destination", destination)
        return QueuePublisher(Service(self._azure, "QueueStorage", url, RESOURCE, ATTEMPT_S))
