"""The Azure adapters of one app: one client and its tokens, which live as long as the process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from serverless_ai_runtime import config
from serverless_ai_runtime.adapters.azure.identity import Tokens
from serverless_ai_runtime.adapters.azure.service import azure
from serverless_ai_runtime.adapters.service import Service
from serverless_ai_runtime.core.ports import ChatModel, KeyValueStore, Publisher, World
from serverless_ai_runtime.http import HttpClient

if TYPE_CHECKING:
    from serverless_ai_runtime.adapters.azure.queue import StorageQueue
    from serverless_ai_runtime.config_event_pipeline import EventPipelineConfig
    from serverless_ai_runtime.core.event_pipeline.ports import AiService, DeadLetters
    from serverless_ai_runtime.core.objects import ListableStore

ATTEMPT_S = 3.0
"""Patience with one attempt at a store or a queue: they answer in milliseconds. A model gets all there is."""


class AzureAdapters:
    """Makes adapters from plain settings; raises `ConfigError` naming the variable that is wrong."""

    def __init__(self, world: World, env: Mapping[str, str] | None = None) -> None:
        config.azure(env)
        http = HttpClient(world)
        self._azure = azure(http, world, Tokens(http, world, lambda: config.azure(env)))

    def chat_model(self, settings: config.ModelSettings) -> ChatModel:
        from serverless_ai_runtime.adapters.azure.foundry import FoundryChat

        return FoundryChat(self.foundry("model_endpoint", settings.model_endpoint), settings.model)

    def store(self, name: str) -> KeyValueStore:
        from serverless_ai_runtime.adapters.azure.cosmos import CosmosStore

        return CosmosStore(self.cosmos("store", name))

    def publisher(self, destination: str) -> Publisher:
        from serverless_ai_runtime.adapters.azure.queue import QueuePublisher

        return QueuePublisher(self._queue("destination", destination))

    def objects(self, settings: config.WorkPlaces) -> ListableStore:
        from serverless_ai_runtime.adapters.azure.blobs import RESOURCE, BlobObjects

        url = config.service_url("objects", settings.objects)
        return BlobObjects(Service(self._azure, "BlobStorage", url, RESOURCE))

    def ai_service(self, settings: EventPipelineConfig) -> AiService:
        from serverless_ai_runtime.adapters.azure.ai import RESOURCE, make

        url = config.service_url("ai_endpoint", settings.ai_endpoint)
        return make(settings, Service(self._azure, "AiServices", url, RESOURCE))

    def announcements(self, settings: EventPipelineConfig) -> Publisher:
        from serverless_ai_runtime.adapters.azure.topics import RESOURCE, TopicPublisher

        url = config.service_url("announcements", settings.announcements)
        service = Service(self._azure, "EventGrid", url, RESOURCE, ATTEMPT_S)
        return TopicPublisher(service, settings.objects)

    def dead_letters(self, settings: config.WorkPlaces) -> DeadLetters:
        from serverless_ai_runtime.adapters.azure.queue import QueueDeadLetters

        return QueueDeadLetters(self._queue("dead_letters", settings.dead_letters))

    def later(self, settings: config.WorkPlaces) -> StorageQueue:
        from serverless_ai_runtime.adapters.azure.queue import StorageQueue

        return StorageQueue(self._queue("queue", settings.queue))

    def foundry(self, field: str, url: str) -> Service:
        """An account's v1 API; `field`: of the configuration that names its URL."""
        from serverless_ai_runtime.adapters.azure.foundry import RESOURCE

        return Service(self._azure, "Foundry", config.service_url(field, url), RESOURCE)

    def cosmos(self, field: str, url: str) -> Service:
        """A container of Cosmos DB."""
        from serverless_ai_runtime.adapters.azure.cosmos import RESOURCE, authorization

        checked = config.service_url(field, url)
        return Service(self._azure, "CosmosDB", checked, RESOURCE, ATTEMPT_S, authorization)

    def ai_search(self, field: str, url: str) -> Service:
        """A search service of AI Search."""
        from serverless_ai_runtime.adapters.azure.ai_search import RESOURCE

        return Service(self._azure, "AiSearch", config.service_url(field, url), RESOURCE)

    def _queue(self, field: str, url: str) -> Service:
        from serverless_ai_runtime.adapters.azure.queue import RESOURCE

        return Service(self._azure, "QueueStorage", config.service_url(field, url), RESOURCE, ATTEMPT_S)
