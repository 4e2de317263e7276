"""Embedding models of Bedrock as `Embedder`s: Titan and Cohere, each in its own form, by InvokeModel."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from serverless_ai_runtime.adapters.aws.service import Service
from serverless_ai_runtime.core.ports import Deadline

ACTIONS: Final = ("bedrock:InvokeModel",)
DOCUMENTS, QUESTIONS = "search_document", "search_query"
"""What texts are for, which Cohere's models want to know."""

BATCH_BYTES: Final = 1_000_000
"""Ours: the service has a limit for each text only."""

_OPERATION: Final = "InvokeModel"


class BedrockEmbedder:
    """A model, or an inference profile of one. Raises `ValueError` for a model or a dimension not known."""

    def __init__(self, service: Service, model: str, dimension: int, purpose: str = DOCUMENTS) -> None:
        self._service, self._purpose, self._family = service, purpose, _family(model)
        self.model, self.dimension = model, dimension
        self.batch, self.batch_bytes = self._family.batch, BATCH_BYTES
        if dimension not in self._family.dimensions:
            allowed = ", ".join(map(str, self._family.dimensions))
            raise ValueError(f"vectors of {model} have {allowed} numbers, not {dimension}")

    def embed(self, texts: Sequence[str], deadline: Deadline) -> list[list[float]]:
        path = f"/model/{quote(self.model, safe='')}/invoke"
        vectors: list[list[float]] = []
        for start in range(0, len(texts), self._family.texts):
            some = texts[start : start + self._family.texts]
            asked = self._family.ask(some, self.dimension, self._purpose)
            body = self._service.post_rest(_OPERATION, path, asked, deadline)
            vectors += self._read(body, len(some))
        return vectors

    def _read(self, body: Mapping[str, Any], count: int) -> list[list[float]]:
        try:
            found = [[float(value) for value in vector] for vector in self._family.read(body)]
        except (KeyError, TypeError, ValueError) as error:
            raise self._service.malformed(_OPERATION, f"not an embedding: {error!r}") from None
        if [len(vector) for vector in found] != [self.dimension] * count:
            raise self._service.malformed(_OPERATION, f"not {count} vectors of {self.dimension} numbers")
        return found


class _Family(NamedTuple):
    marks: tuple[str, ...]
    """What their ids have in them, also those of inference profiles."""
    dimensions: tuple[int, ...]
    texts: int
    """Of one call."""
    batch: int
    """Worth embedding before the vectors are stored: who dies in between embeds so many again."""
    ask: Callable[[Sequence[str], int, str], dict[str, Any]]
    read: Callable[[Mapping[str, Any]], Any]


def _ask_titan(texts: Sequence[str], dimension: int, purpose: str) -> dict[str, Any]:
    (text,) = texts
    return {"inputText": text, "dimensions": dimension, "normalize": True}


def _read_titan(body: Mapping[str, Any]) -> Any:
    return [body["embedding"]]


def _ask_cohere(texts: Sequence[str], dimension: int, purpose: str) -> dict[str, Any]:
    return {"texts": list(texts), "input_type": purpose, "embedding_types": ["float"]}


def _ask_cohere_v4(texts: Sequence[str], dimension: int, purpose: str) -> dict[str, Any]:
    return {**_ask_cohere(texts, dimension, purpose), "output_dimension": dimension}


def _read_cohere(body: Mapping[str, Any]) -> Any:
    return body["embeddings"]["float"]


_FAMILIES: Final = (
    _Family(
        marks=("amazon.titan-embed-text-v2",),
        dimensions=(256, 512, 1024),
        texts=1,
        batch=16,
        ask=_ask_titan,
        read=_read_titan,
    ),
    _Family(
        marks=("cohere.embed-english-v3", "cohere.embed-multilingual-v3"),
        dimensions=(1024,),
        texts=96,
        batch=96,
        ask=_ask_cohere,
        read=_read_cohere,
    ),
    _Family(
        marks=("cohere.embed-v4",),
        dimensions=(256, 512, 1024, 1536),
        texts=96,
        batch=96,
        ask=_ask_cohere_v4,
        read=_read_cohere,
    ),
)
"""Forms, dimensions and texts of a call: Bedrock user guide, inference parameters of the models, 2026-11."""


def _family(model: str) -> _Family:
    for family in _FAMILIES:
        if any(mark in model for mark in family.marks):
            return family
    known = ", ".join(mark for family in _FAMILIES for mark in family.marks)
    raise ValueError(f"{model!r} is not an embedding model known here; known are {known}")
