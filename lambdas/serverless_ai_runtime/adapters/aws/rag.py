"""What RAG needs of AWS beside the rest: embedding models and vector stores."""

from __future__ import annotations

from serverless_ai_runtime.adapters.aws.embeddings import DOCUMENTS, QUESTIONS, BedrockEmbedder
from serverless_ai_runtime.adapters.aws.factory import AwsAdapters
from serverless_ai_runtime.config import ConfigError, variable
from serverless_ai_runtime.config_rag import IndexConfig
from serverless_ai_runtime.core.rag.ports import Embedder, VectorStore


class AwsRag(AwsAdapters):
    """Makes each from what an index says of itself; raises `ConfigError` for what AWS does not have."""

    def embedder(self, index: IndexConfig, *, questions: bool) -> Embedder:
        service = self.service("Bedrock", "bedrock-runtime", signing_name="bedrock")
        purpose = QUESTIONS if questions else DOCUMENTS
        try:
            return BedrockEmbedder(service, index.model, index.dimension, purpose)
        except ValueError as error:
            raise ConfigError(f"{variable('indexes')}: {error}") from None

    def vectors(self, index: IndexConfig) -> VectorStore:
        if index.store == "s3_vectors":
            from serverless_ai_runtime.adapters.aws.s3_vectors import S3Vectors

            return S3Vectors(self.service("S3 Vectors", "s3vectors"), index.place)
        if index.store == "aurora":
            from serverless_ai_runtime.adapters.aws.aurora import SIGNING_NAME, aurora, parse_place

            service = self.service("RDS Data API", "rds-data", signing_name=SIGNING_NAME)
            try:
                return aurora(service, parse_place(index.place), index.name, index.dimension)
            except ValueError as error:
                raise ConfigError(f"{variable('indexes')}: {error}") from None
        if index.store == "open_search":
            from serverless_ai_runtime.adapters.aws import opensearch_index
            from serverless_ai_runtime.adapters.aws.opensearch import OpenSearch

            place = opensearch_index.place("indexes", index.place)
            return OpenSearch(self.collection(place.url, opensearch_index.SIGNING_NAME), place)
        raise ConfigError(f"{variable('indexes')}: AWS has no vector store {index.store!r}")
