"""What RAG's two handlers are told; written with `config.to_env`, read with `config.from_env`."""

import json
from typing import NamedTuple, cast

from serverless_ai_runtime.config import ConfigError, variable


class IndexConfig(NamedTuple):
    """One index: documents by the vectors of one embedding model."""

    name: str
    model: str
    """Embedding model, as `FunctionLlmConfig.model`."""
    dimension: int
    """Numbers in a vector."""
    store: str
    """`s3_vectors`, `aurora`, `open_search`, `cosmos`, `ai_search`, `firestore`, `alloy_db` or
    `vertex_vector_search`."""
    place: str
    """Where the vectors are; the form is the store's own."""
    model_endpoint: str = ""
    """As `FunctionLlmConfig.model_endpoint`."""


class RagIngestConfig(NamedTuple):
    """What keeps the indexes like the bucket."""

    indexes: str
    """JSON list of `IndexConfig`s: the configured one, and the one whose place it takes."""
    inputs: str
    """Bucket or container of documents."""
    objects: str
    """URL of the blob service that holds the container (Azure)."""
    store: str
    """As `FunctionLlmConfig.store`."""
    queue: str
    """The function's own queue (AWS and Azure: URL; Google: projects/P/topics/T)."""
    dead_letters: str
    """As `queue`."""
    tenants: bool
    """Whether the first folder of a key names the tenant whose document it is."""
    chunk_chars: int
    overlap_chars: int
    max_attempts: int
    max_bytes: int
    """Of a document."""
    timeout_s: int
    """Most seconds an invocation may take."""
    batch_size: int
    """Messages in one invocation."""
    batch_wait_s: int
    log_content: bool


class RagQueryConfig(NamedTuple):
    """What answers. Empty strings and zeros mean "not used"."""

    indexes: str
    """As `RagIngestConfig.indexes`."""
    model: str
    model_endpoint: str
    """Both as in `FunctionLlmConfig`."""
    guardrail_id: str
    guardrail_version: str
    max_output_tokens: int
    top_k: int
    """Passages that the model is given, where a request names no number."""
    search: str
    """`vector`, `keyword` or `hybrid`."""
    cached_s: int
    """How long answers and vectors of questions are kept."""
    context_cache: bool
    """Whether the model's provider is asked to keep passages of prompts."""
    history_turns: int
    session_ttl_s: int
    caller_tokens_per_day: int
    total_tokens_per_day: int
    tenant_claim: str
    """Claim of the caller's token that names its tenant."""
    tags_claim: str
    """Claim that lists the tags the caller has."""
    store: str
    """As `FunctionLlmConfig.store`."""
    log_content: bool


def indexes_text(indexes: list[IndexConfig]) -> str:
    """For the field `indexes`."""
    return json.dumps([one._asdict() for one in indexes], separators=(",", ":"))


def indexes_of(text: str) -> list[IndexConfig]:
    """The field `indexes`; raises `ConfigError` naming its variable."""
    try:
        listed: object = json.loads(text)
        return [IndexConfig(**one) for one in cast("list[dict[str, object]]", listed)]  # type: ignore[arg-type]
    except (ValueError, TypeError):
        fields = ", ".join(IndexConfig._fields)
        raise ConfigError(f"{variable('indexes')} must be a JSON list of objects with {fields}") from None
