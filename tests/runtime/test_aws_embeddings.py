"""Bedrock's embedding models behind the `Embedder`: each is asked in its own form."""

from __future__ import annotations

from typing import Any

import pytest
from loopback import Loopback, reply
from memory_ports import Clock

from serverless_ai_local.aws.bedrock import invoke
from serverless_ai_local.models.embedding import embed
from serverless_ai_local.models.extractive import ExtractiveModel
from serverless_ai_local.models.service import ModelService
from serverless_ai_runtime.adapters.aws.embeddings import DOCUMENTS, QUESTIONS, BedrockEmbedder
from serverless_ai_runtime.adapters.aws.service import Aws, Service
from serverless_ai_runtime.config import AwsConfig
from serverless_ai_runtime.core.ports import Deadline, Refused, Throttled, Unavailable
from serverless_ai_runtime.http import HttpClient

TITAN, V3, V4 = "amazon.titan-embed-text-v2:0", "cohere.embed-multilingual-v3", "cohere.embed-v4:0"
HOSTILE = 'it\'s a "#1" 100% ☂ \x00 \\ \n 😀'


def embedder(server: Loopback, model: str, dimension: int, purpose: str = DOCUMENTS) -> BedrockEmbedder:
    world = Clock().world()
    aws = Aws(HttpClient(world), world, lambda: AwsConfig("us-east-1", "AKID", "secret", "token"))
    return BedrockEmbedder(Service(aws, "Bedrock", server.url, "bedrock"), model, dimension, purpose)


def vector(first: float, dimension: int) -> list[float]:
    return [first] + [0.5] * (dimension - 1)


def test_titan_is_asked_for_one_text_at_a_time_in_order(server: Loopback) -> None:
    server.answer(*(reply(body={"embedding": vector(n, 256), "inputTextTokenCount": 1}) for n in (1, 2)))
    vectors = embedder(server, TITAN, 256).embed([HOSTILE, "b"], Deadline(5))
    assert [one[0] for one in vectors] == [1, 2]
    assert [sent.json() for sent in server.requests] == [
        {"inputText": text, "dimensions": 256, "normalize": True} for text in (HOSTILE, "b")
    ]
    assert {sent.target for sent in server.requests} == {"/model/amazon.titan-embed-text-v2%3A0/invoke"}


@pytest.mark.parametrize(
    ("model", "more"), [(V3, {}), (V4, {"output_dimension": 1024}), ("us." + V4, {"output_dimension": 1024})]
)
@pytest.mark.parametrize("purpose", [DOCUMENTS, QUESTIONS])
def test_cohere_is_asked_for_many_and_told_what_for(
    server: Loopback, model: str, more: dict[str, Any], purpose: str
) -> None:
    server.answer(reply(body={"embeddings": {"float": [vector(1, 1024), vector(2, 1024)]}}))
    vectors = embedder(server, model, 1024, purpose).embed([HOSTILE, "b"], Deadline(5))
    assert [one[0] for one in vectors] == [1, 2]
    (sent,) = server.requests
    wanted = {"texts": [HOSTILE, "b"], "input_type": purpose, "embedding_types": ["float"]}
    assert sent.json() == wanted | more


def test_no_call_has_more_texts_than_it_may(server: Loopback) -> None:
    sizes = [96, 96, 8]
    server.answer(*(reply(body={"embeddings": {"float": [vector(0, 1024)] * size}}) for size in sizes))
    assert len(embedder(server, V3, 1024).embed(["x"] * 200, Deadline(5))) == 200
    assert [len(sent.json()["texts"]) for sent in server.requests] == sizes


def test_no_text_is_no_call(server: Loopback) -> None:
    assert embedder(server, V3, 1024).embed([], Deadline(5)) == []
    assert server.requests == []


@pytest.mark.parametrize(
    ("model", "dimension"), [(TITAN, 256), (TITAN, 1024), (V3, 1024), (V4, 512), (V4, 1536)]
)
def test_what_it_asks_is_what_the_local_bedrock_takes(server: Loopback, model: str, dimension: int) -> None:
    texts = ["the lighthouse", "the keeper"]
    step = 1 if model == TITAN else 2
    embedding = {"embedding": vector(0, dimension), "embeddings": {"float": [vector(0, dimension)] * step}}
    server.answer(reply(body=embedding))
    embedder(server, model, dimension).embed(texts, Deadline(5))
    models = ModelService(ExtractiveModel())
    answers = [invoke.answer(model, model, sent.json(), models) for sent in server.requests]
    server.scripts.clear()
    server.answer(*(reply(body=answer) for answer in answers))
    found = embedder(server, model, dimension).embed(texts, Deadline(5))
    assert found == [pytest.approx(embed(text, dimension)) for text in texts]


@pytest.mark.parametrize(
    ("model", "dimension", "said"),
    [
        (TITAN, 384, "have 256, 512, 1024 numbers, not 384"),
        (V3, 256, "have 1024 numbers, not 256"),
        ("amazon.nova-lite-v1:0", 1024, "known are amazon.titan-embed-text-v2, cohere.embed-english-v3"),
        ("", 1024, "'' is not an embedding model"),
    ],
)
def test_what_is_not_known_is_told_with_what_is(
    server: Loopback, model: str, dimension: int, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        embedder(server, model, dimension)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"embeddings": None},
        {"embeddings": {"float": [vector(1, 1024)]}},
        {"embeddings": {"float": [vector(1, 1024), vector(1, 1023)]}},
        {"embeddings": {"float": [vector(1, 1024), ["x"] * 1024]}},
        {"embeddings": {"float": 7}},
    ],
    ids=["nothing", "null", "one too few", "a short one", "texts", "a number"],
)
def test_half_an_answer_is_none(server: Loopback, body: Any) -> None:
    server.answer(reply(body=body))
    with pytest.raises(Unavailable) as error:
        embedder(server, V3, 1024).embed(["a", "b"], Deadline(5))
    assert error.value.code == "MalformedResponse"


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [(429, "ThrottlingException", Throttled), (400, "ValidationException", Refused)],
)
def test_refusals_are_told_apart(server: Loopback, status: int, code: str, kind: type[Exception]) -> None:
    server.answer(*(reply(status, {"message": "no"}, {"x-amzn-errortype": code}) for _ in range(10)))
    with pytest.raises(kind):
        embedder(server, V3, 1024).embed(["a"], Deadline(5))
