"""RAG beside its peers: the same chunks for all, what was stored is checked, what was asked is counted."""

from __future__ import annotations

import base64
import json
import struct
import time
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import embedding_server
import openai
import pytest
from embedding_server import Client, Counts
from measure import By, FailedError, Time
from rag import FLOOR, LANGCHAIN, OURS, SUBJECTS, Size, Work, rag, rag_promises, work_table
from rag_documents import Document, changed, documents, gone
from rag_work import OPERATIONS, Job, Table, work
from rich.console import Console

from serverless_ai_runtime.core.rag.chunks import chunks
from serverless_ai_runtime.core.rag.retrieval import normalised
from serverless_ai_runtime.documents import Section

SMALL = Size(documents=8, chunks=3, dimension=16, questions=4)


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with embedding_server.serve(SMALL.dimension) as running:
        yield running


# -- the documents ----------------------------------------------------------------------------------
def test_our_own_cutting_gives_the_chunks_that_all_have() -> None:
    for one in documents(5, 5):
        assert tuple(found.text for found in chunks(map(Section, one.chunks))) == one.chunks
        assert all(normalised(text) == text for text in one.chunks)


def test_documents_are_the_same_each_time_and_no_two_chunks_are() -> None:
    every = documents(200, 3)
    assert every == documents(200, 3)
    texts = [text for one in (*every, *changed(every)) for text in one.chunks]
    assert len(set(texts)) == 200 * 3 + 2


def test_one_in_a_hundred_is_changed_in_one_chunk_and_another_deleted() -> None:
    every = documents(200, 3)
    for before, after in zip(every, changed(every), strict=False):
        assert before.id == after.id
        assert [old == new for old, new in zip(before.chunks, after.chunks, strict=True)] == [
            True,
            False,
            True,
        ]
    assert (len(changed(every)), len(gone(every))) == (2, 2)
    assert not {one.id for one in changed(every)} & set(gone(every))


# -- the embeddings ---------------------------------------------------------------------------------
def test_the_endpoint_gives_the_openai_sdk_the_vectors_that_it_gives_a_bare_call(endpoint: str) -> None:
    texts = ["one", "two", "é🙂"]
    bare = Client(endpoint).embed(texts)
    with openai.OpenAI(base_url=f"http://{endpoint}/v1", api_key="any", max_retries=0) as sdk:
        found = sdk.embeddings.create(model="bench", input=texts, dimensions=SMALL.dimension)
    assert [one.embedding for one in found.data] == [pytest.approx(vector, abs=1e-7) for vector in bare]
    (packed,) = Client(endpoint).embed(["two"], "base64")
    assert struct.unpack("<16f", base64.b64decode(packed)) == pytest.approx(bare[1], abs=1e-7)
    assert len({tuple(vector) for vector in bare}) == 3


def test_the_endpoint_counts_since_it_was_asked_last_and_waits_as_told(endpoint: str) -> None:
    client = Client(endpoint)
    client.counts()
    client.embed(["a", "b"])
    client.embed(["c"])
    assert client.counts() == Counts(2, 3)
    assert client.counts() == Counts(0, 0)
    client.wait(0.2)
    spent = seconds(lambda: client.embed(["a"]))
    client.wait(0)
    assert spent >= 0.2


def test_the_endpoint_refuses_what_is_no_call_of_embeddings(endpoint: str) -> None:
    with pytest.raises(RuntimeError, match=r"404 .*nothing is at /v1/chat"):
        Client(endpoint)._ask("POST", "/v1/chat", {})


def seconds(step: Callable[[], Any]) -> float:
    started = time.monotonic()
    step()
    return time.monotonic() - started


# -- what is timed and checked ----------------------------------------------------------------------
class Memory:
    """A subject and its database in one: chunks of documents in a dictionary."""

    table = Table("chunks", "text", "vector")

    def __init__(self, client: Client) -> None:
        self._client = client
        self.stored: dict[str, Document] = {}
        self.statements: list[str] = []

    def ingest(self, documents: Sequence[Document]) -> None:
        new = [one for one in documents if self._chunks(one.id) != one.chunks]
        if new:
            self._client.embed([text for one in new for text in one.chunks])
        self.stored |= {one.id: one for one in documents}

    def _chunks(self, document: str) -> tuple[str, ...]:
        return self.stored[document].chunks if document in self.stored else ()

    def delete(self, ids: Sequence[str]) -> None:
        for one in ids:
            del self.stored[one]

    def query(self, text: str) -> list[str]:
        self._client.embed([text])
        others = [chunk for one in self.stored.values() for chunk in one.chunks if chunk != text]
        return [text, *others][:5]

    def execute(self, query: str) -> list[tuple[str]]:
        self.statements.append(query)
        if "pg_indexes" in query:
            return [("CREATE UNIQUE INDEX chunks_pkey ON chunks USING btree (id)",)]
        return (
            [(text,) for one in self.stored.values() for text in one.chunks] if "SELECT text" in query else []
        )


def job(endpoint: str) -> Job:
    return Job("", "bench", endpoint, **vars(SMALL))


def test_every_operation_is_timed_and_its_calls_are_counted(endpoint: str) -> None:
    client = Client(endpoint)
    subject = Memory(client)
    measured = work(subject, job(endpoint), subject, client)
    assert list(measured) == list(OPERATIONS)
    counts = {name: (one["calls"], one["texts"]) for name, one in measured.items()}
    assert counts == {
        "full": (1, 24),
        "unchanged": (0, 0),
        "uploaded again": (0, 0),
        "1% changed": (1, 3),
        "1% deleted": (0, 0),
        "query": (1, 1),
    }
    assert all(one["wall_ms"] > 0 for one in measured.values())
    assert "CREATE INDEX ON chunks USING hnsw (vector vector_cosine_ops)" in subject.statements


