"""Where vectors are kept: one shape for every store, so that the pattern need not know which it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import pulumi
import pulumi_gcp as gcp

from serverless_ai_patterns.rag.stores import AlloyDb, Firestore, VectorStore, VertexVectorSearch
from serverless_ai_pulumi._floor import tell_floor
from serverless_ai_pulumi.gcp._alloydb import alloydb
from serverless_ai_pulumi.gcp._firestore_vectors import firestore_vectors
from serverless_ai_pulumi.gcp._function import VpcPlacement
from serverless_ai_pulumi.gcp._place import Place
from serverless_ai_pulumi.gcp._vector_search import vector_search


class Vectors(Protocol):
    """A store that was made. Its resources are attributes of their own."""

    @property
    def places(self) -> Mapping[str, pulumi.Output[str]]:
        """Index -> where its vectors are, as the handlers are told."""
        ...

    @property
    def placement(self) -> VpcPlacement | None:
        """Where functions must be to reach it, if that matters."""
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
    place: Place,
    database: gcp.firestore.Database,
    key: pulumi.Input[str] | None,
    protect: bool,
    opts: pulumi.ResourceOptions,
) -> Vectors:
    """The store of these settings, with an index for each name in `indexes`, whose value is its dimension."""
    tell_floor(opts.parent, store)
    if isinstance(store, Firestore):
        return firestore_vectors(name, indexes, database=database, project=place.project, opts=opts)
    if isinstance(store, AlloyDb):
        return alloydb(
            name,
            indexes,
            store,
            project=place.project,
            region=place.region,
            protect=protect,
            key=key,
            opts=opts,
        )
    if isinstance(store, VertexVectorSearch):
        return vector_search(name, indexes, store, place=place, key=key, protected=protect, opts=opts)
    raise ValueError(f"{name}: Google Cloud has no store {store!r}")
