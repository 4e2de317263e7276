"""What a store costs while nobody asks: who chooses one that idles at a price is told when it is deployed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from serverless_ai_patterns.aws.opensearch import STANDBY
from serverless_ai_patterns.cost import CostLine, idle_monthly
from serverless_ai_patterns.gcp.vector_search import MACHINE, REPLICAS
from serverless_ai_patterns.rag.stores import (
    STORES,
    AiSearch,
    AlloyDb,
    Aurora,
    OpenSearch,
    VectorStore,
    VertexVectorSearch,
)

_FREE: Final = 0.005
"""USD: less is nothing."""


def floor(store: VectorStore) -> CostLine | None:
    """A month of the store without a request, in USD at list price; None: nothing but what it keeps.

    It is the price of the one resource of the store that costs something, by the rules of `cost`.
    """
    priced = _priced(store)
    if priced is None:
        return None
    (line,) = idle_monthly([(type(store).__name__, *priced)])
    return line if line.usd >= _FREE else None


def floor_note(store: VectorStore) -> str:
    """What a deployment says of it; "" for a store that idles at nothing."""
    line = floor(store)
    if line is None:
        return ""
    default = next(kinds[0] for kinds in STORES.values() if type(store) in kinds)
    return (
        f"{line.name} costs {line.usd:.2f} USD a month while nobody asks ({line.why}; {line.source}); "
        f"{default.__name__} costs nothing then"
    )


def _priced(store: VectorStore) -> tuple[str, Mapping[str, Any]] | None:
    """Type and properties, as components make it."""
    if isinstance(store, Aurora):
        scaling = {"MinCapacity": 0, "MaxCapacity": store.max_acu}
        cluster = {"ServerlessV2ScalingConfiguration": scaling, "ManageMasterUserPassword": True}
        return "AWS::RDS::DBCluster", cluster
    if isinstance(store, OpenSearch) and store.classic:
        return "AWS::OpenSearchServerless::Collection", {"StandbyReplicas": STANDBY}
    if isinstance(store, AiSearch):
        search = {"sku": {"name": store.sku}, "replicaCount": store.replicas}
        return "azure-native:search:Service", search
    if isinstance(store, AlloyDb):
        instance = {"availabilityType": "ZONAL", "machineConfig": {"cpuCount": store.cpus}}
        return "gcp:alloydb/instance:Instance", instance
    if isinstance(store, VertexVectorSearch) and store.classic:
        machine = {"machineSpec": {"machineType": MACHINE}, "minReplicaCount": REPLICAS}
        kind = "gcp:vertex/aiIndexEndpointDeployedIndex:AiIndexEndpointDeployedIndex"
        return kind, {"dedicatedResources": machine}
    return None
