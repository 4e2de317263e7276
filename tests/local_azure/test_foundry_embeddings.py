"""Embeddings of the local Foundry: by our embedder, by OpenAI's SDK, and what is beyond their limits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import openai
import pytest
from azure_callers import ours

from serverless_ai_local.azure.access import _may
from serverless_ai_local.azure.roles import ROLES
from serverless_ai_local.models.embedding import embed
from serverless_ai_patterns.azure import roles
from serverless_ai_runtime.adapters.azure import embeddings, foundry
from serverless_ai_runtime.adapters.azure.embeddings import FoundryEmbedder
from serverless_ai_runtime.adapters.service import Service
from serverless_ai_runtime.core.ports import Deadline, Refused


@pytest.fixture(scope="module")
def account(subscription: Any) -> Any:
    made = subscription.make("cognitiveservices:Account", kind="AIServices")
    for name, model in (
        ("embed", "text-embedding-3-small"), ("ada", "text-embedding-ada-002"), ("chat", "gpt-5.4-nano"),
    ):  # fmt: skip
        subscription.make(
            "cognitiveservices:Deployment",
            accountName=made.name,
            deploymentName=name,
            properties={"model": {"format": "OpenAI", "name": model, "version": "1"}},
        )
    return made


@pytest.fixture
def sdk(subscription: Any, account: Any) -> Iterator[openai.OpenAI]:
    url = account.outputs["properties"]["endpoint"] + "openai/v1"
    with openai.OpenAI(base_url=url, api_key=subscription.token(foundry.RESOURCE), max_retries=0) as client:
        yield client


def embedder(subscription: Any, account: Any, principal: str) -> FoundryEmbedder:
    url = account.outputs["properties"]["endpoint"] + "openai/v1"
    return FoundryEmbedder(
        Service(ours(subscription, principal), "Foundry", url, foundry.RESOURCE), "embed", 256
    )


def test_our_embedder_gets_the_local_models_vectors(subscription: Any, account: Any, principal: str) -> None:
    subscription.grant(principal, roles.CALL_MODEL, account)
    texts = ["the tide is high", "漢字🙂", '"; DROP']
    found = embedder(subscription, account, principal).embed(texts, Deadline(10))
    for vector, text in zip(found, texts, strict=True):
        assert vector == pytest.approx(embed(text, 256), abs=1e-6)
    (check,) = subscription.checks(principal)
    assert (check["action"], check["allowed"]) == (embeddings.DATA_ACTIONS[0], True)


def test_without_the_role_it_is_refused(subscription: Any, account: Any, principal: str) -> None:
    with pytest.raises(Refused, match=r"PermissionDenied.*embeddings/action"):
        embedder(subscription, account, principal).embed(["a"], Deadline(10))


def test_the_sdk_gets_numbers_or_base64(sdk: openai.OpenAI) -> None:
    plain = sdk.embeddings.create(model="embed", input="tide", encoding_format="float")
    packed = sdk.embeddings.create(model="embed", input=["tide", "lamp"])
    assert len(plain.data[0].embedding) == 1536
    assert packed.data[0].embedding == pytest.approx(plain.data[0].embedding, abs=1e-6)
    assert (plain.usage.prompt_tokens, packed.usage.total_tokens) == (1, 2)


@pytest.mark.parametrize(
    ("wish", "why"),
    [
        ({"input": []}, "input"), ({"input": ""}, "empty"), ({"input": ["a", ""]}, "empty"),
        ({"input": ["a"] * 2049}, "at most 2048"), ({"input": "a " * 8193}, "maximum context length"),
        ({"input": ["a " * 8000] * 38}, "max 300000 tokens"), ({"input": [1, 2]}, "input"),
        ({"dimensions": 1537}, "1..1536"), ({"dimensions": 0}, "1..1536"),
        ({"model": "ada", "dimensions": 256}, "does not support specifying dimensions"),
        ({"encoding_format": "hex"}, "encoding_format"), ({"extra_body": {"truncate": 1}}, "truncate"),
    ],
    ids=lambda value: str(value)[:30],
)  # fmt: skip
def test_what_is_beyond_its_limits_is_refused(sdk: openai.OpenAI, wish: dict[str, Any], why: str) -> None:
    with pytest.raises(openai.BadRequestError, match=why):
        sdk.embeddings.create(**{"model": "embed", "input": "a", **wish})


def test_a_model_does_what_it_is_made_for(sdk: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="embeddings operation does not work"):
        sdk.embeddings.create(model="chat", input="a")
    messages: list[Any] = [{"role": "user", "content": "hi"}]
    with pytest.raises(openai.BadRequestError, match="chatCompletion operation does not work"):
        sdk.chat.completions.create(model="embed", messages=messages)


def test_the_role_of_chats_allows_embeddings_too() -> None:
    assert all(_may(ROLES[roles.CALL_MODEL.id], one) for one in embeddings.DATA_ACTIONS)
