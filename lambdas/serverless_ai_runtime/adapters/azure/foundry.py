"""Foundry's chat completions (v1) as a `ChatModel`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from serverless_ai_runtime.adapters.service import Service
from serverless_ai_runtime.core.ports import (
    CONTENT_FILTERED,
    END,
    MAX_TOKENS,
    TOOL_USE,
    Answer,
    Deadline,
    Prompt,
    Refused,
)

RESOURCE: Final = "https://ai.azure.com"
ROLE: Final = "Cognitive Services OpenAI User"
DATA_ACTIONS: Final = ("Microsoft.CognitiveServices/accounts/OpenAI/deployments/chat/completions/action",)

_OPERATION: Final = "ChatCompletions"
_PATH: Final = "/chat/completions"
_FILTERED: Final = "content_filter"

# A reason of the future goes through.
_STOP_REASONS: Final = {
    "stop": END,
    "length": MAX_TOKENS,
    "content_filter": CONTENT_FILTERED,
    "tool_calls": TOOL_USE,
    "function_call": TOOL_USE,
}


class FoundryChat:
    """One deployment of a model; `service.url` is the account's v1 URL (`https://.../openai/v1`)."""

    def __init__(self, service: Service, deployment: str) -> None:
        self._service, self._deployment = service, deployment

    @property
    def name(self) -> str:
        return self._deployment

    def answer(self, prompt: Prompt, deadline: Deadline) -> Answer:
        """One answer. What the content filter holds back, prompt or completion, is an answer that says so."""
        try:
            body = self._service.post_json(_OPERATION, _PATH, self._payload(prompt), deadline)
        except Refused as error:
            return _filtered(error, prompt)
        try:
            choice = body["choices"][0]
            return _answer(choice["message"]["content"], choice["finish_reason"], body["usage"])
        except (LookupError, TypeError, AttributeError, ValueError) as error:
            raise self._service.malformed(_OPERATION, f"not a chat completion: {error!r}") from None

    def stream(self, prompt: Prompt, deadline: Deadline) -> Iterator[str | Answer]:
        """Pieces of the text as the model writes them, and in the end the whole answer.

        Retries until the answer begins; what fails later raises a `ServiceError` from the iterator.
        """
        from serverless_ai_runtime.adapters.azure.chat_stream import read  # rarely needed

        payload = self._payload(prompt) | {"stream": True, "stream_options": {"include_usage": True}}
        try:
            stream = self._service.stream_json(_OPERATION, _PATH, payload, deadline)
        except Refused as error:
            return iter((_filtered(error, prompt),))
        return read(self._service, _OPERATION, stream.chunks, _answer)

    def _payload(self, prompt: Prompt) -> dict[str, Any]:
        messages: list[dict[str, Any]] = [
            {"role": one.role, "content": _content(prompt.blocks(number))}
            for number, one in enumerate(prompt.messages)
        ]
        if prompt.system:
            messages.insert(0, {"role": "system", "content": prompt.system})
        # `max_tokens` is deprecated, and reasoning models refuse it.
        return {
            "model": self._deployment,
            "messages": messages,
            "max_completion_tokens": prompt.max_output_tokens,
        }


def _content(texts: tuple[str, ...]) -> str | list[dict[str, str]]:
    """Of a message: a text, or a part for each of several."""
    if len(texts) == 1:
        return texts[0]
    return [{"type": "text", "text": text} for text in texts]


def _filtered(error: Refused, prompt: Prompt) -> Answer:
    """The answer to a prompt that the content filter refused; any other refusal is raised again.

    Its usage is our estimate: the service bills such a prompt, but does not say how long it was, and a budget
    that did not count it could be spent without end.
    """
    if error.code != _FILTERED:
        raise error
    from serverless_ai_runtime.core.context import estimate_tokens

    return Answer("", CONTENT_FILTERED, sum(map(estimate_tokens, prompt.texts)), 0)


def _answer(text: object, stop_reason: object, usage: Mapping[str, Any]) -> Answer:
    """Raises `KeyError`, `TypeError` or `ValueError` for what Foundry does not promise."""
    if not isinstance(stop_reason, str):
        raise TypeError("there is no finish reason")
    if text is not None and not isinstance(text, str):  # None: filtered, or a call of a tool
        raise TypeError("the content is not text")
    reason = _STOP_REASONS.get(stop_reason, stop_reason)
    details: Mapping[str, Any] = usage.get("prompt_tokens_details") or {}
    cached = int(details.get("cached_tokens") or 0)
    return Answer(text or "", reason, int(usage["prompt_tokens"]), int(usage["completion_tokens"]), cached)
