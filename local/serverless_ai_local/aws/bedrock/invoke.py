"""InvokeModel's bodies, which every family of models has its own form of: embeddings, Nova and Anthropic."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from serverless_ai_local.aws.api import ApiError
from serverless_ai_local.aws.bedrock.chats import STOPS, ask, chat_request, usage
from serverless_ai_local.models import tokens
from serverless_ai_local.models.service import ModelService
from serverless_ai_local.plain import is_list

Body = Mapping[str, Any]
Family = Callable[[str, Body, ModelService], dict[str, Any]]
TITAN_V1_DIMENSIONS: Final = 1536
TITAN_V2_DIMENSIONS: Final = (1024, 512, 256)
COHERE_DIMENSIONS: Final = 1024
COHERE_V4_DIMENSIONS: Final = (1536, 1024, 512, 256)
COHERE_TEXTS: Final = 96
"""Most texts of one call (Cohere Embed parameters, Bedrock user guide, 2026-11)."""


def answer(base_id: str, model_id: str, body: Body, models: ModelService) -> dict[str, Any]:
    """The response body. Raises `ApiError` naming the model if its form is not offered here."""
    for prefix, family in _FAMILIES:
        if base_id.startswith(prefix):
            return family(model_id, body, models)
    raise ApiError("ValidationException", f"the local InvokeModel does not offer {base_id}; use Converse")


def _titan_v1(model_id: str, body: Body, models: ModelService) -> dict[str, Any]:
    _only(body, "inputText")
    text = _text(body, "inputText")
    (vector,) = models.embed(model_id, [text], TITAN_V1_DIMENSIONS)
    return {"embedding": vector, "inputTextTokenCount": tokens.count(text)}


def _titan_v2(model_id: str, body: Body, models: ModelService) -> dict[str, Any]:
    _only(body, "inputText", "dimensions", "normalize", "embeddingTypes")
    text, dimensions = _text(body, "inputText"), body.get("dimensions", TITAN_V2_DIMENSIONS[0])
    if dimensions not in TITAN_V2_DIMENSIONS:
        raise ApiError(
            "ValidationException", f"dimensions must be one of {TITAN_V2_DIMENSIONS}, got {dimensions!r}"
        )
    if body.get("embeddingTypes", ["float"]) != ["float"]:
        raise ApiError("ValidationException", "the local embeddings are of the type float only")
    (vector,) = models.embed(model_id, [text], dimensions)
    count = tokens.count(text)
    return {"embedding": vector, "embeddingsByType": {"float": vector}, "inputTextTokenCount": count}


def _cohere_v4(model_id: str, body: Body, models: ModelService) -> dict[str, Any]:
    _only(body, "texts", "input_type", "truncate", "embedding_types", "output_dimension")
    dimensions = body.get("output_dimension", COHERE_V4_DIMENSIONS[0])
    if dimensions not in COHERE_V4_DIMENSIONS:
        raise ApiError(
            "ValidationException",
            f"output_dimension must be one of {COHERE_V4_DIMENSIONS}, got {dimensions!r}",
        )
    return _embedded(model_id, body, dimensions, models)


def _cohere(model_id: str, body: Body, models: ModelService) -> dict[str, Any]:
    _only(body, "texts", "input_type", "truncate", "embedding_types")
    return _embedded(model_id, body, COHERE_DIMENSIONS, models)


def _embedded(model_id: str, body: Body, dimensions: int, models: ModelService) -> dict[str, Any]:
    texts = body.get("texts")
    if not is_list(texts) or not 1 <= len(texts) <= COHERE_TEXTS:
        raise ApiError("ValidationException", f"texts must be a list of 1..{COHERE_TEXTS} texts")
    if not body.get("input_type"):
        raise ApiError("ValidationException", "input_type is required")
    vectors = models.embed(model_id, [str(one) for one in texts], dimensions)
    kinds = body.get("embedding_types")
    if kinds not in (None, ["float"]):
        raise ApiError("ValidationException", "the local embeddings are of the type float only")
    by_type = {"embeddings": {"float": vectors}, "response_type": "embeddings_by_type"}
    return {
        "id": "local",
        "texts": texts,
        **(by_type if kinds else {"embeddings": vectors, "response_type": "embeddings_floats"}),
    }


def _nova(model_id: str, body: Body, models: ModelService) -> dict[str, Any]:
    _only(body, "schemaVersion", "messages", "system", "inferenceConfig")
    config = dict(body.get("inferenceConfig") or {})
    if "max_new_tokens" in config:
        config["maxTokens"] = config.pop("max_new_tokens")
    request = {**body, "inferenceConfig": config}
    request.pop("schemaVersion", None)
    said = ask(models, chat_request(model_id, request))
    message = {"role": "assistant", "content": [{"text": said.text}]}
    return {"output": {"message": message}, "stopReason": STOPS[said.stop], "usage": usage(said)}


def _anthropic(model_id: str, body: Body, models: ModelService) -> dict[str, Any]:
    _only(
        body,
        "anthropic_version",
        "max_tokens",
        "messages",
        "system",
        "temperature",
        "top_p",
        "stop_sequences",
    )
    for name in ("anthropic_version", "max_tokens", "messages"):
        if name not in body:
            raise ApiError("ValidationException", f"{name}: Field required")
    config = {
        "maxTokens": body["max_tokens"],
        "temperature": body.get("temperature"),
        "topP": body.get("top_p"),
        "stopSequences": body.get("stop_sequences"),
    }
    messages = [{"role": one.get("role"), "content": _blocks(one.get("content"))} for one in body["messages"]]
    request: dict[str, Any] = {"messages": messages, "inferenceConfig": config}
    if body.get("system"):
        request["system"] = _blocks(body["system"])
    said = ask(models, chat_request(model_id, request))
    return {
        "id": "msg_local",
        "type": "message",
        "role": "assistant",
        "model": model_id,
        "content": [{"type": "text", "text": said.text}],
        "stop_reason": STOPS[said.stop],
        "stop_sequence": None,
        "usage": {"input_tokens": said.input_tokens, "output_tokens": said.output_tokens},
    }


def _blocks(content: Any) -> list[dict[str, Any]]:
    """Anthropic's content, a text or a list of typed blocks, as Converse's."""
    if isinstance(content, str):
        return [{"text": content}]
    blocks: list[dict[str, Any]] = list(content or [])
    return [{str(one.get("type")): one.get("text", one)} for one in blocks]


def _text(body: Body, name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise ApiError("ValidationException", f"{name} must be a text of at least one character")
    return value


def _only(body: Body, *known: str) -> None:
    for name in body:
        if name not in known:
            raise ApiError(
                "ValidationException", f"Malformed input request: extraneous key [{name}] is not permitted"
            )


_FAMILIES: Final[tuple[tuple[str, Family], ...]] = (
    ("amazon.titan-embed-text-v2", _titan_v2),
    ("amazon.titan-embed-text-v1", _titan_v1),
    ("cohere.embed-v4", _cohere_v4),
    ("cohere.embed-", _cohere),
    ("amazon.nova-", _nova),
    ("anthropic.claude-", _anthropic),
)
