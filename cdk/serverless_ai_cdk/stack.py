"""Stacks that hold one pattern each: what `cdk deploy FunctionLlm` deploys."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeVar

from aws_cdk import CfnOutput, Environment, Stack
from constructs import Construct

from serverless_ai_cdk import event_pipeline, function_llm, rag
from serverless_ai_cdk.event_pipeline import EventPipeline
from serverless_ai_cdk.function_llm import FunctionLlm
from serverless_ai_cdk.outputs import event_pipeline_outputs, outputs, rag_outputs
from serverless_ai_cdk.rag import Rag
from serverless_ai_patterns.catalogue import find
from serverless_ai_patterns.event_pipeline import EventPipelineSettings
from serverless_ai_patterns.function_llm import FunctionLlmSettings
from serverless_ai_patterns.rag import RagSettings
from serverless_ai_patterns.settings import from_mapping

Settings = TypeVar("Settings")


class PatternStack(Stack):
    """What the stacks of all patterns share: a description, and the tag `serverless-ai:pattern`."""

    def __init__(self, scope: Construct, id: str, slug: str, env: Environment | None) -> None:
        pattern = find(slug)
        super().__init__(
            scope,
            id,
            env=env,
            description=f"{pattern.title}: {pattern.summary}",
            tags={"serverless-ai:pattern": slug},
        )

    def export(self, values: Mapping[str, str]) -> None:
        """Make an output of each."""
        for name, value in values.items():
            CfnOutput(self, name, value=value)


class FunctionLlmStack(PatternStack):
    """Function + LLM by itself, with its outputs."""

    def __init__(
        self,
        scope: Construct,
        id: str = "FunctionLlm",
        settings: FunctionLlmSettings = FunctionLlmSettings(),  # noqa: B008 - frozen
        *,
        env: Environment | None = None,
    ) -> None:
        super().__init__(scope, id, function_llm.PATTERN, env)
        self.pattern = FunctionLlm(self, "FunctionLlm", settings)
        self.export(outputs(self.pattern))


class EventPipelineStack(PatternStack):
    """The event pipeline by itself, with its outputs."""

    def __init__(
        self,
        scope: Construct,
        id: str = "EventPipeline",
        settings: EventPipelineSettings = EventPipelineSettings(),  # noqa: B008 - frozen
        *,
        env: Environment | None = None,
    ) -> None:
        super().__init__(scope, id, event_pipeline.PATTERN, env)
        self.pattern = EventPipeline(self, "EventPipeline", settings)
        self.export(event_pipeline_outputs(self.pattern))


class RagStack(PatternStack):
    """Serverless RAG by itself, with its outputs."""

    def __init__(
        self,
        scope: Construct,
        id: str = "Rag",
        settings: RagSettings = RagSettings(),  # noqa: B008 - frozen
        *,
        env: Environment | None = None,
    ) -> None:
        super().__init__(scope, id, rag.PATTERN, env)
        self.pattern = Rag(self, "Rag", settings)
        self.export(rag_outputs(self.pattern))


def settings_from_context(scope: Construct, cls: type[Settings], key: str) -> Settings:
    """Settings of a context key, the pattern's slug: an object in cdk.json, or JSON text after `-c KEY=`.

    Raises ValueError that names the wrong setting, or says that the text is not a JSON object.
    """
    given: Any = scope.node.try_get_context(key)
    if given is None:
        return cls()
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except json.JSONDecodeError as error:
            raise ValueError(f"context {key} must be a JSON object: {error}") from None
    if not isinstance(given, Mapping):
        raise ValueError(f"context {key} must be a JSON object, got {given!r}")
    return from_mapping(cls, given)
