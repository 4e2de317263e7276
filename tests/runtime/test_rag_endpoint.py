"""The query function's core: what is asked, who may see what, and what comes back over HTTP."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from memory_ports import Clock, FakeModel, MemoryStore, Notebook, said
from rag_ports import CountingEmbedder, ExactStore, Shelf, rag_world

from serverless_ai_runtime.core.budget import Budget
from serverless_ai_runtime.core.ports import Answer, Deadline, Prompt, Throttled
from serverless_ai_runtime.core.rag.answering import NOT_FOUND, Answering
from serverless_ai_runtime.core.rag.callers import Claims, NoTenant, access_of
from serverless_ai_runtime.core.rag.endpoint import Around, Endpoint, Reader
from serverless_ai_runtime.core.rag.index import Index
from serverless_ai_runtime.core.rag.ingest import Ingestion
from serverless_ai_runtime.core.rag.manifests import Manifests
from serverless_ai_runtime.core.rag.ports import MOST_DOCUMENTS, Access
from serverless_ai_runtime.core.rag.requests import FIELDS, MAX_QUESTION_CHARS, MAX_TOP_K, parse
from serverless_ai_runtime.core.rag.retrieval import Retrieval
from serverless_ai_runtime.core.rag.serving import Serving
from serverless_ai_runtime.core.replies import Reply
from serverless_ai_runtime.core.requests import Caller, InvalidRequest
from serverless_ai_runtime.core.sessions import Sessions

ANYONE = Caller("ada", {})


def first_passage(prompt: Prompt, deadline: Deadline) -> Answer:
    text = json.loads(prompt.context)["passages"][0]["text"]
    return said(json.dumps({"answer": text, "citations": [{"passage": 1, "quote": text}]}))


class World:
    def __init__(self, *answers: Any, claims: Claims = Claims(), budget: int = 0) -> None:  # noqa: B008
        self.clock, self.notes = Clock(), Notebook()
        self.records, self.shelf = MemoryStore(self.clock), Shelf()
        world = rag_world(self.clock)
        index = Index(CountingEmbedder(), ExactStore(), Manifests(self.records, "i1", world), world)
        self.ingestion = Ingestion(index, self.shelf)
        self.model = FakeModel(*(answers or (first_passage,)))
        retrieval = Retrieval(index, cache=self.records, cached_s=60)
        answering = Answering(self.model.name, retrieval, index, cache=self.records)
        around = Around(
            self.model,
            claims,
            Serving(self.records, "i1"),
            3,
            Sessions(self.records, world, history_turns=3, ttl_s=600),
            Budget(self.records, world, caller_limit=budget, total_limit=0) if budget else None,
        )
        self.endpoint = Endpoint({"i1": Reader(retrieval, answering)}, around)

    def put(self, document: str, *paragraphs: str, access: Access = Access()) -> None:  # noqa: B008
        self.shelf.put(document, *paragraphs, access=access)
        self.ingestion.settle([document], self.clock.deadline(60))

    def post(self, path: str, body: object, caller: Caller = ANYONE) -> Reply:
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.endpoint.routes()[path](sent, caller, self.clock.deadline(29), self.notes)


def test_an_answer_has_citations_usage_and_what_was_cached() -> None:
    world = World()
    world.put("a.pdf", "The lamp is lit.", "The bell is loud.")
    reply = world.post("/ask", {"question": "bell loud"})
    session = reply.body.pop("session_id")
    assert len(session) == 32
    score = reply.body["citations"][0].pop("score")
    assert 0 < score <= 1
    assert (reply.status, reply.body) == (
        200,
        {
            "answer": "The bell is loud.",
            "citations": [{"document": "a.pdf", "page": 2, "quote": "The bell is loud."}],
            "usage": {"input_tokens": 10, "output_tokens": 5, "cached_input_tokens": 0},
            "cache": "none",
        },
    )
    assert world.notes.notes["cache"] == "none"


def test_a_search_gives_passages_and_asks_no_model() -> None:
    world = World()
    world.put("a.pdf", "The lamp is lit.", "The bell is loud.")
    reply = world.post("/search", {"question": "bell loud", "top_k": 1})
    (passage,) = reply.body["passages"]
    assert (passage["document"], passage["page"], passage["text"]) == ("a.pdf", 2, "The bell is loud.")
    assert world.model.prompts == []
    assert world.post("/search", {"question": "bell loud"}).body["cache"] == "embedding"


def test_a_search_has_no_session() -> None:
    reply = World().post("/search", {"question": "x", "session_id": "0" * 32})
    assert (reply.status, reply.body["error"]["field"]) == (400, "session_id")


def test_a_tenant_is_what_the_token_says_and_nothing_in_the_request() -> None:
    world = World(claims=Claims("tenant", "groups"))
    world.put("one/a", "The lamp is lit.", access=Access("one"))
    world.put("one/b", "The board meets.", access=Access("one", frozenset({"board"})))
    one, board = {"tenant": "one"}, {"tenant": "one", "groups": ["board"]}

    def seen(claims: Mapping[str, Any]) -> set[str]:
        reply = world.post("/search", {"question": "lamp board"}, Caller("ada", claims))
        return {passage["text"] for passage in reply.body["passages"]}

    assert seen(one) == {"The lamp is lit."}
    assert seen(board) == {"The lamp is lit.", "The board meets."}
    assert seen({"tenant": "two", "groups": ["board"]}) == set()
    for claims in ({}, {"tenant": ""}, {"tenant": " "}, {"tenant": 7}, {"tenant": ["one"]}):
        reply = world.post("/ask", {"question": "lamp"}, Caller("ada", claims))
        assert (reply.status, reply.body["error"]["code"]) == (403, "no_tenant")


@pytest.mark.parametrize(
    ("claim", "tags"),
    [
        (["a", "b"], {"a", "b"}),
        ("[a b]", {"a", "b"}),
        ("a, b", {"a", "b"}),
        ("a", {"a"}),
        (["a", 7, ""], {"a"}),
        ("", set()),
        (None, set()),
        ({"a": 1}, set()),
    ],
)
def test_tags_are_read_in_every_form_that_a_gateway_writes_them(claim: object, tags: set[str]) -> None:
    assert access_of(Caller("ada", {"groups": claim}), Claims("", "groups")).tags == tags


def test_without_claims_configured_a_token_says_nothing() -> None:
    assert access_of(Caller("ada", {"tenant": "one", "groups": ["a"]}), Claims()) == Access()
    with pytest.raises(NoTenant):
        access_of(ANYONE, Claims("tenant"))


def test_a_conversation_is_the_callers_own_and_goes_on() -> None:
    world = World()
    world.put("a", "The lamp is lit.")
    session = world.post("/ask", {"question": "lamp"}).body["session_id"]
    again = {"question": "and why?", "session_id": session}
    assert world.post("/ask", again).body["session_id"] == session
    assert json.loads(world.model.prompts[-1].messages[0].text)["turns"][0]["question"] == "lamp"
    assert world.post("/ask", again, Caller("eve", {})).status == 404


def test_a_budget_that_is_used_up_refuses_before_the_model_is_asked() -> None:
    def dear(prompt: Prompt, deadline: Deadline) -> Answer:
        return first_passage(prompt, deadline)._replace(input_tokens=600, output_tokens=300)

    world = World(dear, budget=1500)
    world.put("a", "The lamp is lit.")
    assert world.post("/ask", {"question": "lamp"}).status == 200
    reply = world.post("/ask", {"question": "is it lit?"})
    assert (reply.status, reply.body["error"]["code"]) == (429, "budget_exceeded")
    assert len(world.model.prompts) == 1
    assert world.post("/ask", {"question": "lamp"}).body["cache"] == "answer", "what is known costs nothing"


def test_a_failure_of_the_model_is_told_and_not_kept() -> None:
    world = World(Throttled("Bedrock", "Converse", 429, "Throttled", "slow"), first_passage)
    world.put("a", "The lamp is lit.")
    assert world.post("/ask", {"question": "lamp"}).status == 503
    assert world.post("/ask", {"question": "lamp"}).body["answer"] == "The lamp is lit."


def test_questions_and_answers_are_content_and_nothing_else_is_noted_of_them() -> None:
    world = World()
    world.put("a", "The lamp is lit.")
    world.post("/ask", {"question": "Is the lamp lit?"})
    assert world.notes.contents == [{"question": "Is the lamp lit?", "answer": "The lamp is lit."}]
    assert "lamp" not in str(world.notes.notes).lower()


def test_a_question_without_an_answer_says_so() -> None:
    reply = World().post("/ask", {"question": "lamp"})
    assert (reply.body["answer"], reply.body["citations"]) == (NOT_FOUND, [])


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "question"),
        ({"question": None}, "question"),
        ({"question": " \n"}, "question"),
        ({"question": "x" * (MAX_QUESTION_CHARS + 1)}, "question"),
        ({"question": "x", "top_k": True}, "top_k"),
        ({"question": "x", "top_k": 1.5}, "top_k"),
        ({"question": "x", "top_k": "3"}, "top_k"),
        ({"question": "x", "top_k": MAX_TOP_K + 1}, "top_k"),
        ({"question": "x", "filter": []}, "filter"),
        ({"question": "x", "filter": {}}, "filter"),
        ({"question": "x", "filter": {"documents": "a"}}, "filter"),
        ({"question": "x", "filter": {"documents": [""]}}, "filter"),
        ({"question": "x", "filter": {"documents": ["a"], "tenant": "b"}}, "filter"),
        ({"question": "x", "filter": {"documents": ["a"] * (MOST_DOCUMENTS + 1)}}, "filter"),
        ({"question": "x", "more": 1}, "more"),
        (b'{"question": "\\ud800"}', "question"),
        (b'{"question": "x", "filter": {"documents": ["\\ud800"]}}', "filter"),
        (b'{"question": "x", "question": "y"}', "question"),
    ],
    ids=str,
)
def test_what_is_wrong_with_a_request_is_named(body: Any, field: str) -> None:
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    with pytest.raises(InvalidRequest) as caught:
        parse(sent, FIELDS, 6)
    assert caught.value.field == field


@given(st.binary(max_size=80) | st.text(max_size=80).map(str.encode))
def test_whatever_bytes_come_in_are_a_request_or_refused(body: bytes) -> None:
    with suppress(InvalidRequest):
        assert parse(body, FIELDS, 6).question.strip()
