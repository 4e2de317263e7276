"""The AWS adapters of one function: one client, whose connections live as long as the process."""

from __future__ import annotations

from collections.abc import Mapping

from serverless_ai_runtime import config
from serverless_ai_runtime.adapters.aws.service import Aws, Service, host
from serverless_ai_runtime.core.ports import ChatModel, KeyValueStore, Publisher, World
from serverless_ai_runtime.http import HttpClient

ATTEMPT_S = 3.0
"""Patience with one attempt at a store or a queue: they answer in milliseconds. A model gets all there is."""


class AwsAdapters:
    """Makes adapters from plain settings; raises `ConfigError` where Lambda's own variables are missing."""

    def __init__(self, world: World, env: Mapping[str, str] | None = None) -> None:
        self._env, self._region = env, config.aws(env).region
        self._aws = Aws(HttpClient(world), world, lambda: config.aws(env))

    def chat_model(self, settings: config.FunctionLlmConfig) -> ChatModel:
        from serverless_ai_runtime.adapters.aws.bedrock import BedrockChat

        service = self._service("Bedrock", "bedrock-runtime", signing_name="bedrock")
        return BedrockChat(service, settings.model, settings.guardrail_id, settings.guardrail_version)

    def store(self, name: str) -> KeyValueStore:
        from serverless_ai_runtime.adapters.aws.dynamodb import DynamoDbStore

        return DynamoDbStore(self._service("DynamoDB", "dynamodb", attempt_s=ATTEMPT_S), name)

    def publisher(self, destination: str) -> Publisher:
        from serverless_ai_runtime.adapters.aws.sqs import SqsPublisher

        return SqsPublisher(self._service("SQS", "sqs", attempt_s=ATTEMPT_S), destination)

    def _service(
        self, name: str, endpoint: str, *, signing_name: str = "", attempt_s: float = 0.0
    ) -> Service:
        url = config.aws_endpoint(endpoint, host(endpoint, self._region), self._env)
        return Service(self._aws, name, url, signing_name or endpoint, attempt_s)
