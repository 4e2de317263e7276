"""What RAG's two handlers are told, the same on every cloud but for names and places."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from serverless_ai_patterns.event_pipeline.settings import MEBIBYTE
from serverless_ai_patterns.rag.settings import RagSettings
from serverless_ai_runtime.config_rag import IndexConfig, RagIngestConfig, RagQueryConfig, indexes_text

BATCH = 1
"""Messages in one invocation: what kills the function has no neighbours."""


KEEPS_WHEN_ASKED = ("amazon.nova-", "anthropic.claude-")
"""Models that take cache points: Bedrock User Guide, "Prompt caching", read 2026-11-27. Of Claude it is those
since 3.5 Haiku; Bedrock refuses a call of an older one."""


class IngestPlaces(NamedTuple):
    """Names and URLs of what was made, as `RagIngestConfig` has them; they may be a tool's tokens."""

    inputs: str
    store: str
    queue: str
    dead_letters: str
    objects: str = ""


def ingest_config(
    settings: RagSettings, places: IngestPlaces, indexes: Sequence[IndexConfig]
) -> RagIngestConfig:
    """`indexes`: the configured one, then the one before, if any."""
    function = settings.ingestion.function
    return RagIngestConfig(
        indexes=indexes_text(list(indexes)),
        tenants=bool(settings.endpoint.tenant_claim),
        chunk_chars=settings.ingestion.chunk_chars,
        overlap_chars=settings.ingestion.overlap_chars,
        max_attempts=function.max_attempts,
        max_bytes=function.max_mb * MEBIBYTE,
        timeout_s=function.timeout_s,
        batch_size=BATCH,
        batch_wait_s=0,
        log_content=function.log_content,
        **places._asdict(),
    )


def query_config(
    settings: RagSettings,
    indexes: Sequence[IndexConfig],
    *,
    model: str,
    store: str,
    model_endpoint: str = "",
) -> RagQueryConfig:
    """`model` is the id of the one that answers. Raises ValueError for one that takes no cache points, if
    there are to be any.
    """
    answers, endpoint = settings.answers, settings.endpoint
    if answers.context_cache and not any(mark in model for mark in KEEPS_WHEN_ASKED):
        raise ValueError(
            f"Answers.context_cache must be False with the model {model!r}: a model of Bedrock with "
            f"{' or '.join(KEEPS_WHEN_ASKED)} in its id can be asked to keep a context, and those of Azure "
            "and Google Cloud keep it by themselves"
        )
    return RagQueryConfig(
        indexes=indexes_text(list(indexes)),
        model=model,
        model_endpoint=model_endpoint,
        guardrail_id="",
        guardrail_version="",
        max_output_tokens=answers.max_output_tokens,
        top_k=answers.top_k,
        search=answers.search,
        cached_s=answers.cached_minutes * 60,
        context_cache=answers.context_cache,
        history_turns=settings.sessions.history_turns,
        session_ttl_s=settings.sessions.ttl_hours * 3600,
        caller_tokens_per_day=settings.budget.caller_tokens_per_day,
        total_tokens_per_day=settings.budget.total_tokens_per_day,
        tenant_claim=endpoint.tenant_claim,
        tags_claim=endpoint.tags_claim,
        store=store,
        log_content=endpoint.function.log_content,
    )