class Forgetful(Memory):
    def ingest(self, documents: Sequence[Document]) -> None:
        super().ingest(documents[:-1] or documents)


class Hoarding(Memory):
    def delete(self, ids: Sequence[str]) -> None:
        super().delete([one for one in ids if one.startswith("warm")])


class Guessing(Memory):
    def query(self, text: str) -> list[str]:
        return super().query(text)[::-1]


class Sparing(Memory):
    def query(self, text: str) -> list[str]:
        return super().query(text)[:1]


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (Forgetful, "full: the 21 chunks in the store are not the 24 that were given"),
        (Hoarding, "1% deleted: the 24 chunks in the store are not the 21 that were given"),
        (Guessing, "query: a chunk is not the nearest to itself"),
        (Sparing, "query: there are not 5 chunks each"),
    ],
)
def test_a_subject_that_does_not_do_what_is_measured_is_found_out(
    kind: type[Memory], said: str, endpoint: str
) -> None:
    client = Client(endpoint)
    subject = kind(client)
    with pytest.raises(AssertionError, match=said):
        work(subject, job(endpoint), subject, client)


# -- the run ----------------------------------------------------------------------------------------
class Database:
    """Stands for PostgreSQL, which these subjects do not ask."""

    host = "/nowhere"

    def __init__(self) -> None:
        self.statements: list[str] = []

    def run(self, statement: str) -> None:
        self.statements.append(statement)


def program(folder: Path, name: str, body: str) -> Path:
    path = folder / f"{name}.py"
    path.write_text(f"import json, sys\njob = json.loads(sys.argv[1])\n{body}\n", encoding="utf-8")
    return path


def test_every_round_runs_every_subject_in_a_database_of_its_own(tmp_path: Path) -> None:
    spent = {name: {"wall_ms": 4, "cpu_ms": 2, "calls": 1, "texts": 3} for name in OPERATIONS}
    subjects = {
        name: program(
            tmp_path,
            name.replace(" ", "_"),
            f"open({str(tmp_path / 'log')!r}, 'a').write({name[0]!r})\n"
            "from embedding_server import Client\nClient(job['endpoint']).counts()\n"
            f"print('a log line')\nprint({json.dumps(spent)!r})",
        )
        for name in (FLOOR, "peer")
    }
    database = Database()
    found = rag(2, size=SMALL, subjects=subjects, waits_ms=(0, 5), server=lambda: nullcontext(database))
    assert (tmp_path / "log").read_text() == "bp" * 4
    assert len(set(database.statements)) == len(database.statements) == 2 * 8
    assert list(found) == [0, 5]
    assert found[0]["full"] == dict.fromkeys(subjects, Work((Time(4, 2),) * 2, 1, 3))
    assert found[0]["full"]["peer"].to_json()["embedded_texts"] == 3


def test_a_subject_that_fails_ends_the_run_with_what_it_said(tmp_path: Path) -> None:
    subjects = {"broken": program(tmp_path, "broken", "sys.exit('no such table')")}
    database = Database()
    with pytest.raises(FailedError, match="broken ended with 1:\nno such table"):
        rag(1, size=SMALL, subjects=subjects, server=lambda: nullcontext(database))
    assert database.statements[-1].startswith("DROP DATABASE")


@pytest.mark.parametrize(("by", "ratio"), [(By.WALL, "2.50"), (By.CPU, "3.00")])
def test_a_table_compares_medians_with_the_floor(by: By, ratio: str) -> None:
    floor = Work((Time(10, 1), Time(20, 2), Time(90, 9)), 5, 500)
    peer = Work((Time(50, 6), Time(40, 5), Time(60, 9)), 7, 500)
    console = Console(width=120)
    with console.capture() as capture:
        console.print(work_table(20, {"full": {FLOOR: floor, "peer": peer}}, by))
    text = " ".join(capture.get().split())
    assert "an embedding call takes 20 ms" in text
    assert f"peer │ 50.0 │ 40.0 │ 6.0 │ {ratio} │ 7 │ 500" in text


def test_every_subject_has_its_program() -> None:
    assert FLOOR in SUBJECTS
    assert all(path.is_file() for path in SUBJECTS.values())


def test_a_vector_is_of_its_text_alone() -> None:
    assert embedding_server.vector("a", 8) == embedding_server.vector("a", 8)
    assert isinstance(embedding_server.vector("a", 8), array)
    assert embedding_server.vector("a", 8) != embedding_server.vector("b", 8)


def test_a_promise_is_a_ratio_of_medians_of_one_run_and_names_what_is_missed() -> None:
    def works(floor: float, langchain: float, ours: float, calls: float = 1) -> dict[str, Work]:
        each = ((FLOOR, floor), (LANGCHAIN, langchain), (OURS, ours))
        return {name: Work((Time(9 * ms, 1), Time(ms, 1), Time(ms / 2, 1)), calls) for name, ms in each}

    measured = {name: works(100, 100, 100) for name in OPERATIONS}
    measured |= {
        "full": works(100, 130, 120),
        "unchanged": works(100, 100, 5),
        "1% changed": works(1, 1, 1, 2),
    }
    gates = rag_promises({0: measured, 20: measured}, By.WALL)
    missed = [(gate.name, gate.measured) for gate in gates if not gate.kept]
    changed_calls = "calls of the embeddings for what changed"
    assert missed == [
        (f"RAG, 0 ms: {changed_calls}", 2),
        ("RAG, 20 ms: full ingestion / bare psycopg", 1.2),
        (f"RAG, 20 ms: {changed_calls}", 2),
    ]
