"""Vertex AI Vector Search for chunks: collections of 2.0, or indexes of 1.0 with their texts in Firestore."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_gcp as gcp

from serverless_ai_patterns.gcp import policy
from serverless_ai_patterns.gcp import vector_search as rules
from serverless_ai_patterns.gcp.vector_search import Rights
from serverless_ai_patterns.rag.stores import VertexVectorSearch
from serverless_ai_pulumi.gcp._function import VpcPlacement
from serverless_ai_pulumi.gcp._identity import custom_role, on_project
from serverless_ai_pulumi.gcp._names import unique
from serverless_ai_pulumi.gcp._place import Place
from serverless_ai_pulumi.gcp._vector_search_classic import ClassicIndexes, classic_indexes
from serverless_ai_runtime.adapters.gcp import vector_search as runtime


@dataclass(frozen=True, kw_only=True, slots=True)
class VectorSearchStore:
    """What was made, by the names of the indexes."""

    places: Mapping[str, pulumi.Output[str]]
    """For the handler: names of collections, or of a classic index what `read_place` reads."""
    read: Rights
    write: Rights
    collections: Mapping[str, gcp.vectorsearch.Collection] = field(default_factory=dict)
    """Of 2.0."""
    classic: ClassicIndexes | None = None
    """Of 1.0."""
    _project: pulumi.Output[str]

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
        uses = (("read", reader, self.read), ("write", writer, self.write))
        return [
            grant
            for use, who, rights in uses
            for grant in allow(name, use, who, rights, self, project=self._project, opts=opts)
        ]


def vector_search(
    name: str,
    indexes: Mapping[str, int],
    store: VertexVectorSearch,
    *,
    place: Place,
    key: pulumi.Input[str] | None = None,
    protected: bool = False,
    opts: pulumi.ResourceOptions,
) -> VectorSearchStore:
    """A place for the vectors of each of `indexes` (its name -> dimension).

    `key`: a key of Cloud KMS in the same region, that the services' agents may use. `protected`: nothing that
    keeps chunks can be destroyed until this is deployed as False. The APIs are `rules.APIS`, or of a classic
    store `rules.CLASSIC_APIS`.
    """
    if store.classic:
        made = classic_indexes(name, indexes, place=place, key=key, protected=protected, opts=opts)
        read, write = rules.CLASSIC_READ, rules.CLASSIC_WRITE
        return VectorSearchStore(
            places=made.places, read=read, write=write, classic=made, _project=place.project
        )
    encryption = None if key is None else gcp.vectorsearch.CollectionEncryptionSpecArgs(crypto_key_name=key)
    collections = {
        index: gcp.vectorsearch.Collection(
            f"{name}-vectors-{index}",
            collection_id=unique(name, index),
            location=place.region,
            display_name=f"{name}: chunks",
            data_schema=rules.SCHEMA,
            vector_schemas=[_vector_field(dimension)],
            encryption_spec=encryption,
            deletion_policy="PREVENT" if protected else "DELETE",
            opts=opts,
        )
        for index, dimension in indexes.items()
    }
    places = {index: one.id for index, one in collections.items()}
    return VectorSearchStore(
        places=places,
        read=rules.READ,
        write=rules.WRITE,
        collections=collections,
        _project=place.project,
    )


def allow(
    name: str,
    use: str,
    identity: gcp.serviceaccount.Account,
    rights: Rights,
    made: VectorSearchStore,
    *,
    project: pulumi.Output[str],
    opts: pulumi.ResourceOptions,
) -> list[pulumi.Resource]:
    """Let `identity` do this: `made.read` for who asks, `made.write` for who writes. `use` names roles."""
    role = custom_role(name, f"{use}-vectors", rights.vectors, opts=opts)
    granted: list[pulumi.Resource] = [
        on_project(f"{name}-{use}-on-vectors", identity, role.name, project=project, opts=opts)
    ]
    if made.classic is not None:
        role = custom_role(name, f"{use}-texts", rights.texts, opts=opts)
        here = pulumi.Output.all(project, made.classic.database.name).apply(
            lambda at: policy.only_database(*at)
        )
        granted.append(
            on_project(
                f"{name}-{use}-on-texts", identity, role.name, project=project, condition=here, opts=opts
            )
        )
    return granted


def _vector_field(dimension: int) -> gcp.vectorsearch.CollectionVectorSchemaArgs:
    dense = gcp.vectorsearch.CollectionVectorSchemaDenseVectorArgs(dimensions=dimension)
    return gcp.vectorsearch.CollectionVectorSchemaArgs(field_name=runtime.VECTOR, dense_vector=dense)
