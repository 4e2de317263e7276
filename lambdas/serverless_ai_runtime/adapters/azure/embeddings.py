"""Foundry's embeddings (v1) as an `Embedder`."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping, Sequence
from struct import unpack
from typing import Any, Final

from serverless_ai_runtime.adapters.service import Service
from serverless_ai_runtime.core.ports import Deadline

DATA_ACTIONS: Final = ("Microsoft.CognitiveServices/accounts/OpenAI/deployments/embeddings/action",)
"""Of the role that chat completions need too (`foundry.ROLE`)."""

BATCH: Final = 2048
BATCH_BYTES: Final = 64_000
"""Of one call. The service takes 2048 texts and 300 000 tokens ("Creates an embedding vector", Foundry API
reference of v1, read 2026-11-27); a token is a byte or more. But it also refuses, and for ever, a call of
more tokens than the deployment may have in a minute: 120 000 here by default.
"""

_OPERATION: Final = "Embeddings"
_PATH: Final = "/embeddings"
_FLOAT_BYTES: Final = 4


class FoundryEmbedder:
    """One deployment of a model that can shorten its vectors (text-embedding-3 and later) to `dimension`.

    `service.url` is the account's v1 URL (`https://.../openai/v1`).
    """

    def __init__(self, service: Service, deployment: str, dimension: int) -> None:
        self._service = service
        self.model, self.dimension = deployment, dimension
        self.batch, self.batch_bytes = BATCH, BATCH_BYTES

    def embed(self, texts: Sequence[str], deadline: Deadline) -> list[list[float]]:
        if not texts:  # the service refuses a call without any
            return []
        # In base64 a vector takes a third of its digits' bytes, and is what the service has computed exactly.
        payload = {
            "model": self.model,
            "input": list(texts),
            "dimensions": self.dimension,
            "encoding_format": "base64",
        }
        body = self._service.post_json(_OPERATION, _PATH, payload, deadline)
        try:
            found = {int(one["index"]): self._vector(one) for one in body["data"]}
            return [found[index] for index in range(len(texts))]
        except (LookupError, TypeError, ValueError) as error:
            raise self._service.malformed(_OPERATION, f"not a vector for each text: {error!r}") from None

    def _vector(self, one: Mapping[str, Any]) -> list[float]:
        data = b64decode(one["embedding"], validate=True)
        if len(data) != self.dimension * _FLOAT_BYTES:
            raise ValueError(f"{len(data)} bytes are not {self.dimension} numbers")
        return list(unpack(f"<{self.dimension}f", data))
