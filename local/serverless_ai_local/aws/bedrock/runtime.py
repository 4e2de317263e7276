"""Bedrock's runtime on the wire: Converse, ConverseStream, InvokeModel and ApplyGuardrail."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import unquote

from werkzeug.wrappers import Response

from serverless_ai_local.aws import event_stream
from serverless_ai_local.aws.api import ApiError, Call, Operations
from serverless_ai_local.aws.bedrock import cache_points, invoke
from serverless_ai_local.aws.bedrock.chats import (
    INTERVENED,
    STOPS,
    GuardrailWish,
    ask,
    chat_request,
    guardrail_wish,
)
from serverless_ai_local.aws.bedrock.guardrails import Guardrails
from serverless_ai_local.aws.bedrock.model_ids import target
from serverless_ai_local.aws.calls import reply
from serverless_ai_local.models.chat import ChatAnswer, ChatRequest
from serverless_ai_local.models.service import ModelService
from serverless_ai_local.plain import is_mapping

_MODEL: Final = re.compile(r"/model/(.+)/(?:converse|converse-stream|invoke)")
_APPLY: Final = re.compile(r"/guardrail/(.+)/version/([^/]+)/apply")
_WORDS: Final = re.compile(r"\S*\s*")
_GUARDRAIL_HEADERS: Final = ("X-Amzn-Bedrock-GuardrailIdentifier", "X-Amzn-Bedrock-GuardrailVersion")


class BedrockRuntime:
    """The operations, over one model and the deployed guardrails."""

    def __init__(self, models: ModelService, guardrails: Guardrails) -> None:
        self._models, self._guardrails = models, guardrails

    def operations(self) -> Operations:
        """What this answers."""
        return {
            ("bedrock", "Converse"): self._converse,
            ("bedrock", "ConverseStream"): self._converse_stream,
            ("bedrock", "InvokeModel"): self._invoke,
            ("bedrock", "ApplyGuardrail"): self._apply,
        }

    def _converse(self, call: Call) -> Response:
        started = time.monotonic()
        answer, stop, trace = self._answer(call)
        content: dict[str, Any] = {
            "output": {"message": {"role": "assistant", "content": [{"text": answer.text}]}},
            "stopReason": stop,
            "usage": self._usage(call, answer),
            "metrics": {"latencyMs": _ms(started)},
        }
        if trace:
            content["trace"] = {"guardrail": trace}
        return reply(content)

    def _converse_stream(self, call: Call) -> Response:
        started = time.monotonic()
        answer, stop, trace = self._answer(call)
        metadata: dict[str, Any] = {
            "usage": self._usage(call, answer),
            "metrics": {"latencyMs": _ms(started)},
        }
        if trace:
            metadata["trace"] = {"guardrail": trace}
        return Response(_stream(answer.text, stop, metadata), content_type=event_stream.CONTENT_TYPE)

    def _invoke(self, call: Call) -> Response:
        model_id = _model_id(call)
        if any(name in call.request.headers for name in _GUARDRAIL_HEADERS):
            raise ApiError("ValidationException", "the local InvokeModel offers no guardrails; use Converse")
        base = target(model_id, call.region, call.account).base_id
        return reply(invoke.answer(base, model_id, _body(call), self._models))

    def _apply(self, call: Call) -> Response:
        found = _APPLY.fullmatch(call.request.path)
        if found is None:
            raise ApiError("ValidationException", f"{call.request.path} names no guardrail and version")
        guardrail, body = self._guardrails.get(unquote(found[1]), found[2]), _body(call)
        if body.get("source") not in ("INPUT", "OUTPUT"):
            raise ApiError("ValidationException", "source must be INPUT or OUTPUT")
        of_input = body["source"] == "INPUT"
        blocks: list[Mapping[str, Any]] = [one.get("text") or {} for one in body.get("content") or ()]
        texts = [str(one.get("text", "")) for one in blocks]
        finding = guardrail.finding("\n".join(texts), of_input=of_input)
        outputs = [{"text": guardrail.message(of_input=of_input)}] if finding else []
        return reply(
            {
                "action": "GUARDRAIL_INTERVENED" if finding else "NONE",
                "actionReason": finding or "No action.",
                "outputs": outputs,
                "assessments": [],
                "usage": dict.fromkeys(_UNITS, 0),
            }
        )

    def _answer(self, call: Call) -> tuple[ChatAnswer, str, dict[str, Any] | None]:
        """The answer, its stop reason, and what the guardrail found if a trace was asked for."""
        model_id, body = _model_id(call), _body(call)
        base = target(model_id, call.region, call.account).base_id
        request, wish = chat_request(model_id, body), guardrail_wish(body)
        cache_points.check(base, body)
        if wish is None:
            answer = ask(self._models, request)
            return answer, STOPS[answer.stop], None
        return self._guarded(request, wish)

    def _usage(self, call: Call, answer: ChatAnswer) -> dict[str, int]:
        base = target(_model_id(call), call.region, call.account).base_id
        return cache_points.usage(self._models.prefixes, base, _body(call), answer)

    def _guarded(
        self, request: ChatRequest, wish: GuardrailWish
    ) -> tuple[ChatAnswer, str, dict[str, Any] | None]:
        guardrail = self._guardrails.get(wish.identifier, wish.version)
        finding = guardrail.finding("\n".join(turn.text for turn in request.turns), of_input=True)
        if finding is not None:
            # The model is not asked, and so costs nothing.
            answer = ChatAnswer(
                text=guardrail.message(of_input=True), stop="", input_tokens=0, output_tokens=0
            )
            return answer, INTERVENED, _trace(wish, finding)
        answer = ask(self._models, request)
        finding = guardrail.finding(answer.text, of_input=False)
        if finding is None:
            return answer, STOPS[answer.stop], _trace(wish, "No action.")
        text = guardrail.message(of_input=False)
        blocked = ChatAnswer(
            text=text, stop="", input_tokens=answer.input_tokens, output_tokens=answer.output_tokens
        )
        return blocked, INTERVENED, _trace(wish, finding)


_UNITS: Final = (
    "topicPolicyUnits",
    "contentPolicyUnits",
    "wordPolicyUnits",
    "sensitiveInformationPolicyUnits",
    "sensitiveInformationPolicyFreeUnits",
    "contextualGroundingPolicyUnits",
)


def _stream(text: str, stop: str, metadata: Mapping[str, Any]) -> Iterator[bytes]:
    yield _event("messageStart", {"role": "assistant"})
    for piece in _WORDS.findall(text):
        if piece:
            yield _event("contentBlockDelta", {"delta": {"text": piece}, "contentBlockIndex": 0})
    yield _event("contentBlockStop", {"contentBlockIndex": 0})
    yield _event("messageStop", {"stopReason": stop})
    yield _event("metadata", metadata)


def _event(kind: str, content: Mapping[str, Any]) -> bytes:
    return event_stream.event(kind, json.dumps(content, separators=(",", ":")).encode())


def _trace(wish: GuardrailWish, reason: str) -> dict[str, Any] | None:
    return {"actionReason": reason} if wish.trace else None


def _model_id(call: Call) -> str:
    found = _MODEL.fullmatch(call.request.path)
    if found is None:
        raise ApiError("ValidationException", f"{call.request.path} names no model")
    return found[1]


def _body(call: Call) -> dict[str, Any]:
    try:
        body: Any = json.loads(call.request.get_data())
    except ValueError:
        raise ApiError(
            "ValidationException", "Malformed input request, please reformat your input and try again."
        ) from None
    if not is_mapping(body):
        raise ApiError("ValidationException", "Malformed input request: the body is not an object.")
    return body


def _ms(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
