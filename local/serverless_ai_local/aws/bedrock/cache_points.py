"""Cache points of Converse: which models take them, how many, and how much has to stand before one.

Bedrock User Guide, "Prompt caching", read 2026-11-27; the words of the refusals are from memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from serverless_ai_local.aws.api import ApiError
from serverless_ai_local.models.chat import ChatAnswer
from serverless_ai_local.models.prefixes import Cached, Prefixes

MOST_POINTS: Final = 4
_LEAST: Final[Mapping[str, int]] = {
    "amazon.nova-": 1000,
    "anthropic.claude-3-5-haiku": 2048,
    "anthropic.claude-3-7": 1024,
    "anthropic.claude-haiku-": 4096,
    "anthropic.claude-opus-": 1024,
    "anthropic.claude-sonnet-": 1024,
}
"""Tokens of a prompt up to a point, by how the ids of its models begin. What is shorter is not kept."""


def check(base_id: str, body: Mapping[str, Any]) -> None:
    """Raises `ApiError` for points that the model does not take, or that are too many."""
    points = sum(1 for _ in _beginnings(body))
    if points and _least(base_id) is None:
        message = "You invoked an unsupported model or your request did not allow prompt caching."
        raise ApiError("AccessDeniedException", f"{message} See the documentation for more information.", 403)
    if points > MOST_POINTS:
        raise ApiError("ValidationException", f"at most {MOST_POINTS} cache points are allowed, got {points}")


def usage(prefixes: Prefixes, base_id: str, body: Mapping[str, Any], answer: ChatAnswer) -> dict[str, int]:
    """Token counts as Bedrock reports them; keeps what stands before the points."""
    least, counts = _least(base_id), dict[str, int]()
    cached = Cached()
    if least is not None:
        if answer.input_tokens:  # else a guardrail kept it from the model
            cached = prefixes.at_points(base_id, _beginnings(body), least)
        counts = {"cacheReadInputTokens": cached.read, "cacheWriteInputTokens": cached.written}
    return {
        "inputTokens": max(0, answer.input_tokens - cached.read - cached.written),
        "outputTokens": answer.output_tokens,
        "totalTokens": answer.input_tokens + answer.output_tokens,
        **counts,
    }


def _least(base_id: str) -> int | None:
    return next((least for begins, least in _LEAST.items() if base_id.startswith(begins)), None)


def _beginnings(body: Mapping[str, Any]) -> Iterator[str]:
    """The prompt up to each point: the system's blocks first, then those of the messages."""
    messages: list[Mapping[str, Any]] = body.get("messages") or []
    parts: list[list[Mapping[str, Any]]] = [one.get("content") or [] for one in messages]
    text = ""
    for blocks in (body.get("system") or [], *parts):
        for block in blocks:
            if "cachePoint" in block:
                yield text
            else:
                text += f"{block.get('text', '')}\n"
        text += "\0"
