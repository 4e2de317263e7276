"""A stack that holds one pattern: what `cdk deploy FunctionLlm` deploys."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeVar

from aws_cdk import CfnOutput, Environment, Stack
from constructs import Construct

from serverless_ai_cdk.function_llm import PATTERN, FunctionLlm
from serverless_ai_cdk.outputs import outputs
from serverless_ai_patterns.catalogue import find
from serverless_ai_patterns.function_llm import FunctionLlmSettings
from serverless_ai_patterns.settings import from_mapping

Settings = TypeVar("Settings")


class FunctionLlmStack(Stack):
    """Function + LLM by itself, with its outputs. The stack is tagged `serverless-ai:pattern`."""

    def __init__(
        self,
        scope: Construct,
        id: str = "FunctionLlm",
        settings: FunctionLlmSettings = FunctionLlmSettings(),  # noqa: B008 - frozen
        *,
        env: Environment | None = None,
    ) -> None:
        pattern = find(PATTERN)
        super().__init__(
            scope,
            id,
            env=env,
            description=f"{pattern.title}: {pattern.summary}",
            tags={"serverless-ai:pattern": pattern.slug},
        )
        self.pattern = FunctionLlm(self, pattern.class_name, settings)
        for name, value in outputs(self.pattern).items():
            CfnOutput(self, name, value=value)


def settings_from_context(scope: Construct, cls: type[Settings]) -> Settings:
    """Settings of the context key `settings`: an object in cdk.json, or JSON text after `-c settings=`.

    Raises ValueError that names the wrong setting, or says that the text is not a JSON object.
    """
    given: Any = scope.node.try_get_context("settings")
    if given is None:
        return cls()
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except json.JSONDecodeError as error:
            raise ValueError(f"context settings must be a JSON object: {error}") from None
    if not isinstance(given, Mapping):
        raise ValueError(f"context settings must be a JSON object, got {given!r}")
    return from_mapping(cls, given)
