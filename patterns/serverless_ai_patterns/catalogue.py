"""The catalogue: every pattern by its slug, the one name it has in every room."""

from __future__ import annotations

from dataclasses import dataclass

from serverless_ai_patterns.event_pipeline import EventPipelineSettings
from serverless_ai_patterns.function_llm import FunctionLlmSettings
from serverless_ai_patterns.rag import RagSettings


@dataclass(frozen=True, kw_only=True, slots=True)
class Pattern:
    """One pattern. `slug` names its modules and stacks, `class_name` its construct and component."""

    slug: str
    title: str
    summary: str
    settings: type[FunctionLlmSettings] | type[EventPipelineSettings] | type[RagSettings]
    clouds: tuple[str, ...]
    """Where it can be deployed to."""

    @property
    def class_name(self) -> str:
        """The slug in the form of a class: `function_llm` -> `FunctionLlm`."""
        return "".join(word.capitalize() for word in self.slug.split("_"))


CATALOGUE = (
    Pattern(
        slug="function_llm",
        title="Function + LLM",
        summary="An authenticated endpoint, schedules and events, answered by a language model",
        settings=FunctionLlmSettings,
        clouds=("aws", "azure", "gcp"),
    ),
    Pattern(
        slug="event_pipeline",
        title="Event pipeline",
        summary="Files and messages in, one result each out by a model or an AI service, nothing lost",
        settings=EventPipelineSettings,
        clouds=("aws", "azure", "gcp"),
    ),
    Pattern(
        slug="rag",
        title="Serverless RAG",
        summary="Documents in a bucket, answers with citations out of an endpoint",
        settings=RagSettings,
        clouds=("aws", "azure", "gcp"),
    ),
)


def find(slug: str) -> Pattern:
    """The pattern of this slug. Raises ValueError that lists the slugs there are."""
    for pattern in CATALOGUE:
        if pattern.slug == slug:
            return pattern
    slugs = ", ".join(pattern.slug for pattern in CATALOGUE)
    raise ValueError(f"pattern must be one of {slugs}; got {slug!r}")
