"""Embeddings of the local Foundry: hashed words in the form and within the limits of OpenAI's models."""

from __future__ import annotations

import struct
from base64 import b64encode
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from serverless_ai_local.azure.calls import ServiceFault
from serverless_ai_local.models import tokens
from serverless_ai_local.models.service import ModelService
from serverless_ai_local.plain import is_list

FIELDS: Final = frozenset(("dimensions", "encoding_format", "input", "model", "user"))
MOST_INPUTS: Final = 2048
MOST_TOKENS: Final = 8192
"""Of one input."""
MOST_TOKENS_IN_ALL: Final = 300_000
"""Limits: "Creates an embedding vector", Foundry v1 API reference, read 2026-11-27."""


class _Model(NamedTuple):
    dimensions: int
    shortened: bool
    """Whether fewer dimensions can be asked for."""


_MODELS: Final[Mapping[str, _Model]] = {
    "text-embedding-3-small": _Model(1536, shortened=True),
    "text-embedding-3-large": _Model(3072, shortened=True),
    "text-embedding-ada-002": _Model(1536, shortened=False),
}


def offered(model: Mapping[str, Any]) -> bool:
    """Whether the model of a deployment makes embeddings."""
    return model.get("name") in _MODELS


def answer(body: Mapping[str, Any], model: Mapping[str, Any], models: ModelService) -> dict[str, Any]:
    """Raises `ServiceFault` for what the service does not take."""
    name = str(model["name"])
    texts, dimensions = _texts(body), _dimensions(body, name)
    count = sum(map(tokens.count, texts))
    if count > MOST_TOKENS_IN_ALL:
        raise _bad(
            f"Requested {count} tokens, max {MOST_TOKENS_IN_ALL} tokens per request", "max_tokens_per_request"
        )
    encoding = body.get("encoding_format", "float")
    if encoding not in ("float", "base64"):
        raise _bad(f"encoding_format must be float or base64, got {encoding!r}")
    vectors = models.embed(name, texts, dimensions)
    data = [
        {"object": "embedding", "index": index, "embedding": _encoded(vector, encoding)}
        for index, vector in enumerate(vectors)
    ]
    usage = {"prompt_tokens": count, "total_tokens": count}
    return {"object": "list", "data": data, "model": name, "usage": usage}


def _texts(body: Mapping[str, Any]) -> list[str]:
    given = body.get("input")
    listed: list[Any] = given if is_list(given) else [given]
    texts = [one for one in listed if isinstance(one, str)]
    if not listed or len(texts) != len(listed):
        raise _bad("'$.input' is invalid: the local Foundry takes a text, or a list of at least one")
    if len(texts) > MOST_INPUTS:
        raise _bad(f"'$.input' is invalid: an array has at most {MOST_INPUTS} inputs, got {len(texts)}")
    for text in texts:
        count = tokens.count(text)
        if not text:
            raise _bad("'$.input' is invalid: an input cannot be an empty string")
        if count > MOST_TOKENS:
            raise _bad(
                f"This model's maximum context length is {MOST_TOKENS} tokens, however you requested {count} "
                "tokens. Please reduce your prompt."
            )
    return texts


def _dimensions(body: Mapping[str, Any], name: str) -> int:
    model, wanted = _MODELS[name], body.get("dimensions")
    if wanted is None:
        return model.dimensions
    if not model.shortened:
        raise _bad(f"This model does not support specifying dimensions: {name}")
    if not isinstance(wanted, int) or isinstance(wanted, bool) or not 1 <= wanted <= model.dimensions:
        raise _bad(f"dimensions of {name} must be 1..{model.dimensions}, got {wanted!r}")
    return wanted


def _encoded(vector: list[float], encoding: str) -> list[float] | str:
    if encoding == "float":
        return vector
    return b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def _bad(message: str, code: str = "invalid_request_error") -> ServiceFault:
    return ServiceFault(400, code, message)
