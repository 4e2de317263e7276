"""One jsii kernel for all CDK tests; constructs are synthesized and looked at as plain templates."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

# The kernel's process reads these when it starts. The validator is slow and has a test of its own.
os.environ["CDK_VALIDATION"] = "false"
os.environ["JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION"] = "20"

from aws_cdk import App, Environment, Stack

from serverless_ai_cdk import EventPipeline, FunctionLlm, Rag
from serverless_ai_patterns.event_pipeline import EventPipelineSettings, Sources, Uploads
from serverless_ai_patterns.function_llm import Events, FunctionLlmSettings, Llm
from serverless_ai_patterns.rag import RagSettings

DEFAULT = FunctionLlmSettings()
EVERYTHING = FunctionLlmSettings(
    llm=Llm(guardrail=True),
    events=Events(
        schedule="rate(1 day)",
        bus_filter={"source": ["shop"], "detail-type": ["OrderPlaced"]},
        destination=True,
    ),
)

EVERY_SOURCE = EventPipelineSettings(
    sources=Sources(
        uploads=Uploads(prefix="in/", suffixes=(".pdf", ".txt"), max_mb=20),
        topic={"kind": ["invoice", "receipt"]},
        schedule="rate(1 day)",
        bus_filter={"source": ["shop"], "detail-type": ["OrderPlaced"]},
    )
)


@dataclass(frozen=True, kw_only=True)
class Template:
    """A synthesized stack, its resources found by type and never by hashed id."""

    text: str
    assets: Mapping[str, Any]
    folder: Path

    @property
    def body(self) -> dict[str, Any]:
        return json.loads(self.text)

    def resources(self, kind: str | None = None) -> dict[str, dict[str, Any]]:
        """Resources of type `kind` by their logical id; without a type, all."""
        return {name: r for name, r in self.body["Resources"].items() if kind in (None, r["Type"])}

    def all(self, kind: str) -> list[dict[str, Any]]:
        """Properties of every resource of type `kind`."""
        return [resource.get("Properties", {}) for resource in self.resources(kind).values()]

    def one(self, kind: str) -> dict[str, Any]:
        (found,) = self.all(kind)
        return found

    def id_of(self, kind: str) -> str:
        (name,) = self.resources(kind)
        return name


@dataclass(frozen=True, kw_only=True)
class Made:
    """A pattern in a stack that is not yet synthesized, so that a test can add to it."""

    stack: Stack
    pattern: Any

    def synth(self) -> Template:
        return synth(self.stack)

    def warnings(self) -> list[str]:
        return [str(entry.data) for entry in self.pattern.node.metadata if entry.type == "aws:cdk:warning"]


def synth(stack: Stack) -> Template:
    app = stack.node.root
    assert isinstance(app, App)
    assembly = app.synth(force=True)
    folder = Path(assembly.directory)
    name = stack.stack_name
    return Template(
        text=(folder / f"{name}.template.json").read_text(),
        assets=json.loads((folder / f"{name}.assets.json").read_text()),
        folder=folder,
    )


@pytest.fixture(scope="session")
def new_stack(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Stack]:
    def new(region: str | None = None, context: Mapping[str, Any] | None = None) -> Stack:
        outdir = str(tmp_path_factory.mktemp("cdk.out"))
        app = App(outdir=outdir, analytics_reporting=False, context=context)
        env = Environment(account="123456789012", region=region) if region else None
        return Stack(app, "Test", env=env)

    return new


@pytest.fixture(scope="session")
def make(new_stack: Callable[..., Stack]) -> Callable[..., Made]:
    """FunctionLlm in a new app, or in `stack`; in an agnostic environment unless there is a `region`."""

    def new(
        settings: FunctionLlmSettings = DEFAULT,
        *,
        name: str = "Chat",
        stack: Stack | None = None,
        region: str | None = None,
        **given: Any,
    ) -> Made:
        stack = stack or new_stack(region)
        return Made(stack=stack, pattern=FunctionLlm(stack, name, settings, **given))

    return new


@pytest.fixture(scope="session")
def make_pipeline(new_stack: Callable[..., Stack]) -> Callable[..., Made]:
    """EventPipeline, as `make` makes a FunctionLlm."""

    def new(
        settings: EventPipelineSettings = EventPipelineSettings(),  # noqa: B008 - frozen
        *,
        name: str = "Papers",
        stack: Stack | None = None,
        region: str | None = None,
        **given: Any,
    ) -> Made:
        stack = stack or new_stack(region)
        return Made(stack=stack, pattern=EventPipeline(stack, name, settings, **given))

    return new


@pytest.fixture(scope="session")
def make_rag(new_stack: Callable[..., Stack]) -> Callable[..., Made]:
    """Rag, as `make` makes a FunctionLlm."""

    def new(
        settings: RagSettings = RagSettings(),  # noqa: B008 - frozen
        *,
        name: str = "Docs",
        stack: Stack | None = None,
        region: str | None = None,
        **given: Any,
    ) -> Made:
        stack = stack or new_stack(region)
        return Made(stack=stack, pattern=Rag(stack, name, settings, **given))

    return new


@pytest.fixture(scope="session")
def every_source() -> EventPipelineSettings:
    return EVERY_SOURCE


@pytest.fixture(scope="session")
def default(make: Callable[..., Made]) -> Template:
    return make().synth()


@pytest.fixture(scope="session")
def everything_settings() -> FunctionLlmSettings:
    return EVERYTHING


@pytest.fixture(scope="session")
def everything(make: Callable[..., Made]) -> Template:
    return make(EVERYTHING).synth()
