"""Vertex's generateContent: Google's own SDK understands it, and every refusal is Google's."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from google import genai
from google.genai import errors
from google.genai.types import GenerateContentConfig, HttpOptions
from google.oauth2.credentials import Credentials
from google_local import HERE, Local

MODEL = "gemini-3.5-flash-lite"
PATH = f"/v1/{HERE}/locations/global/publishers/google/models/{MODEL}:generateContent"
PREDICT = "aiplatform.endpoints.predict"
HELLO = {"contents": [{"role": "user", "parts": [{"text": "The lamp is red. What is red?"}]}]}


@pytest.fixture
def sdk(local: Local) -> Iterator[Callable[..., genai.Client]]:
    """Google's own client, as the administrator or with another token."""
    made = list[genai.Client]()

    def make(token: str = "owner") -> genai.Client:
        made.append(
            genai.Client(
                vertexai=True,
                project="serverless-ai-local",
                location="global",
                credentials=Credentials(token),
                http_options=HttpOptions(base_url=local.url),
            )
        )
        return made[-1]

    yield make
    for client in made:
        client.close()


Sdk = Callable[..., genai.Client]


def test_googles_sdk_reads_an_answer(local: Local, sdk: Sdk) -> None:
    answer = sdk().models.generate_content(
        model=MODEL,
        contents="The lamp is red. What is red?",
        config=GenerateContentConfig(system_instruction="Be brief.", max_output_tokens=50, temperature=0.1),
    )
    assert "lamp is red" in str(answer.text)
    assert answer.candidates
    assert answer.candidates[0].finish_reason == "STOP"
    usage = answer.usage_metadata
    assert usage
    assert usage.total_token_count == (usage.prompt_token_count or 0) + (usage.candidates_token_count or 0)
    (call,) = local.models.calls()["calls"]
    assert (call["system"], call["max_tokens"], call["model"]) == ("Be brief.", 50, MODEL)


def test_googles_sdk_reads_a_stream(local: Local, sdk: Sdk) -> None:
    parts = list(sdk().models.generate_content_stream(model=MODEL, contents="Blue is a colour. What is?"))
    assert len(parts) > 2
    assert "Blue is a colour." in "".join(str(part.text or "") for part in parts)
    assert parts[-1].usage_metadata


def test_googles_sdk_sees_a_filtered_answer(local: Local, sdk: Sdk) -> None:
    local.models.faults.add({"kind": "filter"})
    answer = sdk().models.generate_content(model=MODEL, contents="hello")
    assert answer.candidates
    assert answer.candidates[0].finish_reason == "SAFETY"
    assert answer.text is None


@pytest.mark.parametrize(
    ("kind", "code", "status"),
    [
        ("throttle", 429, "RESOURCE_EXHAUSTED"),
        ("unavailable", 503, "UNAVAILABLE"),
        ("refuse", 400, "INVALID_ARGUMENT"),
    ],
)
def test_googles_sdk_raises_for_faults(local: Local, sdk: Sdk, kind: str, code: int, status: str) -> None:
    local.models.faults.add({"kind": kind, "times": 9})
    with pytest.raises(errors.APIError) as caught:
        sdk().models.generate_content(model=MODEL, contents="hello")
    assert (caught.value.code, caught.value.status) == (code, status)


def test_a_model_that_is_down_hangs_up(local: Local) -> None:
    local.models.faults.add({"kind": "down"})
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        local.send("POST", PATH, HELLO)


@pytest.mark.parametrize(
    ("body", "names"),
    [
        (b"", "contents"),
        (b"[]", "object"),
        (b"\xff", "object"),
        ({}, "contents"),
        ({"contents": []}, "contents"),
        ({"contents": "hi"}, "contents"),
        ({"contents": [{"role": "user", "parts": []}]}, "text"),
        ({"contents": [{"role": "system", "parts": [{"text": "x"}]}]}, "role"),
        ({**HELLO, "tools": []}, "tools"),
        ({**HELLO, "generationConfig": {"maxTokens": 5}}, "maxTokens"),
        ({**HELLO, "generationConfig": {"maxOutputTokens": 0}}, "maxOutputTokens"),
        ({**HELLO, "generationConfig": {"maxOutputTokens": "5"}}, "maxOutputTokens"),
        ({**HELLO, "generationConfig": []}, "generation_config"),
        ({**HELLO, "safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT"}]}, "threshold"),
    ],
    ids=lambda value: str(value)[-40:],
)
def test_what_is_wrong_is_named(local: Local, body: Any, names: str) -> None:
    answer = local.send("POST", PATH, body)
    assert answer.status == 400, answer
    assert answer.body["error"]["status"] == "INVALID_ARGUMENT"
    assert names in answer.body["error"]["message"]
    assert local.models.calls()["count"] == 0


def test_what_is_not_offered_is_said(local: Local) -> None:
    image = {"contents": [{"role": "user", "parts": [{"inlineData": {"mimeType": "image/png", "data": ""}}]}]}
    assert local.send("POST", PATH, image).status == 501
    assert (
        "countTokens"
        in local.send("POST", PATH.replace("generateContent", "countTokens"), HELLO).body["error"]["message"]
    )
    assert local.send("POST", PATH.replace(MODEL, "claude-x"), HELLO).status == 404


def test_a_stream_without_sse_is_a_list(local: Local) -> None:
    answer = local.send("POST", PATH.replace(":generate", ":streamGenerate"), HELLO)
    assert isinstance(answer.body, list)
    assert json.dumps(answer.body).count("finishReason") == 1


def test_an_account_needs_the_permission_to_predict(local: Local, sdk: Sdk) -> None:
    may, may_not = local.account("may", PREDICT), local.account("may-not")
    assert local.send("POST", PATH, HELLO, local.access_token(may)).status == 200
    answer = local.send("POST", PATH, HELLO, local.access_token(may_not))
    assert answer.status == 403
    assert answer.body["error"]["message"].startswith(f"Permission '{PREDICT}' denied on resource")
    assert answer.body["error"]["details"][0]["reason"] == "IAM_PERMISSION_DENIED"
    with pytest.raises(errors.APIError, match="PERMISSION_DENIED"):
        sdk(local.access_token(may_not)).models.generate_content(model=MODEL, contents="hello")
    assert [one["allowed"] for one in local.checks(may)] == [True]
    assert {one["allowed"] for one in local.checks(may_not)} == {False}


@pytest.mark.parametrize(("model", "least"), [(MODEL, 4096), ("gemini-2.5-flash", 2048)])
def test_the_beginning_of_a_long_prompt_is_kept(sdk: Sdk, model: str, least: int) -> None:
    def cached(question: str, times: int) -> int:
        answer = sdk().models.generate_content(model=model, contents="The oar is long. " * times + question)
        assert answer.usage_metadata
        return answer.usage_metadata.cached_content_token_count or 0

    assert cached("What is long?", least) == 0
    assert least <= cached("What is the oar?", least) < 5 * least + 10
    for _ in range(2):
        assert cached("What is that?", least // 10) == 0, "too short"
