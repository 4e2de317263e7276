"""Embeddings of Vertex AI: what is asked of each model, vectors of length one, hostile answers."""

from __future__ import annotations

import math
import threading
from typing import Any

import pytest
from google_calls import cloud
from google_fakes import ENDPOINT
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from loopback import Loopback, reply, stall
from memory_ports import Clock

from serverless_ai_patterns.gcp import models, policy
from serverless_ai_runtime.adapters.gcp import embeddings
from serverless_ai_runtime.adapters.gcp.embeddings import QUESTIONS, VertexEmbedder
from serverless_ai_runtime.adapters.gcp.firestore_vectors import MOST_DIMENSIONS
from serverless_ai_runtime.adapters.gcp.vertex import vertex_service
from serverless_ai_runtime.core.context import estimate_tokens
from serverless_ai_runtime.core.ports import Deadline, Refused, Throttled, TimedOut, Unavailable
from serverless_ai_runtime.core.rag.chunks import Sizes

GEMINI, ENGLISH, MANY = "gemini-embedding-001", "text-embedding-005", "text-multilingual-embedding-002"
FLOATS = st.floats(-1e6, 1e6)


def embedder(
    server: Loopback, model: str = ENGLISH, dimension: int = 2, clock: Clock | None = None, **more: Any
) -> VertexEmbedder:
    service = vertex_service(cloud((clock or Clock()).world()), ENDPOINT, server.url)
    return VertexEmbedder(service, ENDPOINT, model, dimension, **more)


def body(*vectors: Any) -> dict[str, Any]:
    statistics = {"token_count": 3, "truncated": False}
    return {"predictions": [{"embeddings": {"values": one, "statistics": statistics}} for one in vectors]}


def test_a_call_says_what_the_texts_are_for_and_that_none_may_be_cut(server: Loopback) -> None:
    server.answer(reply(body=body([1, 0], [0, 1])))
    assert embedder(server).embed(["a", "b"], Deadline(5)) == [[1, 0], [0, 1]]
    (request,) = server.requests
    assert (request.method, request.target) == (
        "POST", f"/v1/{ENDPOINT}/publishers/google/models/{ENGLISH}:predict",
    )  # fmt: skip
    assert request.headers["authorization"] == "Bearer token-1"
    assert request.json() == {
        "instances": [{"content": one, "task_type": "RETRIEVAL_DOCUMENT"} for one in ("a", "b")],
        "parameters": {"outputDimensionality": 2, "autoTruncate": False},
    }


def test_a_question_is_asked_as_one(server: Loopback) -> None:
    server.answer(reply(body=body([1, 0])))
    embedder(server, purpose=QUESTIONS).embed(["why?"], Deadline(5))
    assert server.requests[0].json()["instances"] == [{"content": "why?", "task_type": "RETRIEVAL_QUERY"}]


@pytest.mark.parametrize(("model", "texts"), [(GEMINI, 9 * [1]), (ENGLISH, [9]), (MANY, [9])])
def test_no_call_has_more_texts_than_the_model_takes(server: Loopback, model: str, texts: list[int]) -> None:
    server.answer(*(reply(body=body(*[[1, 0]] * count)) for count in texts))
    assert len(embedder(server, model).embed(list("abcdefghi"), Deadline(5))) == 9
    assert [len(one.json()["instances"]) for one in server.requests] == texts
    assert (
        "".join(text["content"] for one in server.requests for text in one.json()["instances"]) == "abcdefghi"
    )


def test_a_full_call_is_below_the_services_tokens_whatever_the_language(server: Loopback) -> None:
    for model in (ENGLISH, MANY):
        one = embedder(server, model)
        bytes_and_marks = one.batch_bytes + one.batch * 8
        assert bytes_and_marks <= 20_000, "a token is a byte or more"
        assert one.batch <= 250
    assert estimate_tokens("漢" * Sizes().most) <= 2048


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(FLOATS, min_size=3, max_size=3))
def test_a_vector_has_length_one_whatever_the_model_gives(server: Loopback, values: list[float]) -> None:
    server.scripts.clear()
    server.answer(reply(body=body(values)))
    (vector,) = embedder(server, GEMINI, 3).embed(["a"], Deadline(5))
    assert math.hypot(*vector) == pytest.approx(1.0 if any(values) else 0.0)
    largest = max(range(3), key=lambda index: abs(values[index]))
    assert math.copysign(1, vector[largest]) == math.copysign(1, values[largest])


