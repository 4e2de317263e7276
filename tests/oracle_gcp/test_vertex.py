"""Our generateContent and streamGenerateContent against google-genai's, over one scripted server."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from google import genai
from google.genai import _api_client, errors, types
from google.genai.types import FinishReason
from google_calls import cloud
from google_fakes import ENDPOINT, answered
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from loopback import Loopback, chunked, reply
from memory_ports import Clock

from serverless_ai_runtime.adapters.gcp.errors import decode
from serverless_ai_runtime.adapters.gcp.vertex import VertexChat, vertex_service
from serverless_ai_runtime.core.ports import (
    CONTENT_FILTERED,
    END,
    MALFORMED,
    MAX_TOKENS,
    Answer,
    Deadline,
    Message,
    Prompt,
    Refused,
    ServiceError,
    Throttled,
    Unavailable,
)
from serverless_ai_runtime.http import Response

MODEL = "gemini-3.5-flash-lite"
TEXT = st.text(min_size=1, max_size=60)
EVENT_STREAM = "text/event-stream"


@pytest.fixture(autouse=True)
def fresh(server: Loopback) -> None:
    server.scripts.clear()
    server.requests.clear()


@pytest.fixture(scope="module")
def sdk(server: Loopback, credentials: Any) -> genai.Client:
    options = types.HttpOptions(base_url=server.url, api_version="v1")
    return genai.Client(
        vertexai=True, project="p1", location="global", credentials=credentials, http_options=options
    )


def chat(server: Loopback, model: str = MODEL, threshold: str = "") -> VertexChat:
    here = cloud(Clock().world(), "sdk-token")
    return VertexChat(vertex_service(here, ENDPOINT, server.url), ENDPOINT, model, threshold)


def asked(text: str = "hi", system: str = "be brief", history: tuple[Message, ...] = ()) -> Prompt:
    return Prompt((*history, Message("user", text)), system, 64)


def request_of(prompt: Prompt, **more: Any) -> dict[str, Any]:
    roles = {"user": "user", "assistant": "model"}
    return {
        "contents": [
            types.Content(role=roles[role], parts=[types.Part(text=text)]) for role, text in prompt.messages
        ],
        "config": types.GenerateContentConfig(
            max_output_tokens=prompt.max_output_tokens, system_instruction=prompt.system or None, **more
        ),
    }


def sent(received: Any) -> dict[str, Any]:
    """The request's body, without the role that the SDK gives to system instructions, and Vertex ignores."""
    body = received.json()
    body.get("systemInstruction", {}).pop("role", None)
    return body


def usage_of(theirs: types.GenerateContentResponse) -> tuple[int, int]:
    usage = theirs.usage_metadata
    assert usage is not None
    output = (usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0)
    return usage.prompt_token_count or 0, output


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=TEXT,
    system=st.text(max_size=30),
    turns=st.lists(st.tuples(TEXT, TEXT), max_size=3),
    answer=TEXT,
    tokens=st.tuples(st.integers(0, 10**9), st.integers(0, 10**9)),
)
def test_request_and_answer_equal_the_sdks(
    *,
    server: Loopback,
    sdk: genai.Client,
    text: str,
    system: str,
    turns: list[tuple[str, str]],
    answer: str,
    tokens: tuple[int, int],
) -> None:
    history = tuple(
        message for turn in turns for message in (Message("user", turn[0]), Message("assistant", turn[1]))
    )
    prompt = asked(text, system, history)
    server.scripts.clear()
    server.requests.clear()
    server.answer(reply(body=answered(answer, tokens=tokens)))
    theirs = sdk.models.generate_content(model=MODEL, **request_of(prompt))
    mine = chat(server).answer(prompt, Deadline(5))
    their_request, our_request = server.requests
    assert (our_request.method, our_request.target) == (their_request.method, their_request.target)
    assert sent(our_request) == sent(their_request)
    for header in ("content-type", "authorization"):
        assert our_request.headers[header] == their_request.headers[header]
    assert mine == Answer(theirs.text or "", END, *usage_of(theirs))


@pytest.mark.parametrize("threshold", ["BLOCK_LOW_AND_ABOVE", "BLOCK_ONLY_HIGH"])
def test_filters_are_asked_for_as_the_sdk_does(server: Loopback, sdk: genai.Client, threshold: str) -> None:
    server.answer(reply(body=answered("fine")))
    harms = ("HARASSMENT", "HATE_SPEECH", "SEXUALLY_EXPLICIT", "DANGEROUS_CONTENT")
    filters = [
        types.SafetySetting(
            category=types.HarmCategory[f"HARM_CATEGORY_{harm}"],
            threshold=types.HarmBlockThreshold[threshold],
        )
        for harm in harms
    ]
    sdk.models.generate_content(model=MODEL, **request_of(asked(), safety_settings=filters))
    chat(server, MODEL, threshold).answer(asked(), Deadline(5))
    assert sent(server.requests[0]) == sent(server.requests[1])


