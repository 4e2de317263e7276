"""Where vectors are kept: one shape for every store, so that the pattern need not know which it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import pulumi

from serverless_ai_patterns.aws.policy import Statement
from serverless_ai_patterns.rag.stores import Aurora, OpenSearch, S3Vectors, VectorStore
from serverless_ai_pulumi._floor import tell_floor
from serverless_ai_pulumi.aws._aurora import aurora
from serverless_ai_pulumi.aws._opensearch import opensearch
from serverless_ai_pulumi.aws._s3_vectors import s3_vectors

_MOST = 50
"""Characters of a name that is made unique; a vector bucket's has at most 63."""


class Vectors(Protocol):
    """A store that was made. Its resources are attributes of their own."""

    @property
    def places(self) -> Mapping[str, pulumi.Output[str]]:
        """Index -> where its vectors are, as the handlers are told."""
        ...

    @property
    def read(self) -> pulumi.Output[list[Statement]]:
        """What who searches may do."""
        ...

    @property
    def write(self) -> pulumi.Output[list[Statement]]:
        """What who keeps the index may do."""
        ...

    def let_in(self, *, readers: Sequence[pulumi.Input[str]], writers: Sequence[pulumi.Input[str]]) -> None:
        """Admit roles, by their ARNs, where the store itself lists who may come in."""
        ...


def vectors(
    name: str,
    indexes: Mapping[str, int],
    store: VectorStore,
    *,
    unique: pulumi.Output[str],
    key_arn: pulumi.Input[str] | None,
    force_destroy: bool,
    opts: pulumi.ResourceOptions,
) -> Vectors:
    """The store of these settings, with an index for each name in `indexes`, whose value is its dimension.

    `unique` is what tells its names from those of other deployments in the account.
    """
    tell_floor(opts.parent, store)
    if isinstance(store, S3Vectors):
        return s3_vectors(
            name,
            indexes,
            bucket_name=pulumi.Output.concat(name.lower()[:_MOST], "-", unique),
            key_arn=key_arn,
            force_destroy=force_destroy,
            opts=opts,
        )
    if isinstance(store, Aurora):
        return aurora(name, indexes, store, key_arn=key_arn, protect=not force_destroy, opts=opts)
    if isinstance(store, OpenSearch):
        return opensearch(name, indexes, store, key_arn=key_arn, retain=not force_destroy, opts=opts)
    raise ValueError(f"{name}: AWS has no store {store!r}")
