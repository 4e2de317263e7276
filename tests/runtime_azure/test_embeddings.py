"""Embeddings of Foundry: what is asked of a deployment, in which order vectors come back, hostile answers.

The openai SDK is asked the same of the same server.
"""

from __future__ import annotations

import struct
import threading
from base64 import b64encode
from collections.abc import Iterator, Sequence
from typing import Any

import openai
import pytest
from azure_fakes import azure
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from loopback import Loopback, reply, stall
from memory_ports import Clock

from serverless_ai_patterns.azure import models
from serverless_ai_runtime.adapters.azure import embeddings
from serverless_ai_runtime.adapters.azure.embeddings import FoundryEmbedder
from serverless_ai_runtime.adapters.azure.foundry import RESOURCE
from serverless_ai_runtime.adapters.service import Service
from serverless_ai_runtime.core.ports import Deadline, Refused, Throttled, TimedOut, Unavailable

MODEL = "embed-small"
FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)
HOSTILE = ["a", " ", '"; DROP', "漢字🙂", "\x00\n\u202e", "é" * 2000]


def embedder(server: Loopback, dimension: int = 2, clock: Clock | None = None) -> FoundryEmbedder:
    service = Service(azure((clock or Clock()).world()), "Foundry", server.url + "/openai/v1", RESOURCE)
    return FoundryEmbedder(service, MODEL, dimension)


@pytest.fixture
def sdk(server: Loopback) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=server.url + "/openai/v1/", api_key="token-1", max_retries=0) as client:
        yield client


def encoded(*numbers: float) -> str:
    return b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()


def body(*vectors: Any, order: Sequence[int] | None = None) -> dict[str, Any]:
    data = [
        {"object": "embedding", "index": index, "embedding": vectors[index]}
        for index in (order or range(len(vectors)))
    ]
    usage = {"prompt_tokens": 3, "total_tokens": 3}
    return {"object": "list", "data": data, "model": "text-embedding-3-small", "usage": usage}


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.lists(
        st.tuples(st.text(min_size=1, max_size=40), st.lists(FLOATS, min_size=3, max_size=3)),
        min_size=1,
        max_size=5,
    )
)
def test_request_and_vectors_equal_the_sdks(
    server: Loopback, sdk: openai.OpenAI, pairs: list[tuple[str, list[float]]]
) -> None:
    texts, vectors = [text for text, _ in pairs], [vector for _, vector in pairs]
    server.scripts.clear()
    server.requests.clear()
    server.answer(reply(body=body(*(encoded(*vector) for vector in vectors))))
    theirs = sdk.embeddings.create(model=MODEL, input=texts, dimensions=3)
    mine = embedder(server, 3).embed(texts, Deadline(5))
    their_request, our_request = server.requests
    assert (our_request.method, our_request.target) == (their_request.method, their_request.target)
    assert our_request.json() == their_request.json()
    for header in ("authorization", "content-type"):
        assert our_request.headers[header] == their_request.headers[header]
    assert mine == [one.embedding for one in theirs.data] == vectors


def test_vectors_are_in_the_order_of_the_texts_whatever_the_answers_order(server: Loopback) -> None:
    server.answer(reply(body=body(encoded(1, 0), encoded(0, 1), encoded(1, 1), order=(2, 0, 1))))
    assert embedder(server).embed(["a", "b", "c"], Deadline(5)) == [[1, 0], [0, 1], [1, 1]]


def test_hostile_texts_arrive_as_they_are(server: Loopback) -> None:
    server.answer(reply(body=body(*[encoded(0, 0)] * len(HOSTILE))))
    embedder(server).embed(HOSTILE, Deadline(5))
    assert server.requests[0].json()["input"] == HOSTILE


def test_no_texts_are_no_call(server: Loopback) -> None:
    assert embedder(server).embed([], Deadline(5)) == []
    assert server.requests == []


def test_it_says_what_it_is(server: Loopback) -> None:
    one = embedder(server, 256)
    assert (one.model, one.dimension, one.batch, one.batch_bytes) == (
        MODEL,
        256,
        embeddings.BATCH,
        embeddings.BATCH_BYTES,
    )


def test_a_full_call_is_below_the_services_tokens_and_below_what_a_deployment_may_have_in_a_minute() -> None:
    by_default = models.ROWS[models.ALIASES["embed"]].capacity * 1000
    assert min(300_000, by_default) >= embeddings.BATCH_BYTES, "a token is a byte or more"
    assert embeddings.BATCH <= 2048


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "invalid_request_error", Refused),
        (401, "PermissionDenied", Refused),
        (404, "DeploymentNotFound", Refused),
        (429, "RateLimitReached", Throttled),
        (503, "ServiceUnavailable", Unavailable),
    ],
)
def test_a_failure_is_one_of_ours(server: Loopback, status: int, code: str, kind: type[Exception]) -> None:
    server.answer(reply(status, {"error": {"code": code, "message": "so it is"}}))
    with pytest.raises(kind, match=f"Foundry Embeddings: {code}"):
        embedder(server).embed(["a"], Deadline(5))


def test_a_throttled_call_waits_as_long_as_it_is_told(server: Loopback) -> None:
    clock = Clock()
    server.answer(reply(429, {}, {"retry-after-ms": "1300"}), reply(body=body(encoded(1, 0))))
    assert embedder(server, clock=clock).embed(["a"], Deadline(30, clock)) == [[1, 0]]
    assert clock.slept == [1.3]


def test_it_gives_up_at_the_deadline(server: Loopback, released: threading.Event) -> None:
    server.answer(stall(released))
    with pytest.raises(TimedOut):
        embedder(server).embed(["a"], Deadline(0.2))


@pytest.mark.parametrize(
    "hostile",
    [
        b"", b"[]", b"{}", b"[" * 100_000, {"data": None}, {"data": [None]}, {"data": []}, {"data": {}},
        body(encoded(1, 0), order=(0, 0)), {"data": [{"index": 5, "embedding": encoded(1, 0)}]},
        {"data": [{"index": "first", "embedding": encoded(1, 0)}]}, {"data": [{"index": 0}]},
        body(encoded(1), encoded(1)), body(encoded(1, 2, 3), encoded(1, 2, 3)), body("", ""),
        body("not base64!", "not base64!"), body([1.0, 0.0], [1.0, 0.0]), body(None, None), body("ü", "ü"),
    ],
    ids=lambda value: repr(value)[:40],
)  # fmt: skip
def test_an_answer_that_has_not_a_vector_for_each_text_is_an_error(server: Loopback, hostile: Any) -> None:
    server.answer(reply(body=hostile))
    with pytest.raises(Unavailable, match="MalformedResponse"):
        embedder(server).embed(["a", "b"], Deadline(5))
    assert len(server.requests) == 1, "it would be the same again"