@pytest.mark.parametrize("location", ["global", "us", "eu", "europe-west1", "us-central1"])
def test_a_location_is_served_where_the_sdk_looks_for_it(location: str, credentials: Any) -> None:
    theirs = genai.Client(vertexai=True, project="p", location=location, credentials=credentials)
    ours = vertex_service(cloud(Clock().world()), f"projects/p/locations/{location}")
    base = theirs._api_client._http_options.base_url  # pyright: ignore
    assert base == ours.url + "/"


STOPS = {
    **dict.fromkeys(("STOP",), END),
    **dict.fromkeys(("MAX_TOKENS",), MAX_TOKENS),
    **dict.fromkeys(
        ("SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "MODEL_ARMOR"), CONTENT_FILTERED
    ),
    **dict.fromkeys(("MALFORMED_FUNCTION_CALL", "MALFORMED_RESPONSE", "UNEXPECTED_TOOL_CALL"), MALFORMED),
}
# Nothing that this adapter asks for ends so: pictures, tools, languages, agents. They are passed on.
PASSED_ON = {
    "FINISH_REASON_UNSPECIFIED", "LANGUAGE", "OTHER", "IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT",
    "IMAGE_OTHER", "NO_IMAGE", "IMAGE_RECITATION", "TOO_MANY_TOOL_CALLS", "MISSING_THOUGHT_SIGNATURE",
    "ESCALATION",
    "PUP_LIMITED_DISABLED", "CONTINUATION",
}  # fmt: skip


def test_every_finish_reason_of_the_service_is_known() -> None:
    assert {reason.value for reason in FinishReason} == set(STOPS) | PASSED_ON


@pytest.mark.parametrize(
    ("reason", "neutral"), [*STOPS.items(), *((name, name) for name in (*sorted(PASSED_ON), "BORED"))]
)
def test_a_finish_reason_is_translated_or_passed_on(server: Loopback, reason: str, neutral: str) -> None:
    server.answer(reply(body=answered("text", reason)))
    assert chat(server).answer(asked(), Deadline(5)) == Answer("text", neutral, 7, 2)


@pytest.mark.parametrize("reason", ["SAFETY", "MAX_TOKENS"])
def test_an_answer_may_have_no_content_at_all(server: Loopback, reason: str) -> None:
    for candidate in (
        {"finishReason": reason},
        {"finishReason": reason, "content": {"role": "model"}},
        {"finishReason": reason, "content": {"parts": [{}]}},
    ):
        server.scripts.clear()
        server.answer(reply(body={"candidates": [candidate], "usageMetadata": {"promptTokenCount": 7}}))
        assert chat(server).answer(asked(), Deadline(5)) == Answer("", STOPS[reason], 7, 0)


@pytest.mark.parametrize("reason", [one.value for one in types.BlockedReason])
def test_a_blocked_prompt_is_an_answer_that_says_so(server: Loopback, reason: str) -> None:
    feedback = {"promptFeedback": {"blockReason": reason, "safetyRatings": []}}
    usage = {"usageMetadata": {"promptTokenCount": 5, "totalTokenCount": 5}}
    server.answer(reply(body=feedback | usage))
    assert chat(server).answer(asked(), Deadline(5)) == Answer("", CONTENT_FILTERED, 5, 0)


def test_a_blocked_prompt_is_counted_even_where_vertex_does_not(server: Loopback) -> None:
    server.answer(reply(body={"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}))
    answer = chat(server).answer(asked("word " * 100), Deadline(5))
    assert (answer.stop_reason, answer.output_tokens) == (CONTENT_FILTERED, 0)
    assert 100 <= answer.input_tokens <= 300


def test_thoughts_are_paid_for_and_not_part_of_the_answer(server: Loopback, sdk: genai.Client) -> None:
    body = answered("")
    body["candidates"][0]["content"]["parts"] = [
        {"text": "hm, ", "thought": True}, {"text": "a", "thoughtSignature": "c2ln"}, {"text": "b"},
    ]  # fmt: skip
    body["usageMetadata"]["thoughtsTokenCount"] = 40
    server.answer(reply(body=body))
    theirs = sdk.models.generate_content(model=MODEL, **request_of(asked()))
    mine = chat(server).answer(asked(), Deadline(5))
    assert mine == Answer(theirs.text or "", END, *usage_of(theirs)) == Answer("ab", END, 7, 42)


def without(*path: str) -> dict[str, Any]:
    body: Any = answered("fine")
    inner = body
    for name in path[:-1]:
        inner = inner[name]
    del inner[path[-1]]
    return body


def candidate(**fields: Any) -> dict[str, Any]:
    return {**answered("fine"), "candidates": [{"finishReason": "STOP", **fields}]}


@pytest.mark.parametrize(
    "hostile",
    [
        b"", b"not json", b"[]", b"{}", b"null", b'"text"', b"[" * 100_000, without("candidates"),
        without("usageMetadata"), without("usageMetadata", "promptTokenCount"), {"candidates": []},
        {"candidates": {"a": 1}}, {"candidates": "text"}, {"candidates": [None]}, {"candidates": ["text"]},
        answered("a") | {"usageMetadata": {"promptTokenCount": "many"}},
        answered("a") | {"usageMetadata": {"promptTokenCount": 1e999}},
        answered("a") | {"usageMetadata": [1]}, answered("a") | {"promptFeedback": 5},
        candidate(finishReason=None), candidate(finishReason=["STOP"]), candidate(finishReason=""),
        candidate(content=[]), candidate(content="text"), candidate(content={"parts": 5}),
        candidate(content={"parts": ["text"]}), candidate(content={"parts": [{"text": 5}]}),
        candidate(content={"parts": [None]}), {"candidates": [{"content": {"parts": [{"text": "cut"}]}}]},
    ],
    ids=lambda value: repr(value)[:60],
)  # fmt: skip
def test_a_response_that_is_not_vertexs_is_an_error(
    server: Loopback, hostile: bytes | Mapping[str, Any]
) -> None:
    server.answer(reply(body=hostile))
    with pytest.raises(Unavailable, match="MalformedResponse"):
        chat(server).answer(asked(), Deadline(5))
    assert len(server.requests) == 1, "it would be the same again"


def failed(status: int, code: str, message: str) -> dict[str, Any]:
    return {"error": {"code": status, "message": message, "status": code}}


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, "INVALID_ARGUMENT"), (403, "PERMISSION_DENIED"), (404, "NOT_FOUND"), (400, "FAILED_PRECONDITION")],
)
def test_an_error_is_named_as_by_the_sdk(server: Loopback, sdk: genai.Client, status: int, code: str) -> None:
    server.answer(reply(status, failed(status, code, "the input token count exceeds the maximum")))
    with pytest.raises(errors.ClientError) as theirs:
        sdk.models.generate_content(model=MODEL, **request_of(asked()))
    with pytest.raises(Refused) as ours:
        chat(server).answer(asked(), Deadline(5))
    assert (ours.value.status, ours.value.code, ours.value.message) == (
        theirs.value.code, theirs.value.status, theirs.value.message,
    )  # fmt: skip


def test_what_the_sdk_tries_again_we_do(server: Loopback) -> None:
    for status in _api_client._RETRY_HTTP_STATUS_CODES:  # pyright: ignore
        error = decode("Vertex", "GenerateContent", Response(status, {}, b""))
        assert error.retryable, status


def test_a_throttled_call_is_asked_again(server: Loopback) -> None:
    server.answer(reply(429, failed(429, "RESOURCE_EXHAUSTED", "slow")), reply(body=answered("fine")))
    assert chat(server).answer(asked(), Deadline(5)).text == "fine"


def test_what_stays_throttled_is_told_so(server: Loopback) -> None:
    server.answer(reply(429, failed(429, "RESOURCE_EXHAUSTED", "slow")))
    with pytest.raises(Throttled, match="RESOURCE_EXHAUSTED"):
        chat(server).answer(asked(), Deadline(5))
    assert len(server.requests) == 4


def event(body: object, end: bytes = b"\r\n\r\n") -> bytes:
    return b"data: " + json.dumps(body).encode() + end


def piece(text: str) -> dict[str, Any]:
    return {"candidates": [{"content": {"role": "model", "parts": [{"text": text}]}}], "modelVersion": MODEL}


def streamed(*texts: str) -> list[bytes]:
    *first, last = texts
    return [*(event(piece(text)) for text in first), event(answered(last))]


def test_a_stream_equals_the_sdks(server: Loopback, sdk: genai.Client) -> None:
    server.answer(chunked(*streamed("hel", "lo ", "漢🙂"), content_type=EVENT_STREAM))
    theirs = [one.text for one in sdk.models.generate_content_stream(model=MODEL, **request_of(asked()))]
    *texts, answer = chat(server).stream(asked(), Deadline(5))
    assert texts == theirs == ["hel", "lo ", "漢🙂"]
    assert answer == Answer("hello 漢🙂", END, 7, 2)
    their_request, our_request = server.requests
    assert our_request.target == their_request.target
    assert sent(our_request) == sent(their_request)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(TEXT, min_size=1, max_size=5), st.integers(1, 7))
