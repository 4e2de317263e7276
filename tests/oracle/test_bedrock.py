"""Our Converse and ConverseStream against boto3's, over one scripted server."""

from __future__ import annotations

import json
import struct
from binascii import crc32
from collections.abc import Iterator, Mapping
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, EventStreamError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from loopback import Loopback, chunked, loopback, reply
from memory_ports import Clock

from serverless_ai_runtime.adapters.aws.bedrock import BedrockChat
from serverless_ai_runtime.adapters.aws.service import Aws, Service
from serverless_ai_runtime.config import AwsConfig
from serverless_ai_runtime.core.ports import (
    CONTENT_FILTERED,
    CONTEXT_EXCEEDED,
    END,
    MALFORMED,
    MAX_TOKENS,
    STOP_SEQUENCE,
    TOOL_USE,
    Answer,
    Deadline,
    Message,
    Prompt,
    Refused,
    Throttled,
    Unavailable,
)
from serverless_ai_runtime.http import HttpClient

MODEL = "us.amazon.nova-lite-v1:0"
KEYS = AwsConfig("us-east-1", "AKID", "secret", "token")
TEXT = st.text(min_size=1, max_size=60)


@pytest.fixture(scope="module")
def server() -> Iterator[Loopback]:
    with loopback() as running:
        yield running


@pytest.fixture(autouse=True)
def fresh(server: Loopback) -> None:
    server.scripts.clear()
    server.requests.clear()


@pytest.fixture(scope="module")
def boto(server: Loopback) -> Any:
    return boto3.client(
        "bedrock-runtime",
        endpoint_url=server.url,
        region_name=KEYS.region,
        aws_access_key_id=KEYS.access_key_id,
        aws_secret_access_key=KEYS.secret_access_key,
        aws_session_token=KEYS.session_token,
        config=Config(retries={"total_max_attempts": 1}),
    )


def chat(server: Loopback, model: str = MODEL, *guardrail: str) -> BedrockChat:
    world = Clock().world()
    service = Service(Aws(HttpClient(world), world, lambda: KEYS), "Bedrock", server.url, "bedrock")
    return BedrockChat(service, model, *guardrail)


def asked(text: str = "hi", system: str = "be brief", history: tuple[Message, ...] = ()) -> Prompt:
    return Prompt((*history, Message("user", text)), system, 64)


def converse(boto: Any, prompt: Prompt, model: str = MODEL, operation: str = "converse", **more: Any) -> Any:
    system = {"system": [{"text": prompt.system}]} if prompt.system else {}
    return getattr(boto, operation)(
        modelId=model,
        messages=[{"role": role, "content": [{"text": text}]} for role, text in prompt.messages],
        inferenceConfig={"maxTokens": prompt.max_output_tokens},
        **system,
        **more,
    )


