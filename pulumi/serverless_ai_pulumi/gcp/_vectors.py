"""Where vectors are kept: one shape for every store, so that the pattern need not know which it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import pulumi
import pulumi_gcp as gcp

from serverless_ai_patterns.rag.stores import Firestore, VectorStore
from serverless_ai_pulumi.gcp._firestore_vectors import firestore_vectors


class Vectors(Protocol):
    """A store that was made. Its resources are attributes of their own."""

    @property
    def places(self) -> Mapping[str, pulumi.Output[str]]:
        """Index -> where its vectors are, as the handlers are told."""
        ...

    def let_in(
        self,
        name: str,
        *,
        reader: gcp.serviceaccount.Account,
        writer: gcp.serviceaccount.Account,
        opts: pulumi.ResourceOptions,
    ) -> Sequence[pulumi.Resource]:
        """Let one account search, and the other one write."""
        ...


def vectors(
    name: str,
    indexes: Mapping[str, int],
    store: VectorStore,
    *,
    project: pulumi.Output[str],
    database: gcp.firestore.Database,
    opts: pulumi.ResourceOptions,
) -> Vectors:
    """The store of these settings, with an index for each name in `indexes`, whose value is its dimension."""
    if isinstance(store, Firestore):
        return firestore_vectors(name, indexes, database=database, project=project, opts=opts)
    raise ValueError(f"{name}: Google Cloud has no store {store!r}")
