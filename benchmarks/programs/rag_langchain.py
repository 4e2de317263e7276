"""LangChain: `index()` with incremental cleanup, SQLRecordManager and PGVector, as documented."""

from __future__ import annotations

from collections.abc import Sequence

from langchain_classic.indexes import SQLRecordManager
from langchain_core.documents import Document as Chunk
from langchain_core.indexing import index
from langchain_openai import OpenAIEmbeddings
from langchain_postgres import PGVector
from rag_documents import Document
from rag_subject import run
from rag_work import NEAREST, Job, Table


class LangChain:
    table = Table("langchain_pg_embedding", "document", "embedding")

    def __init__(self, job: Job) -> None:
        embeddings = OpenAIEmbeddings(
            model="bench",
            dimensions=job.dimension,
            base_url=f"http://{job.endpoint}/v1",
            api_key="bench",
            check_embedding_ctx_length=False,
        )
        self._store = PGVector(embeddings, connection=job.url("psycopg"), embedding_length=job.dimension)
        self._records = SQLRecordManager("bench", db_url=job.url("psycopg"))
        self._records.create_schema()

    def ingest(self, documents: Sequence[Document]) -> None:
        index(
            (Chunk(text, metadata={"source": one.id}) for one in documents for text in one.chunks),
            self._records,
            self._store,
            cleanup="incremental",
            source_id_key="source",
            key_encoder="sha256",
        )

    def delete(self, ids: Sequence[str]) -> None:
        keys = self._records.list_keys(group_ids=ids)
        self._store.delete(keys)
        self._records.delete_keys(keys)

    def query(self, text: str) -> list[str]:
        return [found.page_content for found in self._store.similarity_search(text, k=NEAREST)]


run(LangChain)