def test_however_a_stream_is_cut_it_is_the_same(server: Loopback, texts: list[str], size: int) -> None:
    whole = b"".join(streamed(*texts))
    parts = [whole[start : start + size * 20] for start in range(0, len(whole), size * 20)]
    server.scripts.clear()
    server.answer(chunked(*parts, content_type=EVENT_STREAM))
    *pieces, answer = chat(server).stream(asked(), Deadline(5))
    assert pieces == texts
    assert answer == Answer("".join(texts), END, 7, 2)


def test_the_usage_of_a_stream_is_what_it_says_last(server: Loopback) -> None:
    first = piece("a") | {"usageMetadata": {"promptTokenCount": 7, "candidatesTokenCount": 1}}
    server.answer(chunked(event(first), event(answered("b", tokens=(7, 9))), content_type=EVENT_STREAM))
    assert list(chat(server).stream(asked(), Deadline(5)))[-1] == Answer("ab", END, 7, 9)


def test_a_stream_of_a_blocked_prompt_is_an_answer_that_says_so(server: Loopback) -> None:
    blocked = {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 5}}
    server.answer(chunked(event(blocked), content_type=EVENT_STREAM))
    assert list(chat(server).stream(asked(), Deadline(5))) == [Answer("", CONTENT_FILTERED, 5, 0)]


