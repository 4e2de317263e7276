"""Embedding models of Vertex AI as `Embedder`s, by `predict`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import hypot, isfinite
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from serverless_ai_runtime.adapters.gcp.vertex import Incomprehensible
from serverless_ai_runtime.adapters.service import Service
from serverless_ai_runtime.core.ports import Deadline

PERMISSIONS: Final = ("aiplatform.endpoints.predict",)
DOCUMENTS, QUESTIONS = "RETRIEVAL_DOCUMENT", "RETRIEVAL_QUERY"
"""What texts are for: the task type of a request."""

_OPERATION: Final = "Predict"


class VertexEmbedder:
    """One of Google's models at `endpoint` (`projects/P/locations/L`).

    Raises `ValueError` for a model or a dimension not known.
    """

    def __init__(
        self, service: Service, endpoint: str, model: str, dimension: int, purpose: str = DOCUMENTS
    ) -> None:
        if model not in _MODELS:
            raise ValueError(
                f"{model!r} is not an embedding model known here; known are {', '.join(_MODELS)}"
            )
        limits = _MODELS[model]
        if not 1 <= dimension <= limits.dimensions:
            raise ValueError(f"vectors of {model} have 1 to {limits.dimensions} numbers, not {dimension}")
        self._service, self._purpose, self._texts = service, purpose, limits.texts
        self._path = f"/v1/{endpoint}/publishers/google/models/{quote(model, safe='')}:predict"
        self.model, self.dimension = model, dimension
        self.batch, self.batch_bytes = limits.batch, BATCH_BYTES

    def embed(self, texts: Sequence[str], deadline: Deadline) -> list[list[float]]:
        vectors: list[list[float]] = []
        for start in range(0, len(texts), self._texts):
            some = texts[start : start + self._texts]
            asked = {
                "instances": [{"content": _unicode(text), "task_type": self._purpose} for text in some],
                # A text that is too long is an error, and not half a text's vector.
                "parameters": {"outputDimensionality": self.dimension, "autoTruncate": False},
            }
            body = self._service.post_json(_OPERATION, self._path, asked, deadline)
            vectors += self._read(body, len(some))
        return vectors

    def _read(self, body: Mapping[str, Any], count: int) -> list[list[float]]:
        try:
            found = [_vector(one["embeddings"]["values"]) for one in body["predictions"]]
        except Incomprehensible as error:
            raise self._service.malformed(_OPERATION, f"not an embedding: {error!r}") from None
        if [len(vector) for vector in found] != [self.dimension] * count:
            raise self._service.malformed(_OPERATION, f"not {count} vectors of {self.dimension} numbers")
        return found


class _Limits(NamedTuple):
    dimensions: int
    """Of a whole vector; it may be cut to any smaller number."""
    texts: int
    """Of one call."""
    batch: int
    """Worth embedding before the vectors are stored: who dies in between embeds so many again."""


BATCH_BYTES: Final = 18_000
"""Of one call, which takes 20 000 tokens in all: a token is a byte or more, and each text has a few more that
stand for no byte."""
_TEXTS: Final = 250
_MODELS: Final[Mapping[str, _Limits]] = {
    "gemini-embedding-001": _Limits(dimensions=3072, texts=1, batch=16),
    "text-embedding-005": _Limits(dimensions=768, texts=_TEXTS, batch=_TEXTS),
    "text-multilingual-embedding-002": _Limits(dimensions=768, texts=_TEXTS, batch=_TEXTS),
}
"""2048 tokens a text. Source of the limits: "Get text embeddings", docs.cloud.google.com, read 2026-11-27."""


def _vector(values: Sequence[Any]) -> list[float]:
    """Of length 1: a whole vector is, but one of gemini-embedding-001 that was cut is not."""
    numbers = [float(value) for value in values]
    length = hypot(*numbers)
    if not isfinite(length):
        raise ValueError("a number that is not finite")
    return [number / length for number in numbers] if length else numbers


def _unicode(text: str) -> str:
    """Half a surrogate pair is no text for Google: a question mark takes its place."""
    return text.encode("utf-8", "replace").decode()
