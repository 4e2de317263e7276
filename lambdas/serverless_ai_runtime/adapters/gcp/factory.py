"""The Google Cloud adapters of one function: one client and its tokens, which live as long as the process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from serverless_ai_runtime import config
from serverless_ai_runtime.adapters.gcp.identity import SCOPE, metadata_email, metadata_tokens
from serverless_ai_runtime.adapters.service import Cloud, Service
from serverless_ai_runtime.core.ports import ChatModel, Publisher, ServiceError, World
from serverless_ai_runtime.http import HttpClient, Response

if TYPE_CHECKING:
    from serverless_ai_runtime.adapters.gcp.firestore import FirestoreStore
    from serverless_ai_runtime.adapters.gcp.pubsub import PubSubPublisher
    from serverless_ai_runtime.adapters.gcp.storage import StorageObjects
    from serverless_ai_runtime.adapters.gcp.topics import WaitingMessages
    from serverless_ai_runtime.adapters.gcp.vector_search_classic import ClassicPlace
    from serverless_ai_runtime.config_event_pipeline import EventPipelineConfig
    from serverless_ai_runtime.core.event_pipeline.ports import AiService, DeadLetters, Later

ATTEMPT_S = 3.0
"""Patience with one attempt at a store or a topic: they answer in milliseconds. A model gets all there is."""


class GcpAdapters:
    """Makes adapters from plain settings; raises `ConfigError` naming the variable that is wrong."""

    def __init__(self, world: World, env: Mapping[str, str] | None = None) -> None:
        self._addresses = config.gcp(env)
        http = HttpClient(world)
        self.tokens = metadata_tokens(http, world, self._addresses.metadata)
        self.email = metadata_email(http, self._addresses.metadata)
        """Asks which account the function runs as."""
        self._cloud = Cloud(http, world, self.tokens, _decode)

    def chat_model(self, settings: config.ModelSettings) -> ChatModel:
        from serverless_ai_runtime.adapters.gcp.vertex import VertexChat

        service, endpoint = self.vertex(settings.model_endpoint)
        return VertexChat(service, endpoint, settings.model, settings.guardrail_id)

    def store(self, name: str) -> FirestoreStore:
        from serverless_ai_runtime.adapters.gcp.firestore import FirestoreStore

        collection = config.gcp_name("store", name, "projects", "databases", "documents")
        return FirestoreStore(self.firestore(), collection)

    def firestore(self) -> Service:
        """Firestore, or its emulator."""
        return self._service("Firestore", self._addresses.firestore)

    def vector_search(self) -> Service:
        """Vector Search 2.0."""
        return self._service("VectorSearch", self._addresses.vector_search)

    def vector_search_classic(self, place: ClassicPlace) -> tuple[Service, Service]:
        """Vector Search 1.0: what takes changes and what is asked."""
        from serverless_ai_runtime.adapters.gcp.vector_search_classic import classic_services

        return classic_services(self._cloud, place, self._addresses.vertex)

    def vertex(self, endpoint: str) -> tuple[Service, str]:
        """Vertex AI for `endpoint` (projects/P/locations/L), and the endpoint once it is checked."""
        from serverless_ai_runtime.adapters.gcp.vertex import vertex_service

        checked = config.gcp_name("model_endpoint", endpoint, "projects", "locations")
        return vertex_service(self._cloud, checked, self._addresses.vertex), checked

    def publisher(self, destination: str) -> Publisher:
        from serverless_ai_runtime.adapters.gcp.pubsub import PubSubPublisher

        topic = config.gcp_name("destination", destination, "projects", "topics")
        return PubSubPublisher(self._service("PubSub", self._addresses.pubsub), topic)

    def objects(self, settings: config.WorkPlaces) -> StorageObjects:
        from serverless_ai_runtime.adapters.gcp.storage import StorageObjects

        del settings  # buckets have names of their own everywhere
        return StorageObjects(Service(self._cloud, "CloudStorage", self._addresses.storage, SCOPE))

    def ai_service(self, settings: EventPipelineConfig) -> AiService:
        from serverless_ai_runtime.adapters.gcp.ai import make

        return make(settings, self._ai, self.objects(settings))

    def announcements(self, settings: EventPipelineConfig) -> Publisher:
        from serverless_ai_runtime.adapters.gcp.pubsub import PubSubPublisher

        return PubSubPublisher(*self._topic("announcements", settings.announcements))

    def dead_letters(self, settings: config.WorkPlaces) -> DeadLetters:
        from serverless_ai_runtime.adapters.gcp.topics import TopicDeadLetters

        return TopicDeadLetters(*self._topic("dead_letters", settings.dead_letters))

    def later(self, settings: config.WorkPlaces) -> Later:
        from serverless_ai_runtime.adapters.gcp.looks import Looks

        return Looks(self.work(settings), self._cloud.world)

    def work(self, settings: config.WorkPlaces) -> PubSubPublisher:
        """The pipeline's own topic."""
        from serverless_ai_runtime.adapters.gcp.pubsub import PubSubPublisher

        return PubSubPublisher(*self._topic("queue", settings.queue))

    def waiting(self, subscription: str) -> WaitingMessages:
        """The messages of that topic, to be pulled."""
        from serverless_ai_runtime.adapters.gcp.topics import WaitingMessages

        name = config.gcp_name("waiting", subscription, "projects", "subscriptions")
        return WaitingMessages(self._service("PubSub", self._addresses.pubsub), name)

    def _ai(self, name: str, host: str) -> Service:
        return Service(self._cloud, name, self._addresses.ai or f"https://{host}", SCOPE)

    def _topic(self, field: str, name: str) -> tuple[Service, str]:
        topic = config.gcp_name(field, name, "projects", "topics")
        return self._service("PubSub", self._addresses.pubsub), topic

    def _service(self, name: str, url: str) -> Service:
        return Service(self._cloud, name, url, SCOPE, ATTEMPT_S)


def _decode(service: str, operation: str, response: Response) -> ServiceError:
    from serverless_ai_runtime.adapters.gcp.errors import decode  # what went well never loads it

    return decode(service, operation, response)
