"""Where vectors are kept: one shape for every store, so that the pattern need not know which it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from aws_cdk import Annotations, RemovalPolicy, aws_kms
from constructs import Construct

from serverless_ai_cdk._aurora import aurora
from serverless_ai_cdk._opensearch import opensearch
from serverless_ai_cdk._s3_vectors import s3_vectors
from serverless_ai_patterns.aws.policy import Statement
from serverless_ai_patterns.rag.floors import floor_note
from serverless_ai_patterns.rag.stores import Aurora, OpenSearch, S3Vectors, VectorStore


class Vectors(Protocol):
    """A store that was made. Its resources are attributes of their own."""

    @property
    def places(self) -> Mapping[str, str]:
        """Index -> where its vectors are, as the handlers are told."""
        ...

    @property
    def read(self) -> Sequence[Statement]:
        """What who searches may do."""
        ...

    @property
    def write(self) -> Sequence[Statement]:
        """What who keeps the index may do."""
        ...

    def let_in(self, *, readers: Sequence[str], writers: Sequence[str]) -> None:
        """Admit roles, by their ARNs, where the store itself lists who may come in."""
        ...


def vectors(
    scope: Construct,
    id: str,
    indexes: Mapping[str, int],
    store: VectorStore,
    *,
    key: aws_kms.IKey | None,
    removal_policy: RemovalPolicy,
) -> Vectors:
    """The store of these settings, with an index for each name in `indexes`, whose value is its dimension."""
    note = floor_note(store)
    if note:
        Annotations.of(scope).add_info_v2("serverless-ai:store-idles-at-a-price", note)
    if isinstance(store, S3Vectors):
        return s3_vectors(scope, id, indexes, key=key, removal_policy=removal_policy)
    if isinstance(store, Aurora):
        return aurora(scope, id, indexes, store, key=key, removal_policy=removal_policy)
    if isinstance(store, OpenSearch):
        return opensearch(scope, id, indexes, store, key=key, removal_policy=removal_policy)
    raise ValueError(f"{scope.node.path}: AWS has no store {store!r}")
