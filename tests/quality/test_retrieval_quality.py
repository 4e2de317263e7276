"""Passages are found as well as they were: fixed questions to a fixed corpus, through the real core.

A store that is to be measured is a row in `STORES`, and rows in `gates.tsv`: what was measured, less 0.03.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from functools import partial

import pytest
from exact_stores import ExactKeywordStore, RandomStore
from memory_ports import Clock, MemoryStore
from retrieval_quality import (
    DEPTH,
    FIRST,
    Finder,
    Gate,
    Quality,
    documents,
    gates,
    measured,
    plain,
    questions,
    rank,
    table,
    unanswerable,
)

from serverless_ai_local.models.embedding import embed
from serverless_ai_runtime.core.ports import Deadline
from serverless_ai_runtime.core.rag.index import Index
from serverless_ai_runtime.core.rag.ingest import Ingestion
from serverless_ai_runtime.core.rag.manifests import Manifests
from serverless_ai_runtime.core.rag.ports import Access, Found, KeywordStore
from serverless_ai_runtime.core.rag.retrieval import MODES, Retrieval
from serverless_ai_runtime.documents import read

STORES: Mapping[str, Callable[[], AbstractContextManager[KeywordStore]]] = {
    "exact": lambda: nullcontext(ExactKeywordStore()),
}
GATES = gates()
QUESTIONS = questions()
ANYONE = Access()


class LocalEmbedder:
    """The embedding model of the local cloud."""

    model, dimension, batch, batch_bytes = "local", 1024, 64, 1_000_000

    def embed(self, texts: Sequence[str], deadline: Deadline) -> list[list[float]]:
        return [embed(text, self.dimension) for text in texts]


class Corpus:
    """The bucket, as ingestion looks at it."""

    def look(self, document: str, deadline: Deadline) -> Found | None:
        body = documents()[document]
        return Found("1", ANYONE, lambda deadline: read(body, document).sections)


class Indexed:
    """The corpus in a store, and the ways to ask it."""

    def __init__(self, store: KeywordStore) -> None:
        self._clock = Clock()
        world = self._clock.world()
        index = Index(LocalEmbedder(), store, Manifests(MemoryStore(self._clock), "quality", world), world)
        outcomes = Ingestion(index, Corpus()).settle(list(documents()), self._clock.deadline(60))
        assert {getattr(one, "outcome", one) for one in outcomes.values()} == {"done"}
        self.modes: dict[str, Finder] = {
            mode: partial(self._find, Retrieval(index, mode=mode)) for mode in MODES
        }

    def measured(self) -> dict[str, dict[str, Quality]]:
        """Mode -> kind of question -> quality."""
        return {mode: measured(find, QUESTIONS) for mode, find in self.modes.items()}

    def _find(self, retrieval: Retrieval, question: str) -> list[str]:
        found = retrieval.search(question, ANYONE, DEPTH, self._clock.deadline(60))
        return [one.text for one in found.passages]


@pytest.fixture(scope="module")
def found() -> Iterator[Callable[[str], dict[str, dict[str, Quality]]]]:
    """Store -> what was measured of it. Each is filled once."""
    known: dict[str, dict[str, dict[str, Quality]]] = {}
    with ExitStack() as running:

        def of(store: str) -> dict[str, dict[str, Quality]]:
            if store not in known:
                known[store] = Indexed(running.enter_context(STORES[store]())).measured()
            return known[store]

        yield of


@pytest.mark.parametrize("gate", GATES, ids=lambda gate: f"{gate.store}-{gate.mode}")
def test_passages_are_found_as_well_as_they_were(
    gate: Gate, found: Callable[[str], dict[str, dict[str, Quality]]]
) -> None:
    now = found(gate.store)[gate.mode][""]
    assert gate.kept(now), f"{now} is below {gate.least}"


@pytest.mark.parametrize("store", STORES)
def test_every_mode_of_a_store_has_a_gate(
    store: str,
    found: Callable[[str], dict[str, dict[str, Quality]]],
    record_property: Callable[[str, object], None],
) -> None:
    now = found(store)
    assert [gate.mode for gate in GATES if gate.store == store] == list(now)
    sys.stdout.write(f"\n{store}\n{table(now)}\n")
    for mode, by_kind in now.items():
        hit, mrr = by_kind[""]
        record_property("counts", f"retrieval, {store} {mode}: hit@{FIRST} {hit:.3f}, MRR {mrr:.3f}")


def test_a_store_that_answers_at_random_passes_no_gate() -> None:
    now = Indexed(RandomStore()).measured()
    assert not [gate for gate in GATES if gate.kept(now[gate.mode][""])]


def test_each_answer_stands_in_its_document_and_in_a_passage_of_it() -> None:
    store = ExactKeywordStore()
    Indexed(store)
    texts = {name: read(body, name).text for name, body in documents().items()}
    for one in QUESTIONS:
        assert one.quote in texts[one.document], one
        assert any(plain(one.quote) in plain(entry.text) for entry in store.entries.values()), one


def test_each_document_is_asked_about_or_only_in_the_way() -> None:
    kinds = {one.kind for one in QUESTIONS}
    assert kinds == {"shared", "paraphrased", "name"}
    assert {one.document for one in QUESTIONS} <= set(documents())
    assert unanswerable()
    assert not any(one.document or one.quote for one in unanswerable())


def test_quality_counts_the_first_hit_by_its_rank() -> None:
    assert rank(["no", "a  long\nquote", "a long quote"], "a long quote") == 2
    assert rank(["no"], "a long quote") == 0
    asked = [one._replace(quote="right", kind="name") for one in QUESTIONS[:2]]
    answers = iter([["right"], ["no", "no", "no", "no", "no", "right"]])
    by_kind = measured(lambda question: next(answers), asked)
    assert by_kind == {kind: Quality(0.5, pytest.approx((1 + 1 / 6) / 2)) for kind in ("", "name")}
