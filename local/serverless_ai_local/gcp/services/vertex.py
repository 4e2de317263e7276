"""Vertex AI's generateContent and streamGenerateContent over the local model, predict of embedding models.

A fake on Google's wire.
"""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Iterator, Mapping
from typing import Any, Final

from werkzeug.wrappers import Response

from serverless_ai_local.gcp.errors import RpcError, invalid, missing, not_offered, reply
from serverless_ai_local.gcp.iam.authority import Authority, Principal
from serverless_ai_local.gcp.services import vertex_embeddings
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
from serverless_ai_local.plain import is_list, is_mapping, is_number

SERVICE: Final = "aiplatform.googleapis.com"
PREDICT: Final = "aiplatform.endpoints.predict"
PATH: Final = re.compile(
    r"/v1(?:beta1)?/(?P<name>projects/[^/:]+/locations/[^/:]+/publishers/google/models/(?P<model>[^/:]+))"
    r":(?P<method>\w+)"
)
_GEMINI: Final = re.compile(r"gemini-[a-z0-9.-]+")
_METHODS: Final = ("generateContent", "streamGenerateContent", vertex_embeddings.METHOD)
_FIELDS: Final = ("contents", "systemInstruction", "generationConfig", "safetySettings", "labels")
_CONFIG: Final = ("maxOutputTokens", "temperature", "topP", "topK", "stopSequences", "candidateCount")
_ROLES: Final = {"user": "user", "model": "assistant", "": "user"}
_STOPS: Final = {END: "STOP", STOP_SEQUENCE: "STOP", MAX_TOKENS: "MAX_TOKENS", FILTERED: "SAFETY"}
_FAULTS: Final[tuple[tuple[type[ModelFault], str], ...]] = (
    (Throttled, "RESOURCE_EXHAUSTED"),
    (Unavailable, "UNAVAILABLE"),
    (Refused, "INVALID_ARGUMENT"),
    (TimedOut, "DEADLINE_EXCEEDED"),
)
_LEAST_CACHED: Final = {"gemini-2.": 2048}
"""Tokens of a beginning that is kept, by how a model's id begins ("Context caching overview", limits,
docs.cloud.google.com, as quoted on discuss.ai.google.dev/t/134499, read 2026-11-27)."""
_LEAST_OF_OTHERS: Final = 4096
_WORDS: Final = re.compile(r"\s*\S+|\s+$")
_HARM: Final = "HARM_CATEGORY_DANGEROUS_CONTENT"


class Vertex:
    """Its methods."""

    def __init__(self, models: ModelService, authority: Authority) -> None:
        self._models, self._authority = models, authority

    def __call__(
        self, who: Principal, found: re.Match[str], query: Mapping[str, str], body: bytes
    ) -> Response:
        """Answer a request whose path matched `PATH`; raises `RpcError`, or `Down`: hang up."""
        if found["method"] not in _METHODS:
            raise not_offered(f"the method {found['method']} of models; there are {', '.join(_METHODS)}")
        self._authority.require(who, PREDICT, found["name"], service=SERVICE)
        if found["method"] == vertex_embeddings.METHOD and vertex_embeddings.offered(found["model"]):
            return reply(vertex_embeddings.answer(_json(body), found["model"], self._models))
        chats = _GEMINI.fullmatch(found["model"]) and not vertex_embeddings.offered(found["model"])
        if found["method"] == vertex_embeddings.METHOD or not chats:
            raise missing(
                f"Publisher Model `{found['name']}` was not found or your project does not have access to it."
            )
        request = chat_request(found["model"], _json(body))
        answer = self._ask(request)
        cached = self._models.prefixes.automatic(request.model, request.texts, _least_cached(request.model))
        tail = _tail(request.model, answer, cached)
        if found["method"] == "generateContent":
            return reply(_whole(answer, tail))
        events = _stream(answer, tail)
        if query.get("alt") == "sse":
            lines = (b"data: " + json.dumps(event).encode() + b"\r\n\r\n" for event in events)
            return Response(lines, content_type="text/event-stream")
        return reply(list(events))

    def _ask(self, request: ChatRequest) -> ChatAnswer:
        try:
            return self._models.answer(request)
        except Down:
            raise
        except ModelFault as fault:
            status = next(status for kind, status in _FAULTS if isinstance(fault, kind))
            raise RpcError(status, str(fault)) from fault


