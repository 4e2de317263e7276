"""Indexes of Vector Search 1.0, each on a machine that runs all the time, and a database of their texts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

from serverless_ai_patterns.gcp.vector_search import MACHINE, NEIGHBORS, REPLICAS, SHARD
from serverless_ai_pulumi.gcp._database import state_database
from serverless_ai_pulumi.gcp._names import unique
from serverless_ai_pulumi.gcp._place import Place
from serverless_ai_runtime.adapters.gcp.texts import TEXT
from serverless_ai_runtime.adapters.gcp.vector_search_classic import DISTANCE, UPDATES, ClassicPlace


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassicIndexes:
    """One endpoint and one database for all, the rest by the names of the indexes."""

    endpoint: gcp.vertex.AiIndexEndpoint
    database: gcp.firestore.Database
    indexes: Mapping[str, gcp.vertex.AiIndex]
    deployed: Mapping[str, gcp.vertex.AiIndexEndpointDeployedIndex]
    fields: Mapping[str, gcp.firestore.Field]
    places: Mapping[str, pulumi.Output[str]]


def classic_indexes(
    name: str,
    indexes: Mapping[str, int],
    *,
    place: Place,
    key: pulumi.Input[str] | None,
    protected: bool,
    opts: pulumi.ResourceOptions,
) -> ClassicIndexes:
    """The endpoint has a public name and takes tokens only; its traffic is TLS."""
    policy = "PREVENT" if protected else "DELETE"
    endpoint = gcp.vertex.AiIndexEndpoint(
        f"{name}-vectors",
        display_name=f"{name}: chunks",
        region=place.region,
        public_endpoint_enabled=True,
        encryption_spec=None
        if key is None
        else gcp.vertex.AiIndexEndpointEncryptionSpecArgs(kms_key_name=key),
        deletion_policy="DELETE",
        opts=opts,
    )
    database = state_database(name, "texts", region=place.region, protected=protected, key=key, opts=opts)
    made = {
        index: gcp.vertex.AiIndex(
            f"{name}-vectors-{index}",
            display_name=f"{name}: {index}",
            region=place.region,
            index_update_method=UPDATES,
            metadata=_metadata(dimension),
            encryption_spec=None if key is None else gcp.vertex.AiIndexEncryptionSpecArgs(kms_key_name=key),
            deletion_policy=policy,
            opts=opts,
        )
        for index, dimension in indexes.items()
    }
    deployed = {index: _deployed(name, index, one, endpoint, opts) for index, one in made.items()}
    return ClassicIndexes(
        endpoint=endpoint,
        database=database,
        indexes=made,
        deployed=deployed,
        fields={index: _field(name, index, database, opts) for index in indexes},
        places={index: _place(index, made[index], endpoint, deployed[index], database) for index in indexes},
    )


def _metadata(dimension: int) -> gcp.vertex.AiIndexMetadataArgs:
    algorithm = gcp.vertex.AiIndexMetadataConfigAlgorithmConfigArgs(
        tree_ah_config=gcp.vertex.AiIndexMetadataConfigAlgorithmConfigTreeAhConfigArgs()
    )
    return gcp.vertex.AiIndexMetadataArgs(
        config=gcp.vertex.AiIndexMetadataConfigArgs(
            dimensions=dimension,
            distance_measure_type=DISTANCE,
            shard_size=SHARD,
            approximate_neighbors_count=NEIGHBORS,
            algorithm_config=algorithm,
        )
    )


def _deployed(
    name: str,
    index: str,
    made: gcp.vertex.AiIndex,
    endpoint: gcp.vertex.AiIndexEndpoint,
    opts: pulumi.ResourceOptions,
) -> gcp.vertex.AiIndexEndpointDeployedIndex:
    machine = gcp.vertex.AiIndexEndpointDeployedIndexDedicatedResourcesMachineSpecArgs(machine_type=MACHINE)
    return gcp.vertex.AiIndexEndpointDeployedIndex(
        f"{name}-deployed-{index}",
        deployed_index_id=unique(name, index).replace("-", "_"),
        display_name=f"{name}: {index}",
        index=made.id,
        index_endpoint=endpoint.id,
        region=endpoint.region,
        dedicated_resources=gcp.vertex.AiIndexEndpointDeployedIndexDedicatedResourcesArgs(
            machine_spec=machine, min_replica_count=REPLICAS
        ),
        deletion_policy="DELETE",
        opts=opts,
    )


def _field(
    name: str, index: str, database: gcp.firestore.Database, opts: pulumi.ResourceOptions
) -> gcp.firestore.Field:
    """Nobody searches by texts: no index of them."""
    return gcp.firestore.Field(
        f"{name}-texts-{index}",
        database=database.name,
        collection=index,
        field=TEXT,
        index_config=gcp.firestore.FieldIndexConfigArgs(indexes=[]),
        opts=opts,
    )


def _place(
    index: str,
    made: gcp.vertex.AiIndex,
    endpoint: gcp.vertex.AiIndexEndpoint,
    deployed: gcp.vertex.AiIndexEndpointDeployedIndex,
    database: gcp.firestore.Database,
) -> pulumi.Output[str]:
    texts = pulumi.Output.format("{0}/documents/{1}", database.id, index)
    parts = pulumi.Output.all(
        made.id, endpoint.id, endpoint.public_endpoint_domain_name, deployed.deployed_index_id, texts
    )
    return parts.apply(lambda found: json.dumps(ClassicPlace(*found)._asdict()))
