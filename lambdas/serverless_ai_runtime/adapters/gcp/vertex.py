"""Vertex AI's generateContent (v1) as a `ChatModel`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote

from serverless_ai_runtime.adapters.gcp.identity import SCOPE
from serverless_ai_runtime.adapters.service import Cloud, Service
from serverless_ai_runtime.core.ports import (
    CONTENT_FILTERED,
    END,
    MALFORMED,
    MAX_TOKENS,
    Answer,
    Deadline,
    Prompt,
)

PERMISSIONS: Final = ("aiplatform.endpoints.predict",)
"""Of generateContent and streamGenerateContent alike, in the project of the endpoint."""

_ROLES: Final = {"user": "user", "assistant": "model"}

# A reason of the future goes through, and with it OTHER, which says nothing.
_STOP_REASONS: Final = {
    "STOP": END,
    "MAX_TOKENS": MAX_TOKENS,
    **dict.fromkeys(
        ("SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "MODEL_ARMOR"), CONTENT_FILTERED
    ),
    **dict.fromkeys(("MALFORMED_FUNCTION_CALL", "MALFORMED_RESPONSE", "UNEXPECTED_TOOL_CALL"), MALFORMED),
}

# Those that every Gemini model has a filter for.
_HARMS: Final = ("HARASSMENT", "HATE_SPEECH", "SEXUALLY_EXPLICIT", "DANGEROUS_CONTENT")


Incomprehensible: Final = (AttributeError, LookupError, TypeError, ValueError)
"""What a `Reading` raises for what Vertex does not promise."""


class VertexChat:
    """One of Google's models at `endpoint` (`projects/P/locations/L`).

    `threshold`, a HarmBlockThreshold, goes with every call for all kinds of harm; "" = the model's defaults.
    """

    def __init__(self, service: Service, endpoint: str, model: str, threshold: str = "") -> None:
        self._service, self._model = service, model
        self._path = f"/v1/{endpoint}/publishers/google/models/{quote(model, safe='')}:"
        self._safety = [
            {"category": f"HARM_CATEGORY_{harm}", "threshold": threshold} for harm in _HARMS if threshold
        ]

    @property
    def name(self) -> str:
        return self._model

    def answer(self, prompt: Prompt, deadline: Deadline) -> Answer:
        """One answer. What the filters hold back, prompt or answer, is an answer that says so."""
        body = self._service.post_json(
            "GenerateContent", self._path + "generateContent", self._payload(prompt), deadline
        )
        reading = Reading(prompt)
        try:
            reading.add(body)
            return reading.answer()
        except Incomprehensible as error:
            raise self._service.malformed("GenerateContent", f"not generateContent's: {error!r}") from None

    def stream(self, prompt: Prompt, deadline: Deadline) -> Iterator[str | Answer]:
        """Pieces of the text as the model writes them, and in the end the whole answer.

        Retries until the answer begins; what fails later raises a `ServiceError` from the iterator.
        """
        from serverless_ai_runtime.adapters.gcp.vertex_stream import OPERATION, read  # rarely needed

        path = self._path + "streamGenerateContent?alt=sse"
        stream = self._service.stream_json(OPERATION, path, self._payload(prompt), deadline)
        return read(self._service, stream.chunks, prompt)

    def _payload(self, prompt: Prompt) -> dict[str, Any]:
        payload: dict[str, Any] = {
            "contents": [
                {"role": _ROLES[one.role], "parts": [{"text": text} for text in prompt.blocks(number)]}
                for number, one in enumerate(prompt.messages)
            ],
            "generationConfig": {"maxOutputTokens": prompt.max_output_tokens},
        }
        if prompt.system:
            payload["systemInstruction"] = {"parts": [{"text": prompt.system}]}
        if self._safety:
            payload["safetySettings"] = self._safety
        return payload


def vertex_service(cloud: Cloud, endpoint: str, override: str = "") -> Service:
    """The service behind `endpoint`, where Google has it for this location, or at the URL `override`."""
    location = endpoint.rpartition("/")[2]
    host = f"{location}-aiplatform.googleapis.com"
    if location == "global":
        host = "aiplatform.googleapis.com"
    elif location in ("us", "eu"):
        host = f"aiplatform.{location}.rep.googleapis.com"
    return Service(cloud, "Vertex", override or f"https://{host}", SCOPE)


class Reading:
    """The answer to `prompt`, put together from one response, or from the events of a stream."""

    def __init__(self, prompt: Prompt) -> None:
        self._prompt = prompt
        self._texts: list[str] = []
        self._stop_reason = ""
        self._blocked = False
        self._usage: Mapping[str, Any] = {}

    def add(self, event: Mapping[str, Any]) -> str:
        """Take in a response or an event; returns its text."""
        text = ""
        for candidate in (event.get("candidates") or ())[:1]:
            text = "".join(map(_text, candidate.get("content", {}).get("parts", ())))
            self._stopped(candidate.get("finishReason", ""))
        if event.get("promptFeedback", {}).get("blockReason"):
            self._blocked = True
        self._usage = event.get("usageMetadata") or self._usage
        self._texts.append(text)
        return text

    def answer(self) -> Answer:
        """The whole answer; `ValueError` if there is more to come."""
        if not self._stop_reason and not self._blocked:
            raise ValueError("the answer is not complete")
        stop_reason = self._stop_reason or CONTENT_FILTERED
        output = _count(self._usage, "candidatesTokenCount") + _count(self._usage, "thoughtsTokenCount")
        cached = _count(self._usage, "cachedContentTokenCount")
        return Answer("".join(self._texts), stop_reason, self._input_tokens(), output, cached)

    def _stopped(self, reason: object) -> None:
        if not isinstance(reason, str):
            raise TypeError("the finish reason is not a text")
        self._stop_reason = _STOP_REASONS.get(reason, reason) or self._stop_reason

    def _input_tokens(self) -> int:
        """As Vertex counts; of a blocked prompt, if it does not, our estimate: a budget must count it."""
        if self._blocked and "promptTokenCount" not in self._usage:
            from serverless_ai_runtime.core.context import estimate_tokens

            return sum(map(estimate_tokens, self._prompt.texts))
        if "promptTokenCount" not in self._usage:
            raise LookupError("the prompt's tokens are not counted")
        return _count(self._usage, "promptTokenCount")


def _text(part: Mapping[str, Any]) -> str:
    """Text of a part; thoughts are not the answer's."""
    text = "" if part.get("thought") else part.get("text", "")
    if not isinstance(text, str):
        raise TypeError("text is not a string")
    return text


def _count(usage: Mapping[str, Any], name: str) -> int:
    """A number of tokens; zero is left out."""
    count = usage.get(name, 0)
    if not isinstance(count, int):
        raise TypeError(f"{name} is not a number")
    return count
