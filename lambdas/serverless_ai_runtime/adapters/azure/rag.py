"""What RAG needs of Azure beside the rest: embedding models, vector stores, and what can be gone through."""

from __future__ import annotations

from serverless_ai_runtime.adapters.azure.cosmos_scan import ScannableCosmos
from serverless_ai_runtime.adapters.azure.embeddings import FoundryEmbedder
from serverless_ai_runtime.adapters.azure.factory import AzureAdapters
from serverless_ai_runtime.config import ConfigError, variable
from serverless_ai_runtime.config_rag import IndexConfig
from serverless_ai_runtime.core.rag.ports import Embedder, VectorStore


class AzureRag(AzureAdapters):
    """Makes each from what an index says of itself; raises `ConfigError` for what Azure does not have."""

    def embedder(self, index: IndexConfig, *, questions: bool) -> Embedder:
        """The models of Foundry make the same vectors of questions as of documents."""
        service = self.foundry("indexes", index.model_endpoint)
        return FoundryEmbedder(service, index.model, index.dimension)

    def vectors(self, index: IndexConfig) -> VectorStore:
        if index.store == "cosmos":
            from serverless_ai_runtime.adapters.azure.cosmos_words import CosmosWords

            return CosmosWords(self.cosmos("indexes", index.place), index.dimension)
        if index.store == "ai_search":
            from serverless_ai_runtime.adapters.azure.ai_search import AiSearch, endpoint_and_index

            try:
                url, name = endpoint_and_index(index.place)
            except ValueError as error:
                raise ConfigError(f"{variable('indexes')}: {error}") from None
            return AiSearch(self.ai_search("indexes", url), name, index.dimension)
        raise ConfigError(f"{variable('indexes')}: Azure has no vector store {index.store!r}")

    def store(self, name: str) -> ScannableCosmos:
        return ScannableCosmos(self.cosmos("store", name))
