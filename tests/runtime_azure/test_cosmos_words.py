"""Cosmos DB searched by words: what is asked in which order, counts in their places, and hostile answers."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from azure_fakes import CONTAINER, azure
from hypothesis import given
from hypothesis import strategies as st
from loopback import Loopback, reply
from memory_ports import Clock

from serverless_ai_runtime.adapters.azure.cosmos import RESOURCE, authorization
from serverless_ai_runtime.adapters.azure.cosmos_words import MOST_TERMS, CosmosWords, terms
from serverless_ai_runtime.adapters.service import Service
from serverless_ai_runtime.core.ports import Deadline, Unavailable
from serverless_ai_runtime.core.rag.ports import Access, Hit
from serverless_ai_runtime.core.records import digest

SCORE = (
    "_FullTextScore(c.words, [@word0], {documentdb-formattablehybridsearchquery-totaldocumentcount}, "
    "{documentdb-formattablehybridsearchquery-totalwordcount-0}, "
    "{documentdb-formattablehybridsearchquery-hitcountsarray-0})"
)
SEARCH = f"SELECT {SCORE} FROM c WHERE ({{documentdb-formattableorderbyquery-filter}}) ORDER BY {SCORE} DESC"
PLAN: dict[str, Any] = {
    "hybridSearchQueryInfo": {
        "globalStatisticsQuery": "SELECT COUNTS",
        "componentQueryInfos": [{"rewrittenQuery": SEARCH}],
        "requiresGlobalStatistics": True,
    }
}
ENTRY = {"entry": "e", "document": "d", "text": "t", "heading": "h"}


@pytest.fixture
def store(server: Loopback) -> CosmosWords:
    cloud = azure(Clock().world())
    return CosmosWords(
        Service(cloud, "CosmosDB", server.url + CONTAINER, RESOURCE, authorization=authorization), 2
    )


def page(*documents: Any, more: str = "") -> Any:
    return reply(body={"Documents": list(documents)}, headers={"x-ms-continuation": more} if more else {})


def counts(documents: int, words: int, *hits: int) -> dict[str, Any]:
    return {
        "documentCount": documents,
        "fullTextStatistics": [{"totalWordCount": words, "hitCounts": list(hits)}],
    }


def ranked(score: Any, **more: Any) -> dict[str, Any]:
    return {"_rid": "r", "orderByItems": [{"item": score}], "payload": {"payload": ENTRY | more}}


def search(store: CosmosWords, text: str = "lamp", most: int = 5, documents: Any = ()) -> list[Hit]:
    return store.search_text(text, most, Access("ada"), Deadline(5), documents)


def test_a_search_is_planned_then_counted_and_then_run_with_the_counts(
    server: Loopback, store: CosmosWords
) -> None:
    server.answer(
        reply(body=PLAN),
        page(counts(2, 30, 1), more="1"),
        page(counts(1, 10, 1)),
        page(ranked(0.5, entry="far"), ranked(1.5, entry="near")),
    )
    assert [(hit.id, hit.score) for hit in search(store)] == [("near", 1.5), ("far", 0.5)]
    plan, first, second, found = server.requests
    assert plan.headers["x-ms-cosmos-is-query-plan-request"] == "True"
    assert "HybridSearch" in plan.headers["x-ms-cosmos-supported-query-features"]
    assert "x-ms-documentdb-partitionkey" not in plan.headers
    parameters = [{"name": "@word0", "value": "lamp"}]
    assert plan.json() == {
        "query": "SELECT TOP 5 c.entry, c.document, c.text, c.heading FROM c "
        "WHERE FullTextContainsAny(c.words, @word0) ORDER BY RANK FullTextScore(c.words, @word0)",
        "parameters": parameters,
    }
    for one in (first, second, found):
        assert one.headers["x-ms-documentdb-partitionkey"] == json.dumps([digest("ada")]), "of one tenant"
        assert one.json()["parameters"] == parameters
    assert first.json()["query"] == second.json()["query"] == "SELECT COUNTS"
    score = "_FullTextScore(c.words, [@word0], 3, 40, [2])"
    assert found.json()["query"] == f"SELECT {score} FROM c WHERE (true) ORDER BY {score} DESC"


def test_a_plan_without_counts_is_run_as_it_is(server: Loopback, store: CosmosWords) -> None:
    info = PLAN["hybridSearchQueryInfo"] | {"requiresGlobalStatistics": False}
    server.answer(reply(body={"hybridSearchQueryInfo": info}), page(ranked(1.0)))
    assert search(store) == [Hit("e", "d", "t", "h", 1.0)]
    assert len(server.requests) == 2


def test_documents_are_named_by_parameters_and_no_more_than_asked_for_come_back(
    server: Loopback, store: CosmosWords
) -> None:
    server.answer(reply(body=PLAN), page(counts(1, 1, 1)), page(*(ranked(float(n)) for n in range(5))))
    assert [hit.score for hit in search(store, most=2, documents=["a'b", "c"])] == [4.0, 3.0]
    asked = server.requests[0].json()
    assert "AND c.document IN (@document0, @document1) ORDER" in asked["query"]
    assert [one["value"] for one in asked["parameters"]] == ["lamp", "a'b", "c"]


def test_a_question_without_words_finds_nothing_and_asks_nothing(
    server: Loopback, store: CosmosWords
) -> None:
    for text in ("", " ?! ", '"; --', "___"):
        assert search(store, text) == []
    assert server.requests == []


@given(st.text(max_size=200))
def test_terms_are_few_words_whatever_was_asked(text: str) -> None:
    found = terms(text)
    assert len(found) <= MOST_TERMS
    assert len(set(found)) == len(found)
    assert all(re.fullmatch(r"[^\W_]+", one) and one in text.lower() for one in found)


def test_the_longest_words_are_looked_for() -> None:
    assert terms("When does the FERRY to the islands leave the harbour?")[:3] == [
        "islands",
        "harbour",
        "ferry",
    ]
    assert len(terms(" ".join(f"word{number}" for number in range(99)))) == MOST_TERMS


@pytest.mark.parametrize(
    "answers",
    [
        [reply(body={})],
        [reply(body={"hybridSearchQueryInfo": PLAN["hybridSearchQueryInfo"] | {"componentQueryInfos": []}})],
        [reply(body=PLAN), page({"documentCount": 1, "fullTextStatistics": []})],
        [reply(body=PLAN), page(counts(1, 1, 1), counts(1, 1, 1, 1))],
        [reply(body=PLAN), page({"documentCount": "x", "fullTextStatistics": [{}]})],
        [reply(body=PLAN), page(counts(1, 1, 1)), page({"payload": {"payload": ENTRY}})],
        [reply(body=PLAN), page(counts(1, 1, 1)), page(ranked("high"))],
        [reply(body=PLAN), page(counts(1, 1, 1)), page({"orderByItems": [{"item": 1}], "payload": {}})],
        [reply(body=PLAN), page(counts(1, 1, 1)), page(ranked(1.0, text=None))],
    ],
)
def test_what_makes_no_sense_is_an_error(server: Loopback, store: CosmosWords, answers: list[Any]) -> None:
    server.answer(*answers)
    with pytest.raises(Unavailable, match="MalformedResponse"):
        search(store)