def body(text: str = "fine", stop: str = "end_turn", tokens: tuple[int, int] = (7, 2)) -> dict[str, Any]:
    return {
        "output": {"message": {"role": "assistant", "content": [{"text": text}]}},
        "stopReason": stop,
        "usage": {"inputTokens": tokens[0], "outputTokens": tokens[1], "totalTokens": sum(tokens)},
        "metrics": {"latencyMs": 1},
    }


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=TEXT,
    system=st.text(max_size=30),
    turns=st.lists(st.tuples(TEXT, TEXT), max_size=3),
    model=st.sampled_from(
        [MODEL, "a.b-c", "arn:aws:bedrock:us-east-1:1:inference-profile/us.x-v1:0", "ü/%2F~ ?#"]
    ),
    answer=TEXT,
    tokens=st.tuples(st.integers(0, 10**9), st.integers(0, 10**9)),
)
def test_request_and_answer_equal_boto3s(
    *,
    server: Loopback,
    boto: Any,
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
    theirs = converse(boto, prompt, model)
    mine = chat(server, model).answer(prompt, Deadline(5))
    their_request, our_request = server.requests
    assert (our_request.method, our_request.target) == (their_request.method, their_request.target)
    assert our_request.json() == their_request.json()
    assert our_request.headers["content-type"] == their_request.headers["content-type"]
    usage = theirs["usage"]
    assert mine == Answer(
        theirs["output"]["message"]["content"][0]["text"], END, usage["inputTokens"], usage["outputTokens"]
    )


def test_a_guardrail_is_sent_as_boto3_does(server: Loopback, boto: Any) -> None:
    server.answer(reply(body=body()))
    guardrail = {"guardrailIdentifier": "g1", "guardrailVersion": "3"}
    converse(boto, asked(), guardrailConfig=guardrail)
    chat(server, MODEL, "g1", "3").answer(asked(), Deadline(5))
    assert server.requests[0].json() == server.requests[1].json()


STOPS = {
    "end_turn": END,
    "max_tokens": MAX_TOKENS,
    "stop_sequence": STOP_SEQUENCE,
    "tool_use": TOOL_USE,
    "content_filtered": CONTENT_FILTERED,
    "guardrail_intervened": CONTENT_FILTERED,
    "model_context_window_exceeded": CONTEXT_EXCEEDED,
    "malformed_model_output": MALFORMED,
    "malformed_tool_use": MALFORMED,
}


def test_every_stop_reason_of_the_service_is_translated(server: Loopback, boto: Any) -> None:
    known = boto.meta.service_model.shape_for("StopReason").enum
    assert set(known) == set(STOPS)
    for reason, neutral in STOPS.items():
        server.scripts.clear()
        server.answer(reply(body=body(stop=reason)))
        assert chat(server).answer(asked(), Deadline(5)).stop_reason == neutral


def test_a_stop_reason_of_the_future_is_passed_on(server: Loopback) -> None:
    server.answer(reply(body=body(stop="bored")))
    assert chat(server).answer(asked(), Deadline(5)).stop_reason == "bored"


def test_reasoning_is_not_part_of_the_answer(server: Loopback) -> None:
    answer = body()
    blocks = [{"reasoningContent": {"reasoningText": {"text": "hm"}}}, {"text": "a"}, {"text": "b"}]
    answer["output"]["message"]["content"] = blocks
    server.answer(reply(body=answer))
    assert chat(server).answer(asked(), Deadline(5)).text == "ab"


@pytest.mark.parametrize(
    "hostile",
    [
        b"", b"not json", b"[]", b"{}", b'{"output": null, "stopReason": "x", "usage": {}}', b"[" * 100_000,
        {**body(), "usage": {"inputTokens": "many", "outputTokens": 1}}, {**body(), "stopReason": None},
        {**body(), "stopReason": ["end_turn"]}, {**body(), "output": {"message": {"content": [{"text": 5}]}}},
        {**body(), "output": {"message": {"content": ["text"]}}},
    ],
    ids=lambda value: repr(value)[:40],
)  # fmt: skip
def test_a_response_that_is_not_converses_is_an_error(
    server: Loopback, hostile: bytes | Mapping[str, Any]
) -> None:
    server.answer(reply(body=hostile))
    with pytest.raises(Unavailable, match="MalformedResponse"):
        chat(server).answer(asked(), Deadline(5))
    assert len(server.requests) == 1, "it would be the same again"


def test_an_error_is_named_as_by_boto3(server: Loopback, boto: Any) -> None:
    headers = {"x-amzn-errortype": "ValidationException:http://internal.amazon.com/coral/"}
    server.answer(reply(400, {"message": "too many tokens"}, headers))
    with pytest.raises(ClientError) as theirs:
        converse(boto, asked())
    with pytest.raises(Refused) as ours:
        chat(server).answer(asked(), Deadline(5))
    error = theirs.value.response["Error"]
    assert (ours.value.code, ours.value.message) == (error["Code"], error["Message"])


def event(kind: str, payload: object, message_type: str = "event", **more: str) -> bytes:
    headers = {
        f":{message_type}-type": kind,
        ":content-type": "application/json",
        ":message-type": message_type,
    }
    data = b"".join(
        bytes((len(name),)) + name.encode() + b"\x07" + struct.pack("!H", len(value)) + value.encode()
        for name, value in (headers | more).items()
    )
    content = json.dumps(payload).encode()
    prelude = struct.pack("!II", 16 + len(data) + len(content), len(data))
    prelude += struct.pack("!I", crc32(prelude))
    whole = prelude + data + content
    return whole + struct.pack("!I", crc32(whole))


def streamed(*texts: str, stop: str = "end_turn") -> list[bytes]:
    return [
        event("messageStart", {"role": "assistant"}),
        *(event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": text}}) for text in texts),
        event("contentBlockStop", {"contentBlockIndex": 0}),
        event("messageStop", {"stopReason": stop}),
        event("metadata", {"usage": {"inputTokens": 7, "outputTokens": 2, "totalTokens": 9}}),
    ]


def test_a_stream_equals_boto3s(server: Loopback, boto: Any) -> None:
    server.answer(chunked(*streamed("hel", "lo ", "漢🙂")))
    theirs = [
        one["contentBlockDelta"]["delta"]["text"]
        for one in converse(boto, asked(), operation="converse_stream")["stream"]
        if "contentBlockDelta" in one
    ]
    *texts, answer = chat(server).stream(asked(), Deadline(5))
    assert texts == theirs == ["hel", "lo ", "漢🙂"]
    assert answer == Answer("hello 漢🙂", END, 7, 2)
    their_request, our_request = server.requests
    assert our_request.target == their_request.target
    assert our_request.json() == their_request.json()


def test_an_exception_in_the_stream_is_named_as_by_boto3(server: Loopback, boto: Any) -> None:
    broken = event("throttlingException", {"message": "slow down"}, "exception")
    server.answer(chunked(*streamed("hel")[:2], broken))
    with pytest.raises(EventStreamError) as theirs:
        list(converse(boto, asked(), operation="converse_stream")["stream"])
    stream = chat(server).stream(asked(), Deadline(5))
    assert next(stream) == "hel"
    with pytest.raises(Throttled) as ours:
        next(stream)
    error = theirs.value.response["Error"]
    assert ours.value.code.lower() == error["Code"].lower()
    assert ours.value.message == error["Message"]


def test_an_unmodelled_error_in_the_stream_is_raised(server: Loopback) -> None:
    failure = event("", {}, "error", **{":error-code": "InternalError", ":error-message": "oops"})
    server.answer(chunked(failure))
    with pytest.raises(Refused, match=r"InternalError.*oops"):
        list(chat(server).stream(asked(), Deadline(5)))


@pytest.mark.parametrize(
    "parts",
    [
        [],
        streamed("a")[:3],
        [b"garbage that is long enough to be a prelude"],
        [streamed("a")[1][:-1] + b"x"],
        [event("contentBlockDelta", {"delta": "text"})],
        [event("contentBlockDelta", [])],
        [event("messageStop", {})],
        [event("metadata", {"usage": {}})],
    ],
    ids=["empty", "cut", "garbage", "checksum", "delta", "payload", "stop", "usage"],
)
def test_a_malformed_stream_is_an_error(server: Loopback, parts: list[bytes]) -> None:
    server.answer(chunked(*parts))
    with pytest.raises(Unavailable, match="MalformedResponse"):
        list(chat(server).stream(asked(), Deadline(5)))


def test_a_throttled_stream_is_asked_again(server: Loopback) -> None:
    server.answer(reply(429, {"message": "slow"}), chunked(*streamed("fine")))
    assert next(chat(server).stream(asked(), Deadline(5))) == "fine"


KEPT_USAGE = {"inputTokens": 3, "outputTokens": 2, "totalTokens": 2005}


@pytest.mark.parametrize("keep", [False, True])
def test_a_context_is_a_block_before_the_text_and_a_cache_point_follows_where_it_is_to_be_kept(
    server: Loopback, boto: Any, keep: bool
) -> None:
    prompt = asked("why?", history=(Message("user", "first"), Message("assistant", "yes")))
    prompt = prompt._replace(context="passages\n", keep_context=keep)
    usage = KEPT_USAGE | {"cacheReadInputTokens": 1500, "cacheWriteInputTokens": 500}
    server.answer(reply(body=body() | {"usage": usage}))
    point: list[Any] = [{"cachePoint": {"type": "default"}}] if keep else []
    boto.converse(
        modelId=MODEL,
        messages=[
            {"role": "user", "content": [{"text": "passages\n"}, *point, {"text": "first"}]},
            {"role": "assistant", "content": [{"text": "yes"}]},
            {"role": "user", "content": [{"text": "why?"}]},
        ],
        inferenceConfig={"maxTokens": 64},
        system=[{"text": "be brief"}],
    )
    answer = chat(server).answer(prompt, Deadline(5))
    assert server.requests[0].json() == server.requests[1].json()
    assert (answer.input_tokens, answer.cached_input_tokens) == (2003, 1500), "what was not cached counts too"


def test_a_prompt_without_a_context_has_no_cache_point(server: Loopback) -> None:
    server.answer(reply(body=body()))
    answer = chat(server).answer(asked()._replace(keep_context=True), Deadline(5))
    assert server.requests[0].json()["messages"] == [{"role": "user", "content": [{"text": "hi"}]}]
    assert answer.cached_input_tokens == 0
