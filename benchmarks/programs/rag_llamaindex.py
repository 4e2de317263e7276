"""LlamaIndex: an IngestionPipeline with PGVectorStore, and its docstore in PostgreSQL as well."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llama_index.core import VectorStoreIndex
from llama_index.core.ingestion import DocstoreStrategy, IngestionPipeline
from llama_index.core.schema import BaseNode, NodeRelationship, TextNode, TransformComponent
from llama_index.core.schema import Document as Whole
from llama_index.embeddings.openai import OpenAIEmbedding
from llama_index.storage.docstore.postgres import PostgresDocumentStore
from llama_index.storage.kvstore.postgres import PostgresKVStore
from llama_index.vector_stores.postgres import PGVectorStore
from rag_documents import Document
from rag_subject import run
from rag_work import NEAREST, Job, Table

SEPARATOR = "\f"


class Cut(TransformComponent):
    """The chunks that all subjects have, in place of a splitter's."""

    def __call__(self, nodes: Sequence[BaseNode], **_: Any) -> Sequence[BaseNode]:
        return [
            TextNode(text=text, relationships={NodeRelationship.SOURCE: one.as_related_node_info()})
            for one in nodes
            for text in one.get_content().split(SEPARATOR)
        ]


class LlamaIndex:
    table = Table("data_bench", "text", "embedding")

    def __init__(self, job: Job) -> None:
        urls = {"connection_string": job.url("psycopg2"), "async_connection_string": job.url("asyncpg")}
        embeddings = OpenAIEmbedding(
            model_name="bench",
            dimensions=job.dimension,
            api_base=f"http://{job.endpoint}/v1",
            api_key="bench",
        )
        self._store = PGVectorStore.from_params(**urls, table_name="bench", embed_dim=job.dimension)
        self._documents = PostgresDocumentStore(PostgresKVStore("docstore", **urls, use_jsonb=True))
        self._pipeline = IngestionPipeline(
            transformations=[Cut(), embeddings],
            vector_store=self._store,
            docstore=self._documents,
            docstore_strategy=DocstoreStrategy.UPSERTS,
        )
        index = VectorStoreIndex.from_vector_store(self._store, embed_model=embeddings)
        self._retriever = index.as_retriever(similarity_top_k=NEAREST)

    def ingest(self, documents: Sequence[Document]) -> None:
        self._pipeline.run(
            documents=[Whole(id_=one.id, text=SEPARATOR.join(one.chunks)) for one in documents]
        )

    def delete(self, ids: Sequence[str]) -> None:
        for one in ids:
            self._store.delete(one)
            self._documents.delete_document(one)

    def query(self, text: str) -> list[str]:
        return [found.node.get_content() for found in self._retriever.retrieve(text)]


run(LlamaIndex)
