"""A fake of a Foundry account's v1 API: chat completions of its deployments, and embeddings."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator, Mapping
from typing import Any, Final

from werkzeug.wrappers import Response

from serverless_ai_local.azure import foundry_embeddings
from serverless_ai_local.azure.access import Access
from serverless_ai_local.azure.ai_services import AiServices
from serverless_ai_local.azure.calls import Call, ServiceFault, error_reply, reply
from serverless_ai_local.azure.entra import Principal
from serverless_ai_local.azure.estate import Estate, Resource, part
from serverless_ai_local.models.chat import (
    END,
    FILTERED,
    MAX_TOKENS,
    STOP_SEQUENCE,
    ChatAnswer,
    ChatRequest,
    Down,
    Refused,
    Throttled,
    TimedOut,
    Turn,
    Unavailable,
)
from serverless_ai_local.models.service import ModelService
from serverless_ai_local.plain import is_list, is_mapping

AUDIENCES: Final = ("https://ai.azure.com", "https://cognitiveservices.azure.com")
_DEPLOYMENTS: Final = "Microsoft.CognitiveServices/accounts/OpenAI/deployments"
_V1: Final = ("openai", "v1")
_CHAT: Final = "chat/completions"
_EMBEDDINGS: Final = "embeddings"
_STOPS: Final = {END: "stop", STOP_SEQUENCE: "stop", MAX_TOKENS: "length", FILTERED: "content_filter"}
_FIELDS: Final[Mapping[str, frozenset[str]]] = {
    _CHAT: frozenset((
        "max_completion_tokens", "max_tokens", "messages", "model", "n", "stop", "stream", "stream_options",
        "temperature", "top_p", "user",
    )),
    _EMBEDDINGS: foundry_embeddings.FIELDS,
}  # fmt: skip
"""What each operation may be given."""
_SPOKEN: Final = {_CHAT: "chatCompletion", _EMBEDDINGS: "embeddings"}
_NO_TOKEN: Final = ServiceFault(
    401,
    "Unauthorized",
    "Access token is missing, invalid, audience is incorrect, or have expired.",
    {"www-authenticate": "Bearer"},
)
_KEYS_OFF: Final = ServiceFault(
    403, "AuthenticationTypeDisabled", "Key based authentication is disabled for this resource."
)
LEAST_CACHED: Final = 1024
"""Tokens of a prompt's beginning that is kept ("Prompt caching", learn.microsoft.com, read 2026-11-27)."""
_PIECE: Final = 12
"""Characters of one event of a stream."""


class Foundry:
    """All accounts; the model behind them is the local cloud's, and so is what reads contents."""

    def __init__(self, estate: Estate, access: Access, models: ModelService, services: AiServices) -> None:
        self._estate, self._access, self._models, self._services = estate, access, models, services

    def __call__(self, call: Call) -> Response:
        try:
            return self._answered(call)
        except ServiceFault as fault:
            return error_reply(fault)

    def _answered(self, call: Call) -> Response:
        account = self._estate.find("cognitiveservices:Account", call.parts[0])
        if account is None:
            raise ServiceFault(404, "404", "Resource not found")
        if "api-key" in call.headers or "ocp-apim-subscription-key" in call.headers:
            raise _KEYS_OFF
        for_services = AiServices.addressed(call)
        signed = self._services.signed(call) if for_services else None
        if signed is not None:
            return signed
        who = self._access.caller(call, AUDIENCES, _NO_TOKEN)
        return self._services(call, who, account) if for_services else self._infer(call, who, account)

    def _infer(self, call: Call, who: Principal, account: Resource) -> Response:
        operation = "/".join(call.parts[3:])
        if call.parts[1:3] != _V1 or operation not in _FIELDS or call.method != "POST":
            raise ServiceFault(404, "404", f"{call.method} {call.target} is not offered by the local Foundry")
        self._check(who, account, operation)
        body = _body(call, _FIELDS[operation])
        deployment = self._estate.find("cognitiveservices:Deployment", str(body["model"]), account.id)
        if deployment is None:
            raise ServiceFault(
                404, "DeploymentNotFound", "The API deployment for this resource does not exist."
            )
        model: Mapping[str, Any] = deployment.part("properties", "model")
        if foundry_embeddings.offered(model) != (operation == _EMBEDDINGS):
            raise ServiceFault(
                400,
                "OperationNotSupported",
                f"The {_SPOKEN[operation]} operation does not work with the specified model, "
                f"{model['name']}. Please choose different model and try again.",
            )
        if operation == _EMBEDDINGS:
            return reply(foundry_embeddings.answer(body, model, self._models))
        return self._complete(body, deployment.name, model)

    def _complete(self, body: Mapping[str, Any], deployment: str, model: Mapping[str, Any]) -> Response:
        request = _request(body, deployment)
        answer = self._answer(request)
        cached = self._models.prefixes.automatic(deployment, request.texts, LEAST_CACHED)
        name = f"{model['name']}-{model.get('version', '')}".rstrip("-")
        if body.get("stream"):
            usage = bool(part(body, "stream_options").get("include_usage"))
            events = _stream(answer, name, _usage(answer, cached) if usage else None)
            return Response(events, content_type="text/event-stream")
        return reply(_completion(answer, name, _usage(answer, cached)))

    def _check(self, who: Principal, account: Resource, operation: str) -> None:
        action = f"{_DEPLOYMENTS}/{operation}/action"
        refusal = (
            f"The principal `{who.oid}` lacks the required data action `{action}` to perform "
            f"`POST /openai/deployments/{{deployment-id}}/{operation}` operation."
        )
        if not self._access.allows(who, account.id, action, refusal=refusal):
            raise ServiceFault(401, "PermissionDenied", refusal)

    def _answer(self, request: ChatRequest) -> ChatAnswer:
        try:
            return self._models.answer(request)
        except Throttled as fault:
            raise ServiceFault(429, "RateLimitReached", str(fault), {"retry-after-ms": "50"}) from None
        except Unavailable as fault:
            raise ServiceFault(503, "ServiceUnavailable", str(fault)) from None
        except Refused as fault:
            raise ServiceFault(400, "BadRequest", str(fault)) from None
        except TimedOut as fault:
            raise ServiceFault(408, "Timeout", str(fault)) from None
        except Down as fault:
            raise ConnectionAbortedError(str(fault)) from None


