"""Our chat completions against the openai SDK's, over one scripted server."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import openai
import pytest
from azure_fakes import azure
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from loopback import Loopback, chunked, reply
from memory_ports import Clock

from serverless_ai_runtime.adapters.azure.foundry import RESOURCE, FoundryChat
from serverless_ai_runtime.adapters.service import Service
from serverless_ai_runtime.core.context import estimate_tokens
from serverless_ai_runtime.core.ports import (
    CONTENT_FILTERED,
    END,
    MAX_TOKENS,
    TOOL_USE,
    Answer,
    Deadline,
    Message,
    Prompt,
    Refused,
    Throttled,
    Unavailable,
)

MODEL = "chat-small"
TEXT = st.text(min_size=1, max_size=60)
SSE = "text/event-stream; charset=utf-8"
FILTERED = {
    "error": {
        "message": "The response was filtered due to the prompt triggering the content management policy.",
        "type": None,
        "param": "prompt",
        "code": "content_filter",
        "status": 400,
        "innererror": {
            "code": "ResponsibleAIPolicyViolation",
            "content_filter_result": {"hate": {"filtered": True, "severity": "high"}},
        },
    }
}


def sdk(server: Loopback) -> openai.OpenAI:
    """As Microsoft recommends for the v1 API."""
    return openai.OpenAI(base_url=server.url + "/openai/v1/", api_key="token-1", max_retries=0)


def chat(server: Loopback, model: str = MODEL) -> FoundryChat:
    url = server.url + "/openai/v1"
    return FoundryChat(Service(azure(Clock().world()), "Foundry", url, RESOURCE), model)


def asked(text: str = "hi", system: str = "be brief", history: tuple[Message, ...] = ()) -> Prompt:
    return Prompt((*history, Message("user", text)), system, 64)


def complete(server: Loopback, prompt: Prompt, model: str = MODEL, **more: Any) -> Any:
    messages: list[Any] = [{"role": role, "content": text} for role, text in prompt.messages]
    if prompt.system:
        messages.insert(0, {"role": "system", "content": prompt.system})
    return sdk(server).chat.completions.create(
        model=model, messages=messages, max_completion_tokens=prompt.max_output_tokens, **more
    )


def body(
    text: str | None = "fine", stop: str = "stop", tokens: tuple[int, int] = (7, 2), **more: Any
) -> dict[str, Any]:
    return {
        "id": "c1",
        "object": "chat.completion",
        "created": 1,
        "model": "gpt-5-nano",
        "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": {}}],
        "choices": [
            {
                "index": 0,
                "finish_reason": stop,
                "content_filter_results": {},
                "message": {"role": "assistant", "content": text, **more},
            }
        ],
        "usage": {
            "prompt_tokens": tokens[0],
            "completion_tokens": tokens[1],
            "total_tokens": sum(tokens),
            "completion_tokens_details": {"reasoning_tokens": 1},
        },
    }


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    TEXT,
    st.text(max_size=30),
    st.lists(st.tuples(TEXT, TEXT), max_size=3),
    st.sampled_from([MODEL, "gpt-5.1_mini", "ü/%2F~ ?#"]),
    TEXT,
    st.tuples(st.integers(0, 10**9), st.integers(0, 10**9)),
)
def test_request_and_answer_equal_the_sdks(  # noqa: PLR0917
    server: Loopback,
    text: str,
    system: str,
    turns: list[tuple[str, str]],
    model: str,
    answer: str,
    tokens: tuple[int, int],
) -> None:
    history = tuple(
        message for turn in turns for message in (Message("user", turn[0]), Message("assistant", turn[1]))
    )
    prompt = asked(text, system, history)
    server.scripts.clear()
    server.requests.clear()
    server.answer(reply(body=body(answer, tokens=tokens)))
    theirs = complete(server, prompt, model)
    mine = chat(server, model).answer(prompt, Deadline(5))
    their_request, our_request = server.requests
    assert (our_request.method, our_request.target) == (their_request.method, their_request.target)
    assert our_request.json() == their_request.json()
    for header in ("authorization", "content-type"):
        assert our_request.headers[header] == their_request.headers[header]
    usage = theirs.usage
    assert mine == Answer(
        theirs.choices[0].message.content, END, usage.prompt_tokens, usage.completion_tokens
    )


@pytest.mark.parametrize(
    ("reason", "neutral"),
    [
        ("stop", END), ("length", MAX_TOKENS), ("content_filter", CONTENT_FILTERED), ("tool_calls", TOOL_USE),
        ("function_call", TOOL_USE), ("bored", "bored"),
    ],
)  # fmt: skip
def test_reasons_to_stop_are_neutral_words(server: Loopback, reason: str, neutral: str) -> None:
    server.answer(reply(body=body(stop=reason)))
    assert chat(server).answer(asked(), Deadline(5)).stop_reason == neutral


def test_every_reason_that_the_sdk_knows_is_known(server: Loopback) -> None:
    from typing import get_args

    from openai.types.chat.chat_completion import Choice

    reasons = get_args(Choice.model_fields["finish_reason"].annotation)
    assert "stop" in reasons
    for reason in reasons:
        server.scripts.clear()
        server.answer(reply(body=body(stop=reason)))
        neutral = chat(server).answer(asked(), Deadline(5)).stop_reason
        assert neutral in (END, MAX_TOKENS, CONTENT_FILTERED, TOOL_USE)


def test_a_completion_without_text_is_empty(server: Loopback) -> None:
    server.answer(reply(body=body(None, "content_filter")))
    assert chat(server).answer(asked(), Deadline(5)) == Answer("", CONTENT_FILTERED, 7, 2)


def test_a_filtered_prompt_is_an_answer_that_says_so_and_counts(server: Loopback) -> None:
    server.answer(reply(400, FILTERED))
    with pytest.raises(openai.BadRequestError) as theirs:
        complete(server, asked())
    assert theirs.value.code == "content_filter"
    answer = chat(server).answer(asked("bad words", "be brief"), Deadline(5))
    tokens = estimate_tokens("bad words") + estimate_tokens("be brief")
    assert answer == Answer("", CONTENT_FILTERED, tokens, 0)
    assert list(chat(server).stream(asked("bad words", "be brief"), Deadline(5))) == [answer]


@pytest.mark.parametrize(
    ("status", "code", "theirs", "ours"),
    [
        (400, "context_length_exceeded", openai.BadRequestError, Refused),
        (401, "PermissionDenied", openai.AuthenticationError, Refused),
        (403, "Forbidden", openai.PermissionDeniedError, Refused),
        (404, "DeploymentNotFound", openai.NotFoundError, Refused),
        (408, "Timeout", openai.APIStatusError, Unavailable),
        (429, "RateLimitReached", openai.RateLimitError, Throttled),
        (500, "InternalServerError", openai.InternalServerError, Unavailable),
        (503, "ServiceUnavailable", openai.InternalServerError, Unavailable),
    ],
)
def test_an_error_is_named_as_by_the_sdk(
    server: Loopback, status: int, code: str, theirs: type[openai.APIStatusError], ours: type[Exception]
) -> None:
    server.answer(reply(status, {"error": {"code": code, "message": f"{code} it is", "type": None}}))
    with pytest.raises(theirs) as their_error:
        complete(server, asked())
    with pytest.raises(ours) as our_error:
        chat(server).answer(asked(), Deadline(5))
    error: Any = our_error.value
    assert (error.code, error.status) == (their_error.value.code, their_error.value.status_code)
    assert error.message == f"{code} it is"


def test_a_throttled_call_waits_as_long_as_the_sdk_would(server: Loopback) -> None:
    clock = Clock()
    service = Service(azure(clock.world()), "Foundry", server.url, RESOURCE)
    server.answer(
        reply(
            429, {"error": {"code": "429", "message": "slow"}}, {"retry-after-ms": "1300", "retry-after": "2"}
        ),
        reply(body=body()),
    )
    assert FoundryChat(service, MODEL).answer(asked(), Deadline(30, clock)).text == "fine"
    assert clock.slept == [1.3]


@pytest.mark.parametrize(
    "hostile",
    [
        b"", b"not json", b"[]", b"{}", b"[" * 100_000, {**body(), "choices": []},
        {**body(), "choices": None},
        {**body(), "choices": [None]}, {**body(), "choices": {"0": 1}}, body(stop=None),  # pyright: ignore
        {**body(), "choices": [{"finish_reason": "stop", "message": None}]}, body(5),  # pyright: ignore
        {**body(), "choices": [{"finish_reason": "stop", "message": {}}]}, body(["text"]),  # pyright: ignore
        {**body(), "usage": None}, {**body(), "usage": {"prompt_tokens": 1}},
        {**body(), "usage": {"prompt_tokens": "many", "completion_tokens": 1}},
    ],
    ids=lambda value: repr(value)[:40],
)  # fmt: skip
def test_a_response_that_is_no_completion_is_an_error(
    server: Loopback, hostile: bytes | Mapping[str, Any]
) -> None:
    server.answer(reply(body=hostile))
    with pytest.raises(Unavailable, match="MalformedResponse"):
        chat(server).answer(asked(), Deadline(5))
    assert len(server.requests) == 1, "it would be the same again"


def event(*choices: dict[str, Any], **more: Any) -> bytes:
    chunk = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-5-nano"}
    return b"data: " + json.dumps({**chunk, "choices": list(choices), **more}).encode() + b"\n\n"


def delta(content: str | None = None, stop: str | None = None, **more: Any) -> dict[str, Any]:
    fields = more if content is None else {"content": content, **more}
    return {"index": 0, "delta": fields, "finish_reason": stop}


USAGE = {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}
DONE = b"data: [DONE]\n\n"


def streamed(*texts: str, stop: str = "stop") -> list[bytes]:
    return [
        event(prompt_filter_results=[{"prompt_index": 0, "content_filter_results": {}}]),
        event(delta("", role="assistant", refusal=None)),
        *(event(delta(text)) for text in texts),
        event(delta(stop=stop)),
        event(usage=USAGE),
        DONE,
    ]


def test_a_stream_equals_the_sdks(server: Loopback) -> None:
    server.answer(chunked(*streamed("hel", "lo ", "漢🙂"), content_type=SSE))
    more = {"stream": True, "stream_options": {"include_usage": True}}
    theirs = [
        chunk.choices[0].delta.content
        for chunk in complete(server, asked(), **more)
        if chunk.choices and chunk.choices[0].delta.content
    ]
    *texts, answer = chat(server).stream(asked(), Deadline(5))
    assert texts == theirs == ["hel", "lo ", "漢🙂"]
    assert answer == Answer("hello 漢🙂", END, 7, 2)
    their_request, our_request = server.requests
    assert our_request.target == their_request.target
    assert our_request.json() == their_request.json()


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(TEXT, max_size=5), st.sets(st.integers(1, 400), max_size=10))
def test_a_stream_may_be_cut_anywhere(server: Loopback, texts: list[str], places: set[int]) -> None:
    whole = b"".join(streamed(*texts))
    edges = [0, *sorted(place for place in places if place < len(whole)), len(whole)]
    parts = [whole[start:end] for start, end in pairwise(edges)]
    server.scripts.clear()
    server.answer(chunked(*parts, content_type=SSE))
    *_, answer = chat(server).stream(asked(), Deadline(5))
    assert answer == Answer("".join(texts), END, 7, 2)


def test_a_stream_that_is_filtered_half_way_says_so(server: Loopback) -> None:
    server.answer(chunked(*streamed("once upon", stop="content_filter"), content_type=SSE))
    *_, answer = chat(server).stream(asked(), Deadline(5))
    assert answer == Answer("once upon", CONTENT_FILTERED, 7, 2)


def test_what_follows_the_usage_does_not_undo_it(server: Loopback) -> None:
    filter_results = event({**delta(), "content_filter_offsets": {"check_offset": 1}}, usage=None)
    parts = [*streamed("fine")[:-1], filter_results, DONE]
    server.answer(chunked(*parts, content_type=SSE))
    assert list(chat(server).stream(asked(), Deadline(5)))[-1] == Answer("fine", END, 7, 2)


def test_an_error_in_the_stream_is_raised_as_by_the_sdk(server: Loopback) -> None:
    broken = b'data: {"error": {"code": "429", "type": "too_many_requests", "message": "slow down"}}\n\n'
    server.answer(chunked(*streamed("hel")[:3], broken, content_type=SSE))
    with pytest.raises(openai.APIError, match="slow down") as theirs:
        list(complete(server, asked(), stream=True))
    stream = chat(server).stream(asked(), Deadline(5))
    assert next(stream) == "hel"
    with pytest.raises(Throttled) as ours:
        next(stream)
    assert ours.value.code == theirs.value.code
    assert ours.value.message == "slow down"


@pytest.mark.parametrize(
    "parts",
    [
        [], [DONE], streamed("a")[:-1], [*streamed("a")[:-2], DONE], [b"garbage"], [b"data: garbage\n\n"],
        [b"data: []\n\n"], [b"data: {}\n\n"], [b'data: {"error": "x"}\n\n'],
        [b"data: " + b"[" * 100_000 + b"\n\n"],
        [event({"index": 0})], [event(delta(stop="stop")), event(usage={}), DONE], [event(usage=USAGE), DONE],
        [event({"delta": None})], [b"x" * 2_000_000],
    ],
    ids=["empty", "done", "cut", "no usage", "garbage", "no json", "array", "object", "error", "deep",
         "no delta", "usage", "no reason", "delta", "too long"],
)  # fmt: skip
def test_a_malformed_stream_is_an_error(server: Loopback, parts: list[bytes]) -> None:
    server.answer(chunked(*parts, content_type=SSE))
    with pytest.raises(Unavailable, match="MalformedResponse"):
        list(chat(server).stream(asked(), Deadline(5)))


def test_a_throttled_stream_is_asked_again(server: Loopback) -> None:
    server.answer(reply(429), chunked(*streamed("fine"), content_type=SSE))
    assert next(chat(server).stream(asked(), Deadline(5))) == "fine"


@pytest.mark.parametrize(
    ("details", "cached"), [({"cached_tokens": 5}, 5), ({"cached_tokens": None}, 0), ({}, 0), (None, 0)]
)
def test_a_context_is_a_part_before_the_text_and_what_was_cached_is_told(
    server: Loopback, details: Any, cached: int
) -> None:
    content = body()
    content["usage"]["prompt_tokens_details"] = details
    server.answer(reply(body=content))
    parts: list[Any] = [{"type": "text", "text": "passages\n"}, {"type": "text", "text": "hi"}]
    messages: list[Any] = [{"role": "system", "content": "be brief"}, {"role": "user", "content": parts}]
    sdk(server).chat.completions.create(model=MODEL, messages=messages, max_completion_tokens=64)
    answer = chat(server).answer(asked()._replace(context="passages\n"), Deadline(5))
    assert server.requests[0].json() == server.requests[1].json()
    assert (answer.input_tokens, answer.cached_input_tokens) == (7, cached)
