"""Vectors in Cosmos DB: a container for each embedding model, in the account that has the records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, cast

import pulumi
from pulumi_azure_native import cosmosdb

from serverless_ai_patterns.azure import roles
from serverless_ai_pulumi.azure._place import Place
from serverless_ai_pulumi.azure._store import container_url, use_container
from serverless_ai_runtime.adapters.azure.cosmos_vectors import DATA_TYPE, DISTANCE, PARTITION, VECTOR
from serverless_ai_runtime.adapters.azure.cosmos_words import LANGUAGE, WORDS

_KEPT: Final = (f"/{PARTITION}/?", "/document/?")
"""Paths in the index: what a search is narrowed to."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CosmosParts:
    """What was made. The database and its account are there already."""

    account: cosmosdb.DatabaseAccount
    containers: Mapping[str, cosmosdb.SqlResourceSqlContainer]
    """By index."""

    @property
    def places(self) -> Mapping[str, pulumi.Output[str]]:
        """Index -> URL of its container."""
        return {name: container_url(self.account, made) for name, made in self.containers.items()}

    def let_in(
        self, name: str, principal_id: pulumi.Output[str], *, writes: bool, opts: pulumi.ResourceOptions
    ) -> list[pulumi.Resource]:
        """Let an identity search these containers and no other ones, or keep what is in them too."""
        role = roles.USE_RECORDS if writes else roles.SEARCH_VECTORS
        return [
            use_container(f"{name}-{index}", role, self.account, made, principal_id, opts=opts)
            for index, made in self.containers.items()
        ]


def cosmos_vectors(
    name: str,
    place: Place,
    account: cosmosdb.DatabaseAccount,
    database: cosmosdb.SqlResourceSqlDatabase,
    indexes: Mapping[str, int],
    *,
    words: bool,
    opts: pulumi.ResourceOptions,
) -> CosmosParts:
    """A container for each name in `indexes`, whose value is its dimension; `words`: also searched by these.

    The account must have the capability `cosmos_vectors.CAPABILITY` of the runtime.
    """
    resource = _with_words if words else _resource
    made = {
        index: cosmosdb.SqlResourceSqlContainer(
            f"{name}-{index}",
            resource_group_name=place.group,
            account_name=account.name,
            database_name=database.name,
            container_name=index,
            resource=resource(index, dimension),
            opts=opts,
        )
        for index, dimension in indexes.items()
    }
    return CosmosParts(account=account, containers=made)


def _resource(index: str, dimension: int) -> cosmosdb.SqlContainerResourceArgsDict:
    """Plain mappings: `VectorIndexArgs` adds the length of a list that only an index diskANN has.

    A quantizedFlat index looks at every vector of a tenant, compressed; where a partition has less than 1000
    of them, it is a full scan.
    """
    return {
        "id": index,
        "partition_key": {"kind": cosmosdb.PartitionKind.HASH, "paths": [f"/{PARTITION}"]},
        "indexing_policy": {
            "indexing_mode": cosmosdb.IndexingMode.CONSISTENT,
            "automatic": True,
            "included_paths": [{"path": path} for path in _KEPT],
            "excluded_paths": [{"path": "/*"}],
            "vector_indexes": [{"path": f"/{VECTOR}", "type": cosmosdb.VectorIndexType.QUANTIZED_FLAT}],
        },
        "vector_embedding_policy": {
            "vector_embeddings": [
                {
                    "path": f"/{VECTOR}",
                    "data_type": DATA_TYPE,
                    "dimensions": dimension,
                    "distance_function": DISTANCE,
                }
            ]
        },
    }


def _with_words(index: str, dimension: int) -> cosmosdb.SqlContainerResourceArgsDict:
    """With a full-text index, whose writes cost as others do."""
    resource, path = _resource(index, dimension), f"/{WORDS}"
    indexing = cast("cosmosdb.IndexingPolicyArgsDict", resource.get("indexing_policy"))
    return {
        **resource,
        "indexing_policy": {**indexing, "full_text_indexes": [{"path": path}]},
        "full_text_policy": {
            "default_language": LANGUAGE,
            "full_text_paths": [{"path": path, "language": LANGUAGE}],
        },
    }
