"""Bedrock Converse as a `ChatModel`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote

from serverless_ai_runtime.adapters.aws.service import Service
from serverless_ai_runtime.core.ports import (
    CONTENT_FILTERED,
    CONTEXT_EXCEEDED,
    END,
    MALFORMED,
    Answer,
    Deadline,
    Prompt,
)

ACTIONS: Final = ("bedrock:InvokeModel",)
STREAM_ACTIONS: Final = ("bedrock:InvokeModelWithResponseStream",)
GUARDRAIL_ACTIONS: Final = ("bedrock:ApplyGuardrail",)

# `max_tokens`, `stop_sequence` and `tool_use` are the same words there and here; a reason of the future goes
# through.
_STOP_REASONS: Final = {
    "end_turn": END,
    "content_filtered": CONTENT_FILTERED,
    "guardrail_intervened": CONTENT_FILTERED,
    "model_context_window_exceeded": CONTEXT_EXCEEDED,
    "malformed_model_output": MALFORMED,
    "malformed_tool_use": MALFORMED,
}


class BedrockChat:
    """One model, or inference profile, of Bedrock; with a guardrail if its id is given."""

    def __init__(
        self, service: Service, model: str, guardrail_id: str = "", guardrail_version: str = ""
    ) -> None:
        self._service, self._model = service, model
        self._path = f"/model/{quote(model, safe='')}/"
        self._guardrail = (
            {"guardrailIdentifier": guardrail_id, "guardrailVersion": guardrail_version}
            if guardrail_id
            else {}
        )

    @property
    def name(self) -> str:
        return self._model

    def answer(self, prompt: Prompt, deadline: Deadline) -> Answer:
        """One answer, by Converse."""
        body = self._service.post_rest("Converse", self._path + "converse", self._payload(prompt), deadline)
        try:
            blocks = body["output"]["message"]["content"]
            text = "".join(_text(block) for block in blocks)
            return _answer(text, body["stopReason"], body["usage"])
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise self._service.malformed("Converse", f"not a Converse response: {error!r}") from None

    def stream(self, prompt: Prompt, deadline: Deadline) -> Iterator[str | Answer]:
        """Pieces of the text as the model writes them, and in the end the whole answer, by ConverseStream.

        Retries until the answer begins; what fails later raises a `ServiceError` from the iterator.
        """
        from serverless_ai_runtime.adapters.aws.converse_stream import read  # rarely needed

        path = self._path + "converse-stream"
        stream = self._service.stream_rest("ConverseStream", path, self._payload(prompt), deadline)
        return read(self._service, stream.chunks, _answer)

    def _payload(self, prompt: Prompt) -> dict[str, Any]:
        payload: dict[str, Any] = {
            "messages": [
                {"role": one.role, "content": _blocks(prompt, number)}
                for number, one in enumerate(prompt.messages)
            ],
            "inferenceConfig": {"maxTokens": prompt.max_output_tokens},
        }
        if prompt.system:
            payload["system"] = [{"text": prompt.system}]
        if self._guardrail:
            payload["guardrailConfig"] = self._guardrail
        return payload


def _blocks(prompt: Prompt, number: int) -> list[dict[str, Any]]:
    """Of a message. What stands before a cache point is kept for five minutes, if it is long enough."""
    blocks: list[dict[str, Any]] = [{"text": text} for text in prompt.blocks(number)]
    if prompt.keep_context and len(blocks) > 1:
        blocks.insert(1, {"cachePoint": {"type": "default"}})
    return blocks


def _text(block: Mapping[str, Any]) -> str:
    """Text of a content block; blocks of reasoning have none that belongs to the answer."""
    text = block.get("text", "")
    if not isinstance(text, str):
        raise ValueError("text is not a string")
    return text


def _answer(text: str, stop_reason: object, usage: Mapping[str, Any]) -> Answer:
    """Raises `KeyError`, `TypeError` or `ValueError` for what Bedrock does not promise."""
    if not isinstance(stop_reason, str):
        raise TypeError("there is no stop reason")
    reason = _STOP_REASONS.get(stop_reason, stop_reason)
    # `inputTokens` are those that were neither read out of the cache nor written into it.
    read, written = int(usage.get("cacheReadInputTokens", 0)), int(usage.get("cacheWriteInputTokens", 0))
    return Answer(text, reason, int(usage["inputTokens"]) + read + written, int(usage["outputTokens"]), read)
