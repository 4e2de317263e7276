"""Converse's messages, read strictly, and its answers; errors of the model in Bedrock's words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from serverless_ai_local.aws.api import ApiError
from serverless_ai_local.models.chat import (
    END,
    FILTERED,
    MAX_TOKENS,
    STOP_SEQUENCE,
    ChatAnswer,
    ChatRequest,
    Down,
    ModelFault,
    Refused,
    Throttled,
    TimedOut,
    Turn,
    Unavailable,
)
from serverless_ai_local.models.service import ModelService
from serverless_ai_local.plain import is_list, is_mapping

STOPS: Final = {
    END: "end_turn",
    MAX_TOKENS: "max_tokens",
    STOP_SEQUENCE: "stop_sequence",
    FILTERED: "content_filtered",
}
INTERVENED: Final = "guardrail_intervened"
_FIELDS: Final = frozenset(
    {
        "messages",
        "system",
        "inferenceConfig",
        "guardrailConfig",
        "requestMetadata",
        "performanceConfig",
        "serviceTier",
    }
)
_INFERENCE: Final = frozenset({"maxTokens", "temperature", "topP", "stopSequences"})
_MARKS: Final = frozenset({"cachePoint"})
"""Blocks that say something about the blocks before them and hold no text."""
_FAULTS: Final[Sequence[tuple[type[ModelFault], str, int]]] = (
    (Throttled, "ThrottlingException", 429),
    (TimedOut, "ModelTimeoutException", 408),
    (Refused, "ValidationException", 400),
    (Unavailable, "ServiceUnavailableException", 503),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class GuardrailWish:
    """The guardrail a call asks for."""

    identifier: str
    version: str
    trace: bool


def ask(models: ModelService, request: ChatRequest) -> ChatAnswer:
    """The model's answer; its faults as `ApiError`, or as a lost connection when it is down."""
    try:
        return models.answer(request)
    except Down as fault:
        raise ConnectionAbortedError(str(fault)) from fault
    except ModelFault as fault:
        code, status = next((code, status) for kind, code, status in _FAULTS if isinstance(fault, kind))
        raise ApiError(code, str(fault), status) from fault


def chat_request(model_id: str, body: Mapping[str, Any]) -> ChatRequest:
    """Read the body of Converse. Raises `ApiError` for what Bedrock refuses or what is not offered here."""
    _only(body, _FIELDS, "")
    config: Mapping[str, Any] = body.get("inferenceConfig") or {}
    _only(config, _INFERENCE, "inferenceConfig.")
    return ChatRequest(
        model=model_id,
        turns=_turns(body.get("messages")),
        system="\n".join(_texts(body.get("system") or [], "system")),
        max_tokens=_number(config, "maxTokens", 1, 1_000_000, whole=True),
        temperature=_number(config, "temperature", 0, 1),
        top_p=_number(config, "topP", 0, 1),
        stop=tuple(str(one) for one in config.get("stopSequences") or ()),
    )


def guardrail_wish(body: Mapping[str, Any]) -> GuardrailWish | None:
    """The guardrail that the body names, if any."""
    config = body.get("guardrailConfig")
    if not config:
        return None
    for name in ("guardrailIdentifier", "guardrailVersion"):
        if not config.get(name):
            raise ApiError("ValidationException", f"guardrailConfig.{name} must not be empty")
    trace = str(config.get("trace", "disabled")).startswith("enabled")
    return GuardrailWish(
        identifier=str(config["guardrailIdentifier"]), version=str(config["guardrailVersion"]), trace=trace
    )


def usage(answer: ChatAnswer) -> dict[str, int]:
    """Token counts as Bedrock reports them."""
    return {
        "inputTokens": answer.input_tokens,
        "outputTokens": answer.output_tokens,
        "totalTokens": answer.input_tokens + answer.output_tokens,
    }


def _turns(messages: Any) -> list[Turn]:
    if not is_list(messages) or not messages:
        raise ApiError("ValidationException", _START)
    turns: list[Turn] = []
    for at, message in enumerate(messages):
        if not is_mapping(message) or message.get("role") not in ("user", "assistant"):
            raise ApiError("ValidationException", f"messages.{at}.role must be user or assistant")
        if message["role"] == (turns[-1].role if turns else "assistant"):
            raise ApiError("ValidationException", _ALTERNATE if turns else _START)
        texts = _texts(message.get("content") or [], f"messages.{at}.content")
        if not texts:
            raise ApiError(
                "ValidationException", f"The content field in the Message object at messages.{at} is empty."
            )
        turns.append(Turn(role=str(message["role"]), text="\n".join(texts)))
    return turns


_START: Final = "A conversation must start with a user message."
_ALTERNATE: Final = "A conversation must alternate between user and assistant roles."


def _texts(blocks: Any, where: str) -> list[str]:
    if not is_list(blocks):
        raise ApiError("ValidationException", f"{where} must be a list of content blocks")
    texts: list[str] = []
    for at, block in enumerate(blocks):
        if not is_mapping(block) or len(block) != 1:
            raise ApiError("ValidationException", f"{where}.{at} must have exactly one kind of content")
        ((kind, content),) = block.items()
        if kind in _MARKS:
            continue
        text = content.get("text", {}).get("text") if kind == "guardContent" else content
        if kind not in ("text", "guardContent") or not isinstance(text, str):
            raise ApiError(
                "ValidationException", f"the local model takes text only, not {kind} at {where}.{at}"
            )
        if not text.strip():
            detail = f"The text field in the ContentBlock object at {where}.{at} is blank."
            raise ApiError("ValidationException", f"{detail} Add text to the text field, and try again.")
        texts.append(text)
    return texts


def _number(config: Mapping[str, Any], name: str, low: float, high: float, *, whole: bool = False) -> Any:
    value = config.get(name)
    if value is None:
        return None
    kinds = int if whole else (int, float)
    if isinstance(value, bool) or not isinstance(value, kinds) or not low <= value <= high:
        raise ApiError("ValidationException", f"inferenceConfig.{name} must be {low}..{high}, got {value!r}")
    return value


def _only(body: Mapping[str, Any], known: frozenset[str], where: str) -> None:
    for name in body:
        if name not in known:
            raise ApiError("ValidationException", f"the local model does not offer {where}{name}")
