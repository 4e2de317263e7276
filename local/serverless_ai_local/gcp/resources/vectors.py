"""Collections of Vector Search 2.0; indexes, endpoints and deployed indexes of Vector Search 1.0."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from serverless_ai_local.gcp import types
from serverless_ai_local.gcp.registry import Deployed, Registry
from serverless_ai_local.gcp.resources.row import ResourceError, Row, Setting, Values, found, nested
from serverless_ai_local.plain import is_mapping

SMALLEST: Final = "e2-standard-2"
MACHINES: Final = (
    SMALLEST,
    "e2-standard-16",
    "e2-highmem-16",
    "n1-standard-16",
    "n1-standard-32",
    "n2d-standard-32",
)
"""The smallest serves SHARD_SIZE_SMALL only (pulumi_gcp 10.2, dedicated_resources)."""
DISTANCE: Final = "SQUARED_L2_DISTANCE"
_COLLECTION_ID: Final = re.compile(r"[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?")
_DEPLOYED_ID: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9_]{0,127}")
_FIELD: Final = re.compile(r"[\w-]+", re.ASCII)


def texts_of(inputs: Values) -> frozenset[str]:
    """Names of a collection's data fields. Raises `ResourceError` for a schema that is not offered here."""
    try:
        schema: Any = json.loads(inputs.get("dataSchema", "{}"))
    except ValueError:
        raise ResourceError("data_schema must be a JSON schema") from None
    if not is_mapping(schema) or schema.keys() - {"type", "properties"}:
        raise ResourceError('data_schema here is {"type": "object", "properties": {...}} and nothing else')
    fields = schema.get("properties", {})
    for name, kind in fields.items():
        if not _FIELD.fullmatch(name):
            raise ResourceError(f"data_schema: {name} is no name of a field")
        if kind != {"type": "string"}:
            raise ResourceError(f"data_schema: {name} must be of type string here, got {kind}")
    return frozenset(fields)


def dimensions_of(inputs: Values) -> Mapping[str, int]:
    """Of a collection's vector fields."""
    return {
        one["fieldName"]: int(one["denseVector"]["dimensions"]) for one in inputs.get("vectorSchemas", ())
    }


def numeric(uid: str) -> str:
    """Indexes and endpoints are named by numbers that the service makes up."""
    return str(10**18 + int(uid, 16))


def _check_collection(setting: Setting, inputs: Values) -> None:
    if not _COLLECTION_ID.fullmatch(inputs["collectionId"]):
        raise ResourceError(
            f"collection_id {inputs['collectionId']!r} does not match {_COLLECTION_ID.pattern}"
        )
    texts_of(inputs)
    for one in inputs.get("vectorSchemas", ()):
        if not _FIELD.fullmatch(one["fieldName"]):
            raise ResourceError(f"vector_schemas: {one['fieldName']!r} is no name of a field")
        if int(one["denseVector"].get("dimensions", 0)) < 1:
            raise ResourceError(f"vector_schemas: {one['fieldName']} needs dimensions")


def _check_index(setting: Setting, inputs: Values) -> None:
    config = inputs["metadata"]["config"]
    if inputs.get("indexUpdateMethod") != "STREAM_UPDATE":
        raise ResourceError("index_update_method must be STREAM_UPDATE here: there are no batch updates")
    if config.get("distanceMeasureType") != DISTANCE:
        raise ResourceError(f"distance_measure_type must be {DISTANCE} here")
    algorithm = config.get("algorithmConfig", {})
    if len(algorithm) != 1:
        raise ResourceError("algorithm_config needs one of tree_ah_config, brute_force_config")
    if "treeAhConfig" in algorithm and int(config.get("approximateNeighborsCount", 0)) < 1:
        raise ResourceError("approximate_neighbors_count is required when the tree-AH algorithm is used")


def _check_endpoint(setting: Setting, inputs: Values) -> None:
    if not inputs.get("publicEndpointEnabled"):
        raise ResourceError("public_endpoint_enabled must be True here: there are no private networks")


