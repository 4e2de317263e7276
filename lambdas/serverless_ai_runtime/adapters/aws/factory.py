"""The AWS adapters of one function: one client, whose connections live as long as the process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from serverless_ai_runtime import config
from serverless_ai_runtime.adapters.aws.service import Aws, Service, host
from serverless_ai_runtime.core.ports import ChatModel, Publisher, World
from serverless_ai_runtime.http import HttpClient

if TYPE_CHECKING:
    from serverless_ai_runtime.adapters.aws.dynamodb import DynamoDbStore
    from serverless_ai_runtime.adapters.aws.s3 import S3Objects
    from serverless_ai_runtime.adapters.aws.sqs import SqsQueue
    from serverless_ai_runtime.config_event_pipeline import EventPipelineConfig
    from serverless_ai_runtime.core.event_pipeline.ports import AiService, DeadLetters

ATTEMPT_S = 3.0
"""Patience with one attempt at a store or a queue: they answer in milliseconds. A model gets all there is."""


class AwsAdapters:
    """Makes adapters from plain settings; raises `ConfigError` where Lambda's own variables are missing."""

    def __init__(self, world: World, env: Mapping[str, str] | None = None) -> None:
        self._env, self._region = env, config.aws(env).region
        self._aws = Aws(HttpClient(world), world, lambda: config.aws(env))

    def chat_model(self, settings: config.ModelSettings) -> ChatModel:
        from serverless_ai_runtime.adapters.aws.bedrock import BedrockChat

        service = self.service("Bedrock", "bedrock-runtime", signing_name="bedrock")
        return BedrockChat(service, settings.model, settings.guardrail_id, settings.guardrail_version)

    def store(self, name: str) -> DynamoDbStore:
        from serverless_ai_runtime.adapters.aws.dynamodb import DynamoDbStore

        return DynamoDbStore(self.service("DynamoDB", "dynamodb", attempt_s=ATTEMPT_S), name)

    def publisher(self, destination: str) -> Publisher:
        from serverless_ai_runtime.adapters.aws.sqs import SqsPublisher

        return SqsPublisher(self.service("SQS", "sqs", attempt_s=ATTEMPT_S), destination)

    def objects(self, settings: config.WorkPlaces) -> S3Objects:
        from serverless_ai_runtime.adapters.aws.s3 import S3Endpoint, S3Objects

        public = host("s3", self._region)
        base = config.aws_endpoint("s3", public, self._env)
        return S3Objects(self._aws, S3Endpoint(public, "" if base == f"https://{public}" else base))

    def ai_service(self, settings: EventPipelineConfig) -> AiService:
        from serverless_ai_runtime.adapters.aws.ai import make

        def service(name: str, endpoint: str, signing_name: str) -> Service:
            return self.service(name, endpoint, signing_name=signing_name)

        return make(settings, service, self.objects(settings))

    def announcements(self, settings: EventPipelineConfig) -> Publisher:
        from serverless_ai_runtime.adapters.aws.events import BusPublisher

        service = self.service("EventBridge", "events", attempt_s=ATTEMPT_S)
        return BusPublisher(service, settings.announcements)

    def dead_letters(self, settings: config.WorkPlaces) -> DeadLetters:
        from serverless_ai_runtime.adapters.aws.sqs import SqsDeadLetters

        return SqsDeadLetters(self.service("SQS", "sqs", attempt_s=ATTEMPT_S), settings.dead_letters)

    def later(self, settings: config.WorkPlaces) -> SqsQueue:
        from serverless_ai_runtime.adapters.aws.sqs import SqsQueue

        return SqsQueue(self.service("SQS", "sqs", attempt_s=ATTEMPT_S), settings.queue)

    def collection(self, url: str, signing_name: str) -> Service:
        """A service that has a URL for each of its resources."""
        return Service(self._aws, "OpenSearch", url, signing_name)

    def service(self, name: str, endpoint: str, *, signing_name: str = "", attempt_s: float = 0.0) -> Service:
        """The service at `endpoint`, or where the environment moves it."""
        url = config.aws_endpoint(endpoint, host(endpoint, self._region), self._env)
        return Service(self._aws, name, url, signing_name or endpoint, attempt_s)
