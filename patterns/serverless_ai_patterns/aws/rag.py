"""RAG on AWS, as far as both tools say the same: what is let in, told, and allowed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from serverless_ai_patterns.aws import aurora, policy
from serverless_ai_patterns.aws.event_pipeline import SPARE_RECEIVES, VISIBILITY_TIMES
from serverless_ai_patterns.aws.policy import Statement
from serverless_ai_patterns.models import Model
from serverless_ai_patterns.rag.settings import Embedding, RagSettings
from serverless_ai_patterns.rag.stores import Aurora, index_name, key_of
from serverless_ai_runtime.config_rag import IndexConfig

CLOUD: Final = "aws"
KEYED: Final = ("bedrock", "dynamodb", "lambda", "s3", "sqs")
"""Services that hold what a customer's key encrypts for the functions."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AwsIndex:
    """An index, before it is known where its vectors will be."""

    name: str
    model: Model
    """That makes the vectors."""
    dimension: int

    def config(self, settings: RagSettings, place: str) -> IndexConfig:
        """What the handlers are told; `place` may be a tool's token."""
        return IndexConfig(self.name, self.model.id, self.dimension, key_of(settings.store_on(CLOUD)), place)


def index(embedding: Embedding, model: Model) -> AwsIndex:
    """Raises ValueError for a model whose vectors have no known dimension."""
    dimension = embedding.dimension or model.dimension
    if not dimension:
        raise ValueError(f"Embedding.dimension must be given for {model.id}: it is not in the registry")
    return AwsIndex(name=index_name(model.id, dimension), model=model, dimension=dimension)


def key_services(settings: RagSettings) -> tuple[str, ...]:
    """Services through which the functions use a customer's key."""
    return (*KEYED, *aurora.KEY_SERVICES) if isinstance(settings.store_on(CLOUD), Aurora) else KEYED


def visibility_s(settings: RagSettings) -> int:
    """Of the queue: a message must not come again while it is being worked on."""
    return VISIBILITY_TIMES * settings.ingestion.function.timeout_s


def max_receives(settings: RagSettings) -> int:
    """After so many the queue itself gives a message up: later than the handler, which says why."""
    return settings.ingestion.function.max_attempts + SPARE_RECEIVES


def documents_pattern(bucket: str) -> dict[str, Any]:
    """The event pattern of whatever is written to or deleted from `bucket`, whose name may be a token."""
    return {
        "source": ["aws.s3"],
        "detail-type": ["Object Created", "Object Deleted"],
        "detail": {"bucket": {"name": [bucket]}},
    }


@dataclass(frozen=True, kw_only=True, slots=True)
class Where:
    """Partition, region and account of the deployment; may be a tool's tokens."""

    partition: str
    region: str
    account: str


def ingest_statements(
    models: Sequence[Model],
    where: Where,
    vectors: Sequence[Statement],
    *,
    log_group_arn: str,
    queue_arn: str,
    dead_letters_arn: str,
    table_arn: str,
    documents_arn: str,
    key_arn: str = "",
    key_services: Sequence[str] = KEYED,
    in_vpc: bool = False,
) -> list[Statement]:
    """Everything the role of ingestion may do. `models` embed; `vectors` lets it write to the store."""
    return [
        policy.write_logs(log_group_arn),
        policy.write_traces(),
        policy.consume(queue_arn),
        policy.send_to("GoOn", queue_arn),  # a resync is a message after the other
        policy.send_to("SendDeadLetters", dead_letters_arn),
        policy.use_table(table_arn),
        policy.read_table_at_once(table_arn),
        policy.scan_table(table_arn),
        policy.read_uploads(documents_arn),
        policy.tell_missing_objects([documents_arn]),
        *_embed(models, where),
        *vectors,
        *_more(where, key_arn, key_services, in_vpc=in_vpc),
    ]


def query_statements(
    models: Sequence[Model],
    model: Model,
    where: Where,
    vectors: Sequence[Statement],
    *,
    log_group_arn: str,
    table_arn: str,
    key_arn: str = "",
    key_services: Sequence[str] = KEYED,
    in_vpc: bool = False,
) -> list[Statement]:
    """Everything the role of the endpoint may do. `model` answers; `vectors` lets it search the store."""
    return [
        policy.write_logs(log_group_arn),
        policy.write_traces(),
        policy.use_table(table_arn),
        policy.read_table_at_once(table_arn),
        *policy.invoke_model(model, partition=where.partition, region=where.region, account=where.account),
        *_embed(models, where),
        *vectors,
        *_more(where, key_arn, key_services, in_vpc=in_vpc),
    ]


def _embed(models: Sequence[Model], where: Where) -> list[Statement]:
    """Call these embedding models, each once."""
    found: list[Statement] = []
    for number, model in enumerate({one.id: one for one in models}.values()):
        granted = policy.invoke_model(
            model, partition=where.partition, region=where.region, account=where.account
        )
        more = str(number) if number else ""
        found += [replace(one, sid=f"Embed{more}{one.sid}") for one in granted]
    return found


def _more(where: Where, key_arn: str, key_services: Sequence[str], *, in_vpc: bool) -> list[Statement]:
    keyed = [policy.use_key(key_arn, region=where.region, services=key_services)] if key_arn else []
    return [*keyed, *([policy.attach_to_vpc()] if in_vpc else [])]