def _least_cached(model: str) -> int:
    known = (least for begins, least in _LEAST_CACHED.items() if model.startswith(begins))
    return next(known, _LEAST_OF_OTHERS)


def chat_request(model: str, body: Mapping[str, Any]) -> ChatRequest:
    """The chat in a request; raises `RpcError` naming a field that is wrong or not offered."""
    _only(body, _FIELDS, "")
    config = body.get("generationConfig", {})
    if not is_mapping(config):
        raise invalid("generation_config must be an object")
    _only(config, _CONFIG, "generation_config.")
    contents = body.get("contents")
    if not is_list(contents) or not contents:
        raise invalid("Unable to submit request because at least one contents field is required.")
    for name in ("maxOutputTokens", "temperature", "topP"):
        if name in config and not is_number(config[name]):
            raise invalid(f"Invalid value at 'generation_config.{name}', {config[name]!r}")
    for one in body.get("safetySettings", ()):
        if not is_mapping(one) or set(one) != {"category", "threshold"}:
            raise invalid("safety_settings must be objects of category and threshold")
    limit = config.get("maxOutputTokens")
    if limit is not None and limit < 1:
        raise invalid("Unable to submit request because it has a maxOutputTokens value that is not positive.")
    return ChatRequest(
        model=model,
        turns=[_turn(one) for one in contents],
        system=_texts(body.get("systemInstruction", {"parts": []}), "system_instruction"),
        max_tokens=None if limit is None else int(limit),
        temperature=config.get("temperature"),
        top_p=config.get("topP"),
        stop=tuple(map(str, config.get("stopSequences", ()))),
    )


def _turn(content: Any) -> Turn:
    text = _texts(content, "contents")
    if not text:
        raise invalid("Unable to submit request because it must have a text parameter.")
    role = str(content.get("role", ""))
    if role not in _ROLES:
        raise invalid("Please use a valid role: user, model.")
    return Turn(role=_ROLES[role], text=text)


def _texts(content: Any, where: str) -> str:
    if not is_mapping(content) or not is_list(content.get("parts", [])):
        raise invalid(f"Invalid value at '{where}': it must be an object with parts")
    parts: list[Any] = content.get("parts", [])
    for part in parts:
        if not is_mapping(part) or list(part) != ["text"] or not isinstance(part["text"], str):
            raise not_offered(f"parts other than text in {where}")
    return "".join(part["text"] for part in parts)


def _only(given: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    for name in given:
        if name not in known:
            raise invalid(
                f'Invalid JSON payload received. Unknown name "{where}{name}": Cannot find field. '
                f"(The local cloud takes {', '.join(known)}.)"
            )


def _whole(answer: ChatAnswer, tail: Mapping[str, Any]) -> dict[str, Any]:
    candidate: dict[str, Any] = {"finishReason": _STOPS[answer.stop]}
    if answer.stop == FILTERED:
        candidate["safetyRatings"] = [{"category": _HARM, "probability": "HIGH", "blocked": True}]
    else:
        candidate["content"] = {"role": "model", "parts": [{"text": answer.text}]}
    return {"candidates": [candidate], **tail}


def _stream(answer: ChatAnswer, tail: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    last = _whole(answer, tail)
    pieces = [] if answer.stop == FILTERED else _WORDS.findall(answer.text)
    for piece in pieces[:-1]:
        content = {"role": "model", "parts": [{"text": piece}]}
        yield {"candidates": [{"content": content}], "modelVersion": tail["modelVersion"]}
    if pieces:
        last["candidates"][0]["content"]["parts"] = [{"text": pieces[-1]}]
    yield last


def _tail(model: str, answer: ChatAnswer, cached: int) -> dict[str, Any]:
    return {
        "usageMetadata": {
            "promptTokenCount": answer.input_tokens,
            "candidatesTokenCount": answer.output_tokens,
            "totalTokenCount": answer.input_tokens + answer.output_tokens,
            **({"cachedContentTokenCount": min(cached, answer.input_tokens)} if cached else {}),
        },
        "modelVersion": model,
        "createTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "responseId": uuid.uuid4().hex,
    }


def _json(body: bytes) -> dict[str, Any]:
    try:
        content: Any = json.loads(body or b"{}")
    except ValueError:
        content = None
    if not is_mapping(content):
        raise invalid("Invalid JSON payload received. It must be an object.")
    return content
