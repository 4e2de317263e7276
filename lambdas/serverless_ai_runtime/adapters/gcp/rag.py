"""What RAG needs of Google Cloud beside the rest: embedding models and vector stores."""

from __future__ import annotations

from serverless_ai_runtime.adapters.gcp.embeddings import DOCUMENTS, QUESTIONS, VertexEmbedder
from serverless_ai_runtime.adapters.gcp.factory import GcpAdapters
from serverless_ai_runtime.config import ConfigError, gcp_name, variable
from serverless_ai_runtime.config_rag import IndexConfig
from serverless_ai_runtime.core.rag.ports import Embedder, VectorStore


class GcpRag(GcpAdapters):
    """Makes each from what an index says of itself; raises `ConfigError` for what Google Cloud has not."""

    def embedder(self, index: IndexConfig, *, questions: bool) -> Embedder:
        service, endpoint = self.vertex(index.model_endpoint)
        purpose = QUESTIONS if questions else DOCUMENTS
        try:
            return VertexEmbedder(service, endpoint, index.model, index.dimension, purpose)
        except ValueError as error:
            raise ConfigError(f"{variable('indexes')}: {error}") from None

    def vectors(self, index: IndexConfig) -> VectorStore:
        if index.store == "firestore":
            from serverless_ai_runtime.adapters.gcp.firestore_vectors import FirestoreVectors

            collection = gcp_name("indexes", index.place, "projects", "databases", "documents")
            return FirestoreVectors(self.firestore(), collection, index.dimension)
        if index.store == "alloy_db":
            from serverless_ai_runtime.adapters.gcp.alloydb import alloydb, parse_place

            try:
                place = parse_place(index.place)
            except ValueError as error:
                raise ConfigError(f"{variable('indexes')}: {error}") from None
            return alloydb(self.tokens, self.email, place, index.name, index.dimension)
        if index.store == "vertex_vector_search":
            return self._vector_search(index.place)
        raise ConfigError(f"{variable('indexes')}: Google Cloud has no vector store {index.store!r}")

    def _vector_search(self, place: str) -> VectorStore:
        if not place.startswith("{"):
            from serverless_ai_runtime.adapters.gcp.vector_search import VectorSearch

            collection = gcp_name("indexes", place, "projects", "locations", "collections")
            return VectorSearch(self.vector_search(), collection)
        from serverless_ai_runtime.adapters.gcp.texts import Texts
        from serverless_ai_runtime.adapters.gcp.vector_search_classic import VectorSearchClassic, read_place

        try:
            classic = read_place(place)
        except ValueError as error:
            raise ConfigError(f"{variable('indexes')}: {error}") from None
        return VectorSearchClassic(
            *self.vector_search_classic(classic), Texts(self.firestore(), classic.texts), classic
        )
