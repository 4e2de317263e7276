"""The floor: a plain script over psycopg. It knows what it was given and not what is stored.

So it embeds whatever it is given, and replaces a document as a whole.
"""

from __future__ import annotations

from collections.abc import Sequence

import psycopg
from embedding_server import Client
from rag_documents import Document
from rag_subject import run
from rag_work import NEAREST, Job, Table

BATCH = 100
"""Texts of one call of the embeddings: the default of LangChain's `index` and of LlamaIndex."""


class Floor:
    table = Table("chunks", "text", "vector")

    def __init__(self, job: Job) -> None:
        self._client = Client(job.endpoint)
        self._database = psycopg.connect(host=job.host, dbname=job.database, user="postgres", autocommit=True)
        self._database.execute(
            "CREATE TABLE chunks (document text NOT NULL, number int NOT NULL, text text NOT NULL, "
            f"vector vector({job.dimension}) NOT NULL, PRIMARY KEY (document, number))"
        )

    def ingest(self, documents: Sequence[Document]) -> None:
        rows = [(one.id, at, text) for one in documents for at, text in enumerate(one.chunks)]
        with self._database.transaction():
            self.delete([one.id for one in documents])
            with self._database.cursor().copy("COPY chunks FROM STDIN") as copy:
                for start in range(0, len(rows), BATCH):
                    batch = rows[start : start + BATCH]
                    vectors = self._client.embed([text for _, _, text in batch])
                    for row, vector in zip(batch, vectors, strict=True):
                        copy.write_row((*row, str(vector)))

    def delete(self, ids: Sequence[str]) -> None:
        self._database.execute("DELETE FROM chunks WHERE document = ANY(%s)", [list(ids)])

    def query(self, text: str) -> list[str]:
        (vector,) = self._client.embed([text])
        nearest = "SELECT text FROM chunks ORDER BY vector <=> %s LIMIT %s"
        return [found for (found,) in self._database.execute(nearest, [str(vector), NEAREST])]


run(Floor)
