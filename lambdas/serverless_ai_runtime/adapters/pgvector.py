"""One table of PostgreSQL with pgvector as a `KeywordStore`, over whatever runs SQL there.

Entries and tenants are looked for by their digests, which an index takes however long they are and whatever
is in them. A statement carries its entries as one JSON text: it is one round trip for as many as the service
takes, it needs no arrays and no list of parameters that grows, and PostgreSQL parses it once.

The table is made by the first write that misses it, and whoever searches a table that is not there finds
nothing. pgvector 0.8 or later is needed: it is the first that goes on looking when a filter took what an
index had found.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from serverless_ai_runtime.core.packing import packed
from serverless_ai_runtime.core.ports import Deadline, Refused, ServiceError, Throttled, Unavailable
from serverless_ai_runtime.core.rag.ports import Access, Entry, Hit
from serverless_ai_runtime.core.records import digest

UNDEFINED_TABLE: Final = "42P01"
MOST_VECTOR: Final = 2_000
MOST_HALFVEC: Final = 4_000
"""Dimensions that an HNSW index takes; both: README of pgvector 0.8, read 2026-11-27."""
MOST_IDS: Final = 10_000
"""Of one DELETE: some 700 KB."""
MOST_QUESTION: Final = 4_000
"""Characters of a question that are looked for: a longer one says nothing that these do not."""
MOST_WORDS: Final = 100_000
"""Characters of a chunk that are indexed as words: a `tsvector` takes 1 MiB (PostgreSQL 18, 12.11)."""
CONFIGURATION: Final = "english"
"""Of the text search. PostgreSQL ranks a word by how often it is there and not by how rare it is, so that
with `simple` every chunk that says "the" is a hit. Words of other languages are cut in the chunk as in the
question, and so they match."""

IN_ROW: Final = 8_160
"""Bytes of a row that stay together: all that a page takes. By default PostgreSQL keeps what is longer than
2 KB apart, which is every vector: whoever compares all of a tenant would look each of them up ("TOAST",
PostgreSQL 18, 65.2)."""

_LOCK: Final = 7_215_903_344
"""Of whoever makes tables: `IF NOT EXISTS` alone is no match for two that do so at the same time."""
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")

Value = str | int
Row = Sequence[Any]


class Sql(Protocol):
    """Runs statements, each in a transaction of its own."""

    most_bytes: int
    """Of a text that a statement is given, as JSON."""

    def execute(
        self, operation: str, sql: str, parameters: Mapping[str, Value], deadline: Deadline
    ) -> Sequence[Row]:
        """The rows. `:name` in `sql` is a parameter; `::` is none, but no statement here has one.

        Raises `ServiceError`; of what PostgreSQL refuses, `code` is its SQLSTATE. All statements may be
        repeated.
        """
        ...

    def malformed(self, operation: str, what: str) -> Unavailable:
        """The error for rows that are not what was asked for."""
        ...


class PgVector:
    """Entries in table `index`; their vectors have `dimension` numbers."""

    def __init__(self, sql: Sql, index: str, dimension: int, *, readers: str = "") -> None:
        """`readers`: a role of the database that may read a table which is made here."""
        for name in (index, readers or "none"):
            if not _NAME.fullmatch(name):
                raise ValueError(f"{name!r} is no name of a table or role: {_NAME.pattern}")
        self._sql = sql
        self._statements = _Statements(index, dimension, readers)

    def upsert(self, entries: Sequence[Entry], deadline: Deadline) -> None:
        latest = {digest(entry.id): entry for entry in entries}
        # Everybody locks rows in the same order, so that nobody waits for somebody who waits for him.
        records = [_record(key, latest[key]) for key in sorted(latest)]
        for batch in packed(records, _quoted, len(records), self._sql.most_bytes):
            array = f"[{','.join(batch)}]"
            self._made("Upsert", self._statements.upsert, {"entries": array}, deadline)

    def delete(self, ids: Sequence[str], deadline: Deadline) -> None:
        keys = sorted({digest(one) for one in ids})
        for start in range(0, len(keys), MOST_IDS):
            parameters = {"keys": _array(keys[start : start + MOST_IDS])}
            self._run("Delete", self._statements.delete, parameters, deadline)

    def search(
        self,
        vector: Sequence[float],
        most: int,
        access: Access,
        deadline: Deadline,
        documents: Sequence[str] = (),
    ) -> list[Hit]:
        given = {**_asked(most, access, documents), "vector": _vector(vector)}
        return self._find("Search", self._statements.search(bool(documents)), given, most, deadline)

    def search_text(
        self,
        text: str,
        most: int,
        access: Access,
        deadline: Deadline,
        documents: Sequence[str] = (),
    ) -> list[Hit]:
        given = {**_asked(most, access, documents), "question": _plain(text[:MOST_QUESTION])}
        return self._find("SearchText", self._statements.search_text(bool(documents)), given, most, deadline)

    def _find(
        self, operation: str, sql: str, parameters: Mapping[str, Value], most: int, deadline: Deadline
    ) -> list[Hit]:
        rows = self._run(operation, sql, parameters, deadline)
        try:
            hits = [_hit(row) for row in rows]
        except (TypeError, ValueError) as error:
            raise self._sql.malformed(operation, f"not entries of ours: {error}") from None
        # An index that goes on looking gives what it finds then after what it found before.
        return sorted(hits, key=lambda hit: -hit.score)[:most]

    def _run(
        self, operation: str, sql: str, parameters: Mapping[str, Value], deadline: Deadline
    ) -> Sequence[Row]:
        """The rows; none of a table that is not there."""
        try:
            return self._sql.execute(operation, sql, parameters, deadline)
        except Refused as error:
            if error.code != UNDEFINED_TABLE:
                raise
            return ()

    def _made(self, operation: str, sql: str, parameters: Mapping[str, Value], deadline: Deadline) -> None:
        """Run it; make the table first if it is not there."""
        try:
            self._sql.execute(operation, sql, parameters, deadline)
        except Refused as error:
            if error.code != UNDEFINED_TABLE:
                raise
            self._sql.execute("CreateTable", self._statements.create, {}, deadline)
            self._sql.execute(operation, sql, parameters, deadline)


class _Statements:
    """The SQL of one table. A colon is nowhere but before a parameter."""

    def __init__(self, table: str, dimension: int, readers: str) -> None:
        self._table = table
        kind = "vector" if dimension <= MOST_VECTOR or dimension > MOST_HALFVEC else "halfvec"
        self._type = f"{kind}({dimension})"
        self.create = self._create(kind, dimension, readers)
        self.upsert = (
            f"INSERT INTO {table} (key, id, tenant, of, document, tags, heading, text, vector) "  # noqa: S608 - every name is ours
            "SELECT key, id, tenant, of, document, tags, heading, text, vector "
            "FROM json_to_recordset(CAST(:entries AS json)) AS given (key text, id text, tenant text, "
            f"of text, document text, tags text[], heading text, text text, vector {self._type}) "
            "ON CONFLICT (key) DO UPDATE SET tenant = excluded.tenant, of = excluded.of, "
            "document = excluded.document, tags = excluded.tags, heading = excluded.heading, "
            "text = excluded.text, vector = excluded.vector"
        )
        self.delete = f"DELETE FROM {table} WHERE key = ANY(CAST(:keys AS text[]))"  # noqa: S608

    def search(self, narrowed: bool) -> str:
        """The nearest by the index; all are compared if that found fewer than were asked for.

        An index looks at some 20,000 entries at most (`hnsw.max_scan_tuples`), which may all be of other
        tenants. A setting counts for the one statement that it is made in, before it is run.
        """
        distance = f"vector <=> CAST(:vector AS {self._type})"
        found = f"SELECT id, document, text, heading, 1 - ({distance}) AS score FROM {self._table} "  # noqa: S608
        where = f"WHERE {_filter(narrowed)} AND "
        most = "LIMIT CAST(:most AS bigint)"
        iterate = "(SELECT set_config('hnsw.iterative_scan', 'relaxed_order', true)) IS NOT NULL"
        few = "(SELECT count(*) FROM near) < CAST(:most AS bigint)"
        return (
            f"WITH near AS MATERIALIZED ({found}{where}{iterate} ORDER BY {distance} {most}) "  # noqa: S608
            f"SELECT * FROM near WHERE NOT ({few}) UNION ALL "
            f"({found}{where}{few} ORDER BY ({distance}) + 0 {most})"
        )

    def search_text(self, narrowed: bool) -> str:
        """Any of the words, ranked by how many of them there are and how often.

        `ts_rank_cd`, which ranks by how near the words are to each other, would take one word four times for
        better than two words. What `plainto_tsquery` makes has no operator but `&`, whatever was asked.
        """
        query = f"plainto_tsquery('{CONFIGURATION}', CAST(:question AS text))"
        words = f"CAST(replace(CAST({query} AS text), ' & ', ' | ') AS tsquery)"
        return (
            f"SELECT id, document, text, heading, ts_rank(words, asked, 1) AS score "  # noqa: S608
            f"FROM {self._table}, {words} AS asked WHERE {_filter(narrowed)} AND words @@ asked "
            "ORDER BY score DESC, key LIMIT CAST(:most AS bigint)"
        )

    def _create(self, kind: str, dimension: int, readers: str) -> str:
        """One statement: the services take no more than that at a time."""
        table = self._table
        words = f"left(heading || ' ' || text, {MOST_WORDS})"
        steps = [
            f"PERFORM pg_advisory_xact_lock({_LOCK})",
            "CREATE EXTENSION IF NOT EXISTS vector",
            f"CREATE TABLE IF NOT EXISTS {table} (key text PRIMARY KEY, id text NOT NULL, "
            "tenant text NOT NULL, of text NOT NULL, document text NOT NULL, tags text[] NOT NULL, "
            f"heading text NOT NULL, text text NOT NULL, vector {self._type} NOT NULL, "
            f"words tsvector GENERATED ALWAYS AS (to_tsvector('{CONFIGURATION}', {words})) STORED) "
            f"WITH (toast_tuple_target = {IN_ROW})",
            f"CREATE INDEX IF NOT EXISTS {table}_of ON {table} (tenant, of)",
            f"CREATE INDEX IF NOT EXISTS {table}_words ON {table} USING gin (words)",
        ]
        if dimension <= MOST_HALFVEC:  # beyond, all vectors are compared
            steps.append(
                f"CREATE INDEX IF NOT EXISTS {table}_near ON {table} USING hnsw (vector {kind}_cosine_ops)"
            )
        if readers:
            steps.append(f"GRANT SELECT ON {table} TO {readers}")
        return f"DO $$ BEGIN {'; '.join(steps)}; END $$"


def sql_error(service: str, operation: str, state: str, message: str) -> ServiceError:
    """The error for a SQLSTATE: by its class, whether the same statement may succeed later."""
    kind: type[ServiceError] = Refused
    if state[:2] == "53":  # no memory, no connection left
        kind = Throttled
    elif state[:2] in ("08", "40", "57", "58") or state == "55P03":
        kind = Unavailable  # connection, deadlock, shutdown or cancel, input and output; a lock not to be had
    return kind(service, operation, 0, state, message)


def _asked(most: int, access: Access, documents: Sequence[str]) -> dict[str, Value]:
    given: dict[str, Value] = {"tenant": digest(access.tenant), "most": most}
    return {**given, "documents": _array([digest(one) for one in documents])} if documents else given


def _filter(narrowed: bool) -> str:
    tenant = "tenant = CAST(:tenant AS text)"
    return f"{tenant} AND of = ANY(CAST(:documents AS text[]))" if narrowed else tenant


def _record(key: str, entry: Entry) -> str:
    record = {
        "key": key,
        "id": _plain(entry.id),
        "tenant": digest(entry.access.tenant),
        "of": digest(entry.document),
        "document": _plain(entry.document),
        "tags": sorted(map(_plain, entry.access.tags)),
        "heading": _plain(entry.heading),
        "text": _plain(entry.text),
        "vector": _vector(entry.vector),
    }
    return json.dumps(record, ensure_ascii=False, separators=(",", ":"))


def _array(digests: Sequence[str]) -> str:
    """Digests have nothing in them that an array's text would need to quote."""
    return "{" + ",".join(digests) + "}"


