"""Embeddings of the local Vertex AI: hashed words in the form and within the limits of Google's models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from serverless_ai_local.gcp.errors import invalid, not_offered
from serverless_ai_local.models import tokens
from serverless_ai_local.models.service import ModelService
from serverless_ai_local.plain import is_list, is_mapping

METHOD: Final = "predict"
MOST_TEXTS: Final = 250
MOST_TOKENS: Final = 2048
"""Of one text."""
MOST_TOKENS_IN_ALL: Final = 20_000
"""Limits: "Get text embeddings", docs.cloud.google.com, read 2026-11-27."""
_TASKS: Final = (
    "RETRIEVAL_QUERY", "RETRIEVAL_DOCUMENT", "SEMANTIC_SIMILARITY", "CLASSIFICATION", "CLUSTERING",
    "QUESTION_ANSWERING", "FACT_VERIFICATION", "CODE_RETRIEVAL_QUERY",
)  # fmt: skip


class _Model(NamedTuple):
    dimensions: int
    texts: int = MOST_TEXTS
    unit: bool = True
    """Whether a vector that was cut has length 1."""


_MODELS: Final[Mapping[str, _Model]] = {
    "gemini-embedding-001": _Model(3072, texts=1, unit=False),
    "text-embedding-005": _Model(768),
    "text-multilingual-embedding-002": _Model(768),
}
_CUT: Final = 0.5
"""Length that a cut vector of the first has here, so that whoever relies on its length is seen."""


def offered(model: str) -> bool:
    """Whether the model makes embeddings."""
    return model in _MODELS


def answer(body: Mapping[str, Any], model: str, models: ModelService) -> dict[str, Any]:
    """Raises `RpcError` for what Vertex does not take."""
    _only(body, ("instances", "parameters"))
    limits, parameters = _MODELS[model], body.get("parameters", {})
    if not is_mapping(parameters):
        raise invalid("parameters must be an object")
    _only(parameters, ("outputDimensionality", "autoTruncate"))
    dimensions = parameters.get("outputDimensionality", limits.dimensions)
    if not isinstance(dimensions, int) or not 1 <= dimensions <= limits.dimensions:
        raise invalid(f"outputDimensionality must be in the range of [1, {limits.dimensions}].")
    texts = _texts(body.get("instances"), limits)
    if sum(map(tokens.count, texts)) > MOST_TOKENS_IN_ALL:
        raise invalid(f"The request has more than {MOST_TOKENS_IN_ALL} input tokens.")
    cut = parameters.get("autoTruncate", True)
    statistics = [_statistics(text, cut=cut is not False) for text in texts]
    length = _CUT if dimensions < limits.dimensions and not limits.unit else 1.0
    predictions = [
        {"embeddings": {"values": [value * length for value in vector], "statistics": about}}
        for vector, about in zip(models.embed(model, texts, dimensions), statistics, strict=True)
    ]
    return {"predictions": predictions, "metadata": {"billableCharacterCount": sum(map(len, texts))}}


def _texts(instances: Any, limits: _Model) -> list[str]:
    if not is_list(instances) or not 1 <= len(instances) <= limits.texts:
        raise invalid(f"{limits.texts} instance(s) is allowed per prediction. Actual: {_count(instances)}")
    for one in instances:
        if not is_mapping(one) or not isinstance(one.get("content"), str) or not one["content"]:
            raise invalid("The text content is empty.")
        _only(one, ("content", "task_type", "title"))
        if one.get("task_type", _TASKS[0]) not in _TASKS:
            raise invalid(f"task_type must be one of {', '.join(_TASKS)}, got {one['task_type']!r}")
        if one["content"].encode("utf-8", "ignore").decode() != one["content"]:
            raise invalid("Invalid JSON payload received. The text is not UTF-8.")
    return [one["content"] for one in instances]


def _count(instances: Any) -> int:
    return len(instances) if is_list(instances) else 0


def _statistics(text: str, *, cut: bool) -> dict[str, Any]:
    """Of one text. Raises `RpcError` for one that is too long, where it may not be `cut`."""
    count = tokens.count(text)
    if count > MOST_TOKENS and not cut:
        raise invalid(
            f"Unable to submit request because the input token count is {count} but the model supports up to "
            f"{MOST_TOKENS}."
        )
    return {"token_count": min(count, MOST_TOKENS), "truncated": count > MOST_TOKENS}


def _only(given: Mapping[str, Any], known: tuple[str, ...]) -> None:
    for name in given:
        if name not in known:
            raise not_offered(f"{name} here; there is {', '.join(known)}")