def test_an_error_in_the_stream_is_raised_after_what_came_before(server: Loopback) -> None:
    failure = event(failed(429, "RESOURCE_EXHAUSTED", "slow down"))
    server.answer(chunked(*streamed("hel", "lo")[:1], failure, content_type=EVENT_STREAM))
    stream = chat(server).stream(asked(), Deadline(5))
    assert next(stream) == "hel"
    with pytest.raises(Throttled, match="slow down"):
        next(stream)


@pytest.mark.parametrize(("status", "kind"), [(400, Refused), (429, Throttled), (503, Unavailable)])
def test_an_error_before_the_stream_stands_in_a_list(
    server: Loopback, status: int, kind: type[ServiceError]
) -> None:
    server.answer(reply(status, json.dumps([failed(status, "SO_IT_IS", "so it is")]).encode()))
    with pytest.raises(kind, match=r"SO_IT_IS \(\d+\): so it is"):
        list(chat(server).stream(asked(), Deadline(5)))


@pytest.mark.parametrize(
    "parts",
    [
        [], streamed("a", "b")[:1], [streamed("a")[0].rstrip()], [b"data: {\r\n\r\n"], [b"data: []\r\n\r\n"],
        [b"data: 5\r\n\r\n"], [event({"candidates": [5]})], [event({**answered("a"), "usageMetadata": 5})],
        [b"data: " + b"[" * 100_000 + b"\r\n\r\n"], [b"data: " + b"x" * 2_000_000],
    ],
    ids=["empty", "cut", "unfinished", "json", "list", "number", "candidate", "usage", "depth", "length"],
)  # fmt: skip
def test_a_malformed_stream_is_an_error(server: Loopback, parts: list[bytes]) -> None:
    server.answer(chunked(*parts, content_type=EVENT_STREAM))
    with pytest.raises(Unavailable, match="MalformedResponse"):
        list(chat(server).stream(asked(), Deadline(5)))


def test_a_throttled_stream_is_asked_again(server: Loopback) -> None:
    server.answer(reply(429), chunked(*streamed("fine"), content_type=EVENT_STREAM))
    assert next(chat(server).stream(asked(), Deadline(5))) == "fine"


def test_a_context_is_a_part_before_the_text_and_what_was_cached_is_told(
    server: Loopback, sdk: genai.Client
) -> None:
    usage = {"promptTokenCount": 5000, "candidatesTokenCount": 2, "cachedContentTokenCount": 4096}
    candidate = {"content": {"role": "model", "parts": [{"text": "fine"}]}, "finishReason": "STOP"}
    server.answer(reply(body={"candidates": [candidate], "usageMetadata": usage}))
    parts = [types.Part(text="passages\n"), types.Part(text="hi")]
    config = types.GenerateContentConfig(max_output_tokens=64, system_instruction="be brief")
    sdk.models.generate_content(
        model=MODEL, contents=[types.Content(role="user", parts=parts)], config=config
    )
    answer = chat(server).answer(asked()._replace(context="passages\n"), Deadline(5))
    assert sent(server.requests[0]) == sent(server.requests[1])
    assert (answer.input_tokens, answer.cached_input_tokens) == (5000, 4096)
