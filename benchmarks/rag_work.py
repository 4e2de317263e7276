"""What every subject of the RAG benchmark does, and how it is timed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, NamedTuple, Protocol

from embedding_server import Client
from rag_documents import Document, again, changed, documents, gone

FULL: Final = "full"
UNCHANGED: Final = "unchanged"
AGAIN: Final = "uploaded again"
CHANGED: Final = "1% changed"
DELETED: Final = "1% deleted"
QUERY: Final = "query"
OPERATIONS: Final = (FULL, UNCHANGED, AGAIN, CHANGED, DELETED, QUERY)
NEAREST: Final = 5
"""Chunks that a query finds."""


class Job(NamedTuple):
    host: str
    """Folder of PostgreSQL's socket."""
    database: str
    """Empty, and of this run alone."""
    endpoint: str
    """HOST:PORT of the embeddings."""
    dimension: int
    documents: int
    chunks: int
    """Of a document."""
    questions: int

    def url(self, driver: str) -> str:
        """For SQLAlchemy."""
        return f"postgresql+{driver}://postgres@/{self.database}?host={self.host}"


class Table(NamedTuple):
    """Where a subject keeps its chunks: names of the table, of the texts and of the vectors."""

    name: str
    text: str
    vector: str


class Subject(Protocol):
    table: Table

    def ingest(self, documents: Sequence[Document]) -> None:
        """They are in the store afterwards as they are given, whatever was there of them before."""
        ...

    def delete(self, ids: Sequence[str]) -> None: ...

    def query(self, text: str) -> list[str]:
        """Texts of the `NEAREST` chunks, the nearest first."""
        ...


class Database(Protocol):
    """A connection of psycopg."""

    def execute(self, query: str) -> Iterable[Sequence[Any]]: ...


def work(subject: Subject, job: Job, database: Database, client: Client) -> dict[str, dict[str, float]]:
    """Operation -> what it took. Raises `AssertionError` when a subject did not do what is measured."""
    every = documents(job.documents, job.chunks)
    rewritten, ids = changed(every), gone(every)
    now = [*rewritten, *every[len(rewritten) :]]
    asked = [one.chunks[0] for one in every[len(rewritten) :][: job.questions]]
    _warm_up(subject)
    _index(database, subject.table)
    steps: tuple[tuple[str, Callable[[], None], Sequence[Document]], ...] = (
        (FULL, lambda: subject.ingest(every), every),
        (UNCHANGED, lambda: subject.ingest(every), every),
        (AGAIN, lambda: subject.ingest(again(every)), every),
        (CHANGED, lambda: subject.ingest(rewritten), now),
        (DELETED, lambda: subject.delete(ids), now[: -len(ids)]),
    )
    measured: dict[str, dict[str, float]] = {}
    for name, step, expected in steps:
        measured[name] = _timed(step, client)
        database.execute(f"VACUUM ANALYZE {subject.table.name}")  # as a server does by itself within a minute
        _check(name, _stored(database, subject.table), expected)
    found: list[list[str]] = []
    measured[QUERY] = _timed(lambda: found.extend(map(subject.query, asked)), client, len(asked))
    assert [one[0] for one in found] == asked, f"{QUERY}: a chunk is not the nearest to itself"
    assert {len(one) for one in found} == {NEAREST}, f"{QUERY}: there are not {NEAREST} chunks each"
    return measured


def _warm_up(subject: Subject) -> None:
    """All that is only done once: tables, connections, imports."""
    first = Document("warm/up.txt", ("one of five", "two of five", "three of five", "four", "five"))
    subject.ingest([first])
    subject.ingest([first])
    subject.query("one of five")
    subject.delete([first.id])


def _index(database: Database, table: Table) -> None:
    """The same index for all: HNSW by cosine, as pgvector makes it by default."""
    defined = database.execute(f"SELECT indexdef FROM pg_indexes WHERE tablename = '{table.name}'")
    if not any("USING hnsw" in one for (one,) in defined):
        database.execute(f"CREATE INDEX ON {table.name} USING hnsw ({table.vector} vector_cosine_ops)")


def _stored(database: Database, table: Table) -> list[str]:
    return [text for (text,) in database.execute(f"SELECT {table.text} FROM {table.name}")]


def _check(name: str, stored: Sequence[str], expected: Sequence[Document]) -> None:
    wanted = sorted(chunk for one in expected for chunk in one.chunks)
    said = f"{name}: the {len(stored)} chunks in the store are not the {len(wanted)} that were given"
    assert sorted(stored) == wanted, said


def _timed(step: Callable[[], None], client: Client, times: int = 1) -> dict[str, float]:
    client.counts()
    cpu, wall = time.process_time(), time.perf_counter()
    step()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    calls, texts = client.counts()
    spent = {"wall_ms": wall * 1000, "cpu_ms": cpu * 1000, "calls": calls, "texts": texts}
    return {name: value / times for name, value in spent.items()}
