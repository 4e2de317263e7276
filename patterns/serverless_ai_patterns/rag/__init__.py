"""Serverless RAG: documents in a bucket, answers with citations out of an endpoint."""

from serverless_ai_patterns.rag.settings import Answers, Embedding, Endpoint, Ingestion, RagSettings
from serverless_ai_patterns.rag.stores import (
    AiSearch,
    AlloyDb,
    Aurora,
    Cosmos,
    Firestore,
    OpenSearch,
    S3Vectors,
    VertexVectorSearch,
)

__all__ = [
    "AiSearch",
    "AlloyDb",
    "Answers",
    "Aurora",
    "Cosmos",
    "Embedding",
    "Endpoint",
    "Firestore",
    "Ingestion",
    "OpenSearch",
    "RagSettings",
    "S3Vectors",
    "VertexVectorSearch",
]