def _body(call: Call, fields: frozenset[str]) -> dict[str, Any]:
    try:
        body = call.json()
    except ValueError:
        raise _bad("We could not parse the JSON body of your request.") from None
    for name in body:
        if name not in fields:
            raise _bad(f"Unrecognized request argument supplied: {name}", "unknown_parameter")
    if not isinstance(body.get("model"), str):
        raise _bad("you must provide a model parameter")
    return body


def _request(body: Mapping[str, Any], model: str) -> ChatRequest:
    messages = body.get("messages")
    if not is_list(messages) or not messages:
        raise _bad("'messages' must be a list of at least one message")
    system: list[str] = []
    turns: list[Turn] = []
    for message in messages:
        role, text = (message.get("role"), _text(message)) if is_mapping(message) else (None, "")
        if role in ("system", "developer"):
            system.append(text)
        elif role in ("user", "assistant"):
            turns.append(Turn(role=role, text=text))
        else:
            raise _bad(
                f"the local Foundry takes messages of system, developer, user and assistant, not {role!r}"
            )
    if body.get("n", 1) != 1:
        raise _bad("the local Foundry gives one choice: n must be 1")
    limit = body.get("max_completion_tokens", body.get("max_tokens"))
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 1):
        raise _bad("max_completion_tokens must be a whole number from 1 on")
    stop = body.get("stop") or ()
    return ChatRequest(
        model=model,
        turns=turns,
        system="\n".join(system),
        max_tokens=limit,
        temperature=body.get("temperature"),
        top_p=body.get("top_p"),
        stop=(stop,) if isinstance(stop, str) else tuple(stop),
    )


def _text(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, str):
        return content
    if is_list(content) and all(is_mapping(part) and part.get("type") == "text" for part in content):
        return "".join(str(part.get("text", "")) for part in content)
    raise _bad("the content of a message must be text")


def _bad(message: str, code: str = "invalid_request_error") -> ServiceFault:
    return ServiceFault(400, code, message)


def _head(kind: str, model: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{uuid.uuid4().hex}",
        "object": kind,
        "created": int(time.time()),
        "model": model,
        "system_fingerprint": "fp_local",
    }


def _filters(*, filtered: bool) -> dict[str, Any]:
    names = ("hate", "self_harm", "sexual", "violence")
    severity = "medium" if filtered else "safe"
    return {name: {"filtered": filtered and name == "violence", "severity": severity} for name in names}


def _usage(answer: ChatAnswer, cached: int) -> dict[str, Any]:
    return {
        "prompt_tokens": answer.input_tokens,
        "completion_tokens": answer.output_tokens,
        "total_tokens": answer.input_tokens + answer.output_tokens,
        "prompt_tokens_details": {"cached_tokens": min(cached, answer.input_tokens)},
    }


def _completion(answer: ChatAnswer, model: str, usage: Mapping[str, Any]) -> dict[str, Any]:
    choice = {
        "index": 0,
        "finish_reason": _STOPS[answer.stop],
        "logprobs": None,
        "message": {"role": "assistant", "content": answer.text, "refusal": None},
        "content_filter_results": _filters(filtered=answer.stop == FILTERED),
    }
    prompt = [{"prompt_index": 0, "content_filter_results": _filters(filtered=False)}]
    return {
        **_head("chat.completion", model),
        "choices": [choice],
        "prompt_filter_results": prompt,
        "usage": usage,
    }


def _stream(answer: ChatAnswer, model: str, usage: Mapping[str, Any] | None) -> Iterator[bytes]:
    head = _head("chat.completion.chunk", model)

    def event(choices: list[dict[str, Any]], **more: Any) -> bytes:
        return f"data: {json.dumps({**head, 'choices': choices, **more})}\n\n".encode()

    def delta(content: dict[str, Any], reason: str | None = None) -> bytes:
        return event([{"index": 0, "delta": content, "finish_reason": reason, "logprobs": None}])

    prompt = [{"prompt_index": 0, "content_filter_results": _filters(filtered=False)}]
    yield event([], prompt_filter_results=prompt)
    yield delta({"role": "assistant", "content": ""})
    for begin in range(0, len(answer.text), _PIECE):
        yield delta({"content": answer.text[begin : begin + _PIECE]})
    yield delta({}, _STOPS[answer.stop])
    if usage:
        yield event([], usage=usage)
    yield b"data: [DONE]\n\n"
