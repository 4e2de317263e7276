"""Vectors in collections of a Firestore database: their indexes, and who may read and write them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

from serverless_ai_patterns.gcp import firestore_vectors as shared
from serverless_ai_patterns.gcp import policy
from serverless_ai_pulumi.gcp._function import VpcPlacement
from serverless_ai_pulumi.gcp._identity import custom_role, on_project
from serverless_ai_runtime.adapters.gcp.firestore_vectors import VECTOR


@dataclass(frozen=True, kw_only=True, slots=True)
class FirestoreVectorStore:
    """What `firestore_vectors` makes in a database."""

    indexes: Mapping[str, Sequence[gcp.firestore.Index]]
    """By name: one for each of `serverless_ai_patterns.gcp.firestore_vectors.FILTERS`."""
    fields: Mapping[str, gcp.firestore.Field]
    places: Mapping[str, pulumi.Output[str]]
    """The collections (projects/P/databases/D/documents/C): what the function is told."""
    database: gcp.firestore.Database
    project: pulumi.Output[str]

    @property
    def placement(self) -> VpcPlacement | None:
        """Functions reach it from anywhere."""
        return None

    def let_in(
        self,
        name: str,
        *,
        reader: gcp.serviceaccount.Account,
        writer: gcp.serviceaccount.Account,
        opts: pulumi.ResourceOptions,
    ) -> Sequence[pulumi.Resource]:
        """Let one account search, and the other one write."""
        where = {"database": self.database, "project": self.project}
        return [
            _granted(name, "vectors-read", policy.READ_VECTORS, identity=reader, opts=opts, **where),
            _granted(name, "vectors-write", policy.WRITE_VECTORS, identity=writer, opts=opts, **where),
        ]


def firestore_vectors(
    name: str,
    indexes: Mapping[str, int],
    *,
    database: gcp.firestore.Database,
    project: pulumi.Output[str],
    opts: pulumi.ResourceOptions,
) -> FirestoreVectorStore:
    """A collection for each of `indexes` (name -> dimension); what is kept in it goes with the database.

    Raises ValueError for a dimension that Firestore cannot have.
    """
    shared.check(indexes)
    here = pulumi.Output.all(project, database.name)
    return FirestoreVectorStore(
        indexes={
            index: [
                _index(f"{name}-{index}-{use}", index, dimension, filters, database=database, opts=opts)
                for use, filters in shared.FILTERS.items()
            ]
            for index, dimension in indexes.items()
        },
        fields={index: _unindexed(f"{name}-{index}", index, database, opts) for index in indexes},
        places={index: here.apply(lambda at, index=index: shared.place(*at, index)) for index in indexes},
        database=database,
        project=project,
    )


def _index(
    label: str,
    collection: str,
    dimension: int,
    filters: Sequence[str],
    *,
    database: gcp.firestore.Database,
    opts: pulumi.ResourceOptions,
) -> gcp.firestore.Index:
    vector = gcp.firestore.IndexFieldVectorConfigArgs(
        dimension=dimension, flat=gcp.firestore.IndexFieldVectorConfigFlatArgs()
    )
    return gcp.firestore.Index(
        label,
        database=database.name,
        collection=collection,
        query_scope="COLLECTION",
        fields=[
            *(gcp.firestore.IndexFieldArgs(field_path=one, order="ASCENDING") for one in filters),
            gcp.firestore.IndexFieldArgs(field_path=VECTOR, vector_config=vector),
        ],
        opts=opts,
    )


def _unindexed(
    label: str, collection: str, database: gcp.firestore.Database, opts: pulumi.ResourceOptions
) -> gcp.firestore.Field:
    """No index of a single field of the collection: nobody searches by one, and each would cost storage.

    The path * means all fields. Source: https://cloud.google.com/firestore/docs/query-data/index-overview,
    read 2026-11-27.
    """
    return gcp.firestore.Field(
        f"{label}-unindexed",
        database=database.name,
        collection=collection,
        field="*",
        index_config=gcp.firestore.FieldIndexConfigArgs(indexes=[]),
        opts=opts,
    )


def _granted(
    name: str,
    use: str,
    permissions: Sequence[str],
    *,
    identity: gcp.serviceaccount.Account,
    database: gcp.firestore.Database,
    project: pulumi.Output[str],
    opts: pulumi.ResourceOptions,
) -> pulumi.Resource:
    role = custom_role(name, use, permissions, opts=opts)
    here = pulumi.Output.all(project, database.name).apply(lambda at: policy.only_database(*at))
    return on_project(f"{name}-{use}", identity, role.name, project=project, condition=here, opts=opts)
