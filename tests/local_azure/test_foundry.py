"""The local Foundry through OpenAI's own SDK, and what it refuses in Foundry's words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import openai
import pytest

from serverless_ai_patterns.azure import roles

AUDIENCE = "https://ai.azure.com"


@pytest.fixture(scope="module")
def account(subscription: Any) -> Any:
    made = subscription.make(
        "cognitiveservices:Account", kind="AIServices", properties={"disableLocalAuth": True}
    )
    subscription.make(
        "cognitiveservices:Deployment",
        accountName=made.name,
        deploymentName="chat",
        properties={"model": {"format": "OpenAI", "name": "gpt-5.4-nano", "version": "2026-03-17"}},
    )
    return made


@pytest.fixture(scope="module")
def base_url(account: Any) -> str:
    return account.outputs["properties"]["endpoint"] + "openai/v1"


@pytest.fixture
def sdk(
    cloud: Any, subscription: Any, account: Any, base_url: str, principal: str
) -> Iterator[openai.OpenAI]:
    subscription.grant(principal, roles.CALL_MODEL, account)
    with openai.OpenAI(
        base_url=base_url, api_key=subscription.token(AUDIENCE, principal), max_retries=0
    ) as client:
        yield client
    cloud.admin("DELETE", "model/faults")


MESSAGES: list[Any] = [
    {"role": "system", "content": "be brief"},
    {"role": "user", "content": "The ball is green. What is green?"},
]


def test_the_sdk_gets_an_answer(sdk: openai.OpenAI) -> None:
    answer = sdk.chat.completions.create(model="chat", messages=MESSAGES, max_completion_tokens=50)
    assert "ball" in (answer.choices[0].message.content or "")
    assert answer.choices[0].finish_reason == "stop"
    assert answer.model == "gpt-5.4-nano-2026-03-17"
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 0


def test_a_streamed_answer_is_the_same_one(sdk: openai.OpenAI) -> None:
    whole = sdk.chat.completions.create(model="chat", messages=MESSAGES)
    chunks = list(
        sdk.chat.completions.create(
            model="chat", messages=MESSAGES, stream=True, stream_options={"include_usage": True}
        )
    )
    text = "".join(one.choices[0].delta.content or "" for one in chunks if one.choices)
    assert text == whole.choices[0].message.content
    assert chunks[-1].choices == []
    assert chunks[-1].usage == whole.usage
    reasons = [one.choices[0].finish_reason for one in chunks if one.choices]
    assert reasons[-1] == "stop"
    assert set(reasons[:-1]) == {None}


def test_an_answer_that_is_cut_says_so(sdk: openai.OpenAI) -> None:
    answer = sdk.chat.completions.create(model="chat", messages=MESSAGES, max_completion_tokens=2)
    assert answer.choices[0].finish_reason == "length"


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("throttle", openai.RateLimitError),
        ("unavailable", openai.InternalServerError),
        ("refuse", openai.BadRequestError),
        ("down", openai.APIConnectionError),
    ],
)
def test_faults_are_errors_of_the_sdk(cloud: Any, sdk: openai.OpenAI, kind: str, error: type) -> None:
    cloud.admin("POST", "model/faults", {"kind": kind})
    with pytest.raises(error):
        sdk.chat.completions.create(model="chat", messages=MESSAGES)
    assert sdk.chat.completions.create(model="chat", messages=MESSAGES).choices


def test_a_filtered_answer_has_its_own_reason(cloud: Any, sdk: openai.OpenAI) -> None:
    cloud.admin("POST", "model/faults", {"kind": "filter"})
    answer = sdk.chat.completions.create(model="chat", messages=MESSAGES)
    assert answer.choices[0].finish_reason == "content_filter"


def test_what_it_does_not_know_is_refused_by_name(sdk: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="deployment"):
        sdk.chat.completions.create(model="another", messages=MESSAGES)
    with pytest.raises(openai.BadRequestError, match="logit_bias"):
        sdk.chat.completions.create(model="chat", messages=MESSAGES, logit_bias={"1": 1})
    with pytest.raises(openai.BadRequestError, match="one choice"):
        sdk.chat.completions.create(model="chat", messages=MESSAGES, n=2)
    with pytest.raises(openai.BadRequestError, match="messages"):
        sdk.chat.completions.create(model="chat", messages=[])
    with pytest.raises(openai.BadRequestError, match="embeddings operation does not work"):
        sdk.embeddings.create(model="chat", input="x")
    with pytest.raises(openai.NotFoundError, match="not offered"):
        sdk.completions.create(model="chat", prompt="x")


def test_without_the_role_it_is_denied_and_written_down(
    subscription: Any, base_url: str, principal: str, call: Any
) -> None:
    token = subscription.token(AUDIENCE, principal)
    reply = call("POST", f"{base_url}/chat/completions", token, {"model": "chat", "messages": MESSAGES})
    assert reply.status == 401
    assert reply.body["error"]["code"] == "PermissionDenied"
    (check,) = subscription.checks(principal)
    assert not check["allowed"]
    assert check["action"].endswith("/chat/completions/action")
    assert check["message"] == reply.body["error"]["message"]


def test_a_role_on_another_account_does_not_count(
    subscription: Any, base_url: str, principal: str, call: Any
) -> None:
    subscription.grant(
        principal, roles.CALL_MODEL, subscription.make("cognitiveservices:Account", kind="AIServices")
    )
    token = subscription.token(AUDIENCE, principal)
    body = {"model": "chat", "messages": MESSAGES}
    assert call("POST", f"{base_url}/chat/completions", token, body).status == 401


def test_keys_are_off(base_url: str, call: Any) -> None:
    reply = call("POST", f"{base_url}/chat/completions", headers={"api-key": "k"}, body={})
    assert (reply.status, reply.body["error"]["code"]) == (403, "AuthenticationTypeDisabled")


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", {"model": "chat"}, {"messages": MESSAGES}])
def test_a_broken_body_is_400(subscription: Any, base_url: str, call: Any, body: object) -> None:
    reply = call("POST", f"{base_url}/chat/completions", subscription.token(AUDIENCE), body)
    assert reply.status == 400, reply


def test_the_beginning_of_a_long_prompt_is_kept(sdk: openai.OpenAI) -> None:
    def cached(question: str, passages: str) -> int:
        messages: list[Any] = [{"role": "user", "content": f"{passages} {question}"}]
        usage = sdk.chat.completions.create(model="chat", messages=messages).usage
        assert usage is not None
        assert usage.prompt_tokens_details is not None
        return usage.prompt_tokens_details.cached_tokens or 0

    passages = "The keel is heavy. " * 300
    assert cached("What is heavy?", passages) == 0
    found = cached("What is the keel?", passages)
    assert found >= 1024
    assert (found - 1024) % 128 == 0
    assert cached("What is heavy?", "The keel is light. " * 300) == 0
    assert cached("What is heavy?", "The keel is heavy. ") == 0
    assert cached("What is heavy?", "The keel is heavy. ") == 0, "too short"