def _vector(vector: Sequence[float]) -> str:
    """Nine digits are all that there is in a float32."""
    return "[" + ",".join(["%.9g"] * len(vector)) % tuple(vector) + "]"


# What PostgreSQL's text cannot hold stands between two of `DLE`, which is there for nothing else.
_DLE: Final = "\x10"
_UNHELD: Final = re.compile("[\x00\x10\ud800-\udfff]")
_HELD: Final = re.compile("\x10([0-9a-f]{4})\x10")


def _plain(text: str) -> str:
    """The text without NUL and lone surrogates; `_raw` gives it back as it was."""
    return _UNHELD.sub(lambda found: f"{_DLE}{ord(found[0]):04x}{_DLE}", text)


def _raw(text: str) -> str:
    return _HELD.sub(lambda found: chr(int(found[1], 16)), text) if _DLE in text else text


def _hit(row: Row) -> Hit:
    entry, document, text, heading, score = row
    texts = (entry, document, text, heading)
    if not all(isinstance(one, str) for one in texts):
        raise TypeError("a column is not a text")
    if isinstance(score, bool) or not isinstance(score, int | float):
        raise TypeError("a score is not a number")
    return Hit(_raw(entry), _raw(document), _raw(text), _raw(heading), float(score))


def _quoted(record: str) -> int:
    """Bytes as a JSON text."""
    return len(json.dumps(record))