def _check_deployed(setting: Setting, inputs: Values) -> None:
    if not _DEPLOYED_ID.fullmatch(inputs["deployedIndexId"]):
        raise ResourceError(
            f"deployed_index_id {inputs['deployedIndexId']!r} may have letters, numbers and _"
        )
    index = found(setting, types.VERTEX_INDEX, inputs["index"], "Index")
    found(setting, types.INDEX_ENDPOINT, inputs["indexEndpoint"], "IndexEndpoint")
    machine = inputs["dedicatedResources"]["machineSpec"]["machineType"]
    small = index.inputs["metadata"]["config"].get("shardSize") == "SHARD_SIZE_SMALL"
    if machine not in MACHINES or (machine == SMALLEST and not small):
        raise ResourceError(f"machine_type {machine} cannot serve this index")


def _deployments(registry: Registry, name: str, place: str) -> Iterator[str]:
    for one in registry.all(types.DEPLOYED_INDEX):
        if one.inputs[place] == name:
            yield str(one.inputs["deployedIndexId"])


def _unused(place: str, what: str) -> Any:
    def check(registry: Registry, deployed: Deployed) -> None:
        used = list(_deployments(registry, deployed.id, place))
        if used:
            raise ResourceError(
                f"{what} {deployed.id} has deployed indexes: {', '.join(used)}; undeploy first"
            )

    return check


_REPLICAS: Final = nested("minReplicaCount", "maxReplicaCount")

ROWS: Final = (
    Row(
        types.COLLECTION,
        inputs={
            **nested("collectionId", "location", "displayName", "description", "dataSchema"),
            "encryptionSpec": nested("cryptoKeyName"),
            "vectorSchemas": {**nested("fieldName"), "denseVector": nested("dimensions")},
        },
        id="projects/{project}/locations/{location}/collections/{collectionId}",
        outputs=lambda setting, inputs: {
            "name": f"projects/{setting.project}/locations/{inputs['location']}"
            f"/collections/{inputs['collectionId']}"
        },
        fixed=("collectionId", "location", "encryptionSpec"),
        check=_check_collection,
    ),
    Row(
        types.VERTEX_INDEX,
        inputs={
            **nested("displayName", "description", "indexUpdateMethod", "region"),
            "encryptionSpec": nested("kmsKeyName"),
            "metadata": {
                "config": {
                    **nested(
                        "dimensions",
                        "approximateNeighborsCount",
                        "distanceMeasureType",
                        "featureNormType",
                        "shardSize",
                    ),
                    "algorithmConfig": {
                        "treeAhConfig": nested("leafNodeEmbeddingCount", "leafNodesToSearchPercent"),
                        "bruteForceConfig": {},
                    },
                }
            },
        },
        id="projects/{project}/locations/{region}/indexes/{name}",
        outputs=lambda setting, inputs: {"name": numeric(setting.uid)},
        fixed=("region", "indexUpdateMethod", "encryptionSpec", "metadata"),
        check=_check_index,
        may_go=_unused("index", "Index"),
    ),
    Row(
        types.INDEX_ENDPOINT,
        inputs={
            **nested("displayName", "description", "region", "publicEndpointEnabled"),
            "encryptionSpec": nested("kmsKeyName"),
        },
        id="projects/{project}/locations/{region}/indexEndpoints/{name}",
        outputs=lambda setting, inputs: {
            "name": numeric(setting.uid),
            "publicEndpointDomainName": urlsplit(setting.url).netloc,
        },
        fixed=("region", "publicEndpointEnabled", "encryptionSpec"),
        check=_check_endpoint,
        may_go=_unused("indexEndpoint", "IndexEndpoint"),
    ),
    Row(
        types.DEPLOYED_INDEX,
        inputs={
            **nested(
                "deployedIndexId", "displayName", "index", "indexEndpoint", "region", "enableAccessLogging"
            ),
            "dedicatedResources": {"machineSpec": nested("machineType"), **_REPLICAS},
        },
        id="{indexEndpoint}/deployedIndex/{deployedIndexId}",
        outputs=lambda setting, inputs: {"name": inputs["deployedIndexId"]},
        fixed=("deployedIndexId", "index", "indexEndpoint", "region"),
        check=_check_deployed,
    ),
)