def test_any_text_arrives_as_text(server: Loopback) -> None:
    hostile = ["a", " ", '"; DROP', "漢字🙂", "\x00\n\u202e", "é" * 2000, "half \ud83d of a pair"]
    server.answer(reply(body=body(*[[1, 0]] * 7)))
    embedder(server).embed(hostile, Deadline(5))
    sent = [one["content"] for one in server.requests[0].json()["instances"]]
    assert sent == [*hostile[:-1], "half ? of a pair"]


def test_no_texts_are_no_call(server: Loopback) -> None:
    assert embedder(server).embed([], Deadline(5)) == []
    assert server.requests == []


def test_it_says_what_it_is(server: Loopback) -> None:
    one = embedder(server, GEMINI, 256)
    assert (one.model, one.dimension, one.batch, one.batch_bytes) == (GEMINI, 256, 16, embeddings.BATCH_BYTES)
    assert embeddings.PERMISSIONS == policy.PREDICT


def test_the_registrys_dimensions_are_the_models_and_the_default_stores(server: Loopback) -> None:
    for model, dimension in models.DIMENSIONS.items():
        assert embedder(server, model, dimension).dimension == dimension <= MOST_DIMENSIONS


@pytest.mark.parametrize(
    ("model", "dimension"), [(GEMINI, 3073), (ENGLISH, 769), (ENGLISH, 0), ("gemini-3.5-flash", 768), ("", 1)]
)
def test_what_is_no_embedding_model_is_refused(server: Loopback, model: str, dimension: int) -> None:
    with pytest.raises(ValueError, match=r"embedding model|numbers"):
        embedder(server, model, dimension)


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "INVALID_ARGUMENT", Refused),
        (403, "PERMISSION_DENIED", Refused),
        (404, "NOT_FOUND", Refused),
        (429, "RESOURCE_EXHAUSTED", Throttled),
        (503, "UNAVAILABLE", Unavailable),
    ],
)
def test_a_failure_is_one_of_ours(server: Loopback, status: int, code: str, kind: type[Exception]) -> None:
    server.answer(reply(status, {"error": {"code": status, "status": code, "message": "so it is"}}))
    with pytest.raises(kind, match=f"Vertex Predict: {code}"):
        embedder(server).embed(["a"], Deadline(5))


def test_it_gives_up_at_the_deadline(server: Loopback, released: threading.Event) -> None:
    server.answer(stall(released))
    with pytest.raises(TimedOut):
        embedder(server).embed(["a"], Deadline(0.2))


@pytest.mark.parametrize(
    "hostile",
    [
        b"", b"[]", b"{}", b"[" * 100_000, {"predictions": None}, {"predictions": [None]},
        {"predictions": []}, {"predictions": {}}, body([1, 0], [float("nan"), 0]), body([1, 0], [1e999, 0]),
        {"predictions": [{"embeddings": None}] * 2}, {"predictions": [{}] * 2},
        body([1, 0]), body([1, 0], [1]), body([1, 0], [1, 0, 0]), body([1, 0], ["x", 0]), body([1, 0], None),
        body([1, 0], [None, 0]), body([1, 0], [1, 0], [1, 0]), body([1, 0], "12x"),
    ],
    ids=lambda value: repr(value)[:40],
)  # fmt: skip
def test_an_answer_that_has_not_a_vector_for_each_text_is_an_error(server: Loopback, hostile: Any) -> None:
    server.answer(reply(body=hostile))
    with pytest.raises(Unavailable, match="MalformedResponse"):
        embedder(server).embed(["a", "b"], Deadline(5))
    assert len(server.requests) == 1, "it would be the same again"
