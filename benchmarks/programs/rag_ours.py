"""Ours: the core's ingestion and retrieval over the pgvector adapter, with its records in PostgreSQL as well.

Documents are settled by pages, one after the other, as a resync does it. One that has the version that it had
is as it was; of any other the text is compared with what is stored.
"""

from __future__ import annotations

import json
import random
import re
import secrets
import time
from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from psycopg_pool import ConnectionPool
from rag_documents import Document
from rag_subject import run
from rag_work import NEAREST, Job, Table

from serverless_ai_runtime.adapters.azure.embeddings import FoundryEmbedder
from serverless_ai_runtime.adapters.azure.service import azure
from serverless_ai_runtime.adapters.pgvector import PgVector, sql_error
from serverless_ai_runtime.adapters.service import Service
from serverless_ai_runtime.core.ports import Deadline, Record, Unavailable, VersionConflict, World
from serverless_ai_runtime.core.rag.index import Index
from serverless_ai_runtime.core.rag.ingest import MOST_AT_ONCE, Ingestion
from serverless_ai_runtime.core.rag.manifests import Manifests
from serverless_ai_runtime.core.rag.ports import Access, Found
from serverless_ai_runtime.core.rag.resync import PAGE
from serverless_ai_runtime.core.rag.retrieval import Retrieval
from serverless_ai_runtime.documents import Section
from serverless_ai_runtime.http import HttpClient

TABLE = "bench"
PARAMETER = re.compile(r":(\w+)")
WORLD = World(time.time, time.sleep, random.random, lambda: secrets.token_hex(16))


class Token:
    """A `TokenSource`: the endpoint takes any."""

    def get(self, resource: str, deadline: Deadline) -> str:
        return "bench"


class PsycopgSql:
    """The adapter's `Sql`, over the driver that the others have. Statements that run at the same time have
    a connection each, as they have at Aurora's Data API."""

    most_bytes = 1_000_000

    def __init__(self, pool: ConnectionPool[psycopg.Connection[Any]]) -> None:
        self._pool = pool

    def execute(
        self, operation: str, sql: str, parameters: Mapping[str, str | int], deadline: Deadline
    ) -> Sequence[Sequence[Any]]:
        query = PARAMETER.sub(r"%(\1)s", sql.replace("%", "%%"))
        with self._pool.connection() as database:
            try:
                cursor = database.execute(query, parameters)
            except psycopg.Error as error:
                raise sql_error("PostgreSQL", operation, error.sqlstate or "", str(error)) from None
            return cursor.fetchall() if cursor.description else ()

    def malformed(self, operation: str, what: str) -> Unavailable:
        return Unavailable("PostgreSQL", operation, 0, "malformed", what)


class PsycopgRecords:
    """What ingestion and retrieval need of a `KeyValueStore`."""

    def __init__(self, database: psycopg.Connection[Any]) -> None:
        self._database = database
        database.execute(
            "CREATE TABLE records (key text PRIMARY KEY, version int NOT NULL, value text NOT NULL)"
        )

    def get(self, key: str, deadline: Deadline) -> Record | None:
        return self.get_many([key], deadline).get(key)

    def get_many(self, keys: Sequence[str], deadline: Deadline) -> dict[str, Record]:
        asked = "SELECT key, value, version FROM records WHERE key = ANY(%s)"
        found = self._database.execute(asked, [list(keys)])
        return {key: Record(json.loads(value), str(version)) for key, value, version in found}

    def put(
        self, key: str, value: Mapping[str, Any], *, expect: str | None, expires_at: int, deadline: Deadline
    ) -> str:
        statement = (
            "INSERT INTO records VALUES (%(key)s, 1, %(value)s) ON CONFLICT DO NOTHING RETURNING version"
            if expect is None
            else "UPDATE records SET version = version + 1, value = %(value)s "
            "WHERE key = %(key)s AND version = %(expect)s RETURNING version"
        )
        given = {"key": key, "value": json.dumps(value), "expect": int(expect or 0)}
        written = self._database.execute(statement, given).fetchone()
        if written is None:
            raise VersionConflict(key)
        return str(written[0])


class Ours:
    table = Table(TABLE, "text", "vector")

    def __init__(self, job: Job) -> None:
        place = {"host": job.host, "dbname": job.database, "user": "postgres", "autocommit": True}
        pool = ConnectionPool(kwargs=place, min_size=MOST_AT_ONCE, open=True)
        pool.wait()
        cloud = azure(HttpClient(WORLD), WORLD, Token())
        embedder = FoundryEmbedder(
            Service(cloud, "Foundry", f"http://{job.endpoint}/openai/v1", ""), "bench", job.dimension
        )
        store = PgVector(PsycopgSql(pool), TABLE, job.dimension)
        index = Index(
            embedder, store, Manifests(PsycopgRecords(psycopg.connect(**place)), TABLE, WORLD), WORLD
        )
        self._bucket: dict[str, Found] = {}
        self._ingestion, self._retrieval = Ingestion(index, self), Retrieval(index)

    def look(self, document: str, deadline: Deadline) -> Found | None:
        return self._bucket.get(document)

    def ingest(self, documents: Sequence[Document]) -> None:
        # A section a chunk: cutting starts anew at each, and so gives the chunks that all have.
        for one in documents:
            sections = [Section(text) for text in one.chunks]
            self._bucket[one.id] = Found(one.version, Access(), lambda deadline, sections=sections: sections)
        self._settle([one.id for one in documents])

    def delete(self, ids: Sequence[str]) -> None:
        for one in ids:
            self._bucket.pop(one, None)
        self._settle(ids)

    def query(self, text: str) -> list[str]:
        return [one.text for one in self._retrieval.search(text, Access(), NEAREST, _deadline()).passages]

    def _settle(self, ids: Sequence[str]) -> None:
        """By pages, as a resync of the bucket does it."""
        for first in range(0, len(ids), PAGE):
            for outcome in self._ingestion.settle(ids[first : first + PAGE], _deadline()).values():
                if isinstance(outcome, Exception):
                    raise outcome


def _deadline() -> Deadline:
    return Deadline(60)


run(Ours)
