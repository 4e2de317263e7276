"""What questions and documents of RAG on AWS cost: from settings and stated assumptions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from serverless_ai_patterns.aws import prices
from serverless_ai_patterns.aws.prices import Price
from serverless_ai_patterns.cost import UsageLine, thousand, tokens
from serverless_ai_patterns.models import Model
from serverless_ai_patterns.rag import RagSettings
from serverless_ai_patterns.validation import in_range, typed

CHARS_PER_TOKEN: Final = 4
"""English in the byte-pair tokenizers of current models."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Questions:
    """What an average question is taken to be. Change it to what your dashboard shows."""

    tokens: int = 20
    """Of the question itself."""
    prompt_tokens: int = 350
    """Of what is sent beside question and passages."""
    output_tokens: int = 150
    duration_ms: int = 1500
    vectors: int = 10_000
    """In the index."""
    log_bytes: int = 1200
    traced_percent: int = 5

    def __post_init__(self) -> None:
        typed(self)
        for field, high in _LIMITS.items():
            in_range(self, field, 0, high)


_LIMITS: Final = {
    "tokens": 2_000,
    "prompt_tokens": 100_000,
    "output_tokens": 8_192,
    "duration_ms": 29_000,
    "vectors": 2_000_000_000,
    "log_bytes": 1_000_000,
    "traced_percent": 100,
}


def per_thousand_questions(
    settings: RagSettings, model: Model, embedding: Model, questions: Questions | None = None
) -> list[UsageLine]:
    """A thousand questions on AWS with S3 Vectors, meter by meter, at list price; none comes from a cache.

    Not counted: data transfer, free tiers, custom metrics, what is stored. Raises ValueError when a model's
    price is unknown; `dataclasses.replace` it with your own.
    """
    q = Questions() if questions is None else questions
    for one in (model, embedding):
        if one.input_usd is None or one.output_usd is None:
            raise ValueError(f"no price is known for model {one.id}; set its input_usd and output_usd")
    function, passages = settings.endpoint.function, settings.answers.top_k
    read = q.prompt_tokens + q.tokens + passages * settings.ingestion.chunk_chars // CHARS_PER_TOKEN
    vector_bytes = q.vectors * (4 * embedding.dimension + settings.ingestion.chunk_chars)
    embed = Price(
        embedding.input_usd or 0.0, f"million tokens, {embedding.name or embedding.id}", embedding.source
    )
    return [
        thousand("Endpoint", prices.HTTP_API, 1e-6, "1 request"),
        thousand("Function, requests", prices.LAMBDA_REQUESTS, 1e-6, "1 call"),
        thousand(
            "Function, duration",
            prices.LAMBDA_ARM,
            q.duration_ms / 1000 * function.memory_mb / 1024,
            f"{q.duration_ms} ms at {function.memory_mb} MB",
        ),
        thousand("Question, embedded", embed, q.tokens / 1e6, f"{q.tokens} tokens"),
        thousand("Vectors, queries", prices.VECTOR_QUERIES, 1e-6, "1 query"),
        thousand(
            "Vectors, searched",
            prices.VECTORS_SEARCHED,
            vector_bytes / 1e12,
            f"{q.vectors} vectors of {embedding.dimension} numbers",
        ),
        thousand("Table, reads", prices.DYNAMODB_READS, (4 + passages) / 1e6, f"{4 + passages} read units"),
        thousand("Table, writes", prices.DYNAMODB_WRITES, 20e-6, "20 write units: caches, budget, session"),
        thousand("Logs", prices.LOGS_INGESTED, q.log_bytes / 1e9, f"{q.log_bytes} bytes"),
        thousand("Traces", prices.TRACES, q.traced_percent / 100 / 1e6, f"{q.traced_percent} % sampled"),
        *tokens(model, read, q.output_tokens),
    ]
