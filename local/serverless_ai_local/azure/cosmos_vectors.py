"""Vector policies of Cosmos DB containers: what the service refuses of them, and how near two vectors are.

The texts of refusals are those that Microsoft's SDKs test for (azure-cosmos, tests/test_vector_policy.py;
read 2026-11-27). Limits: "Vector search in Azure Cosmos DB for NoSQL", learn.microsoft.com, same day.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from serverless_ai_local.azure.cosmos import ItemError
from serverless_ai_local.azure.estate import Estate, Resource
from serverless_ai_local.plain import is_list, is_mapping, is_number

CONTAINER: Final = "cosmosdb:SqlResourceSqlContainer"
CAPABILITY: Final = "EnableNoSQLVectorSearch"
MOST_DIMENSIONS: Final = 4096
MOST_FLAT_DIMENSIONS: Final = 505
_INDEXES: Final = ("flat", "quantizedFlat", "diskANN")
_DATA_TYPES: Final = ("float32", "float16", "int8", "uint8")
_QUANTIZED: Final = 512
_SEARCH_LIST: Final = range(25, 501)
_MOST_SHARD_PATHS: Final = 1

Vector = Sequence[float]


class Distance(NamedTuple):
    score: Callable[[Vector, Vector], float]
    descending: bool
    """Whether the nearer has the greater score."""


class Embedding(NamedTuple):
    """Vectors at one path of a container's items."""

    dimensions: int
    distance: Distance

    def vector(self, value: object) -> list[float] | None:
        """`value`, if it is a vector of this policy."""
        if not is_list(value) or len(value) != self.dimensions or not all(map(is_number, value)):
            return None
        return value


def _dot(one: Vector, other: Vector) -> float:
    return math.fsum(left * right for left, right in zip(one, other, strict=True))


def _cosine(one: Vector, other: Vector) -> float:
    size = math.hypot(*one) * math.hypot(*other)
    return _dot(one, other) / size if size else 0.0


_DISTANCES: Final[Mapping[str, Distance]] = {
    "cosine": Distance(_cosine, descending=True),
    "dotproduct": Distance(_dot, descending=True),
    "euclidean": Distance(math.dist, descending=False),
}


def embeddings(container: Resource) -> dict[str, Embedding]:
    """By their paths (`/vector`)."""
    return {
        one["path"]: Embedding(int(one["dimensions"]), _DISTANCES[one["distanceFunction"]])
        for one in _policy(container)
    }


def at(item: Mapping[str, Any], path: str, missing: object = None) -> Any:
    """The value at `/a/b` of an item; `missing` where there is none."""
    value: Any = item
    for word in path.strip("/").split("/"):
        value = value.get(word, missing) if is_mapping(value) else missing
    return value


def check_item(container: Resource, item: Mapping[str, Any]) -> None:
    """Stricter than the service promises to be: what it makes of a vector of another length is not said."""
    for path, embedding in embeddings(container).items():
        value = at(item, path)
        if value is not None and embedding.vector(value) is None:
            raise ItemError(
                400, f"the local Cosmos DB takes {embedding.dimensions} numbers as the vector at {path}"
            )


class VectorPolicies:
    """What the resource manager asks before a container is made or changed."""

    def __init__(self, estate: Estate) -> None:
        self._estate = estate

    def check(self, made: Resource) -> None:
        """Raises `ValueError` in the service's words."""
        if made.kind != CONTAINER:
            return
        policy, indexes = _policy(made), _indexes(made)
        if policy and CAPABILITY not in capabilities(self._estate, made):
            raise ValueError(
                "A Container Vector Policy has been provided, but the capability has not been enabled on "
                "your account."
            )
        dimensions: dict[str, int] = {}
        for one in policy:
            _check_embedding(one, dimensions)
        seen: set[str] = set()
        for one in indexes:
            _check_index(one, dimensions, seen)
        before = self._estate.get(made.id)
        if before is not None:
            _check_change(before, made)


def capabilities(estate: Estate, container: Resource) -> set[str]:
    """Of the account that the container is in."""
    account = estate.get(container.id.partition("/sqlDatabases/")[0])
    given: Sequence[Mapping[str, Any]] = account.inputs.get("capabilities") or () if account else ()
    return {str(one.get("name")) for one in given}


def _policy(container: Resource) -> list[dict[str, Any]]:
    return container.part("resource", "vectorEmbeddingPolicy").get("vectorEmbeddings") or []


def _indexes(container: Resource) -> list[dict[str, Any]]:
    return container.part("resource", "indexingPolicy").get("vectorIndexes") or []


def _check_embedding(one: Mapping[str, Any], dimensions: dict[str, int]) -> None:
    path, size = str(one.get("path", "")), one.get("dimensions")
    what = "The Vector Embedding Policy has"
    if not path.startswith("/") or len(path) < 2:
        raise ValueError(f"{what} an invalid Path:{path}")
    if path in dimensions:
        raise ValueError(f"{what} a duplicate Path:{path}")
    if one.get("dataType") not in _DATA_TYPES:
        raise ValueError(f"{what} an invalid DataType:{one.get('dataType')}")
    if one.get("distanceFunction") not in _DISTANCES:
        raise ValueError(f"{what} an invalid DistanceFunction:{one.get('distanceFunction')}")
    if not is_number(size) or size != int(size) or size < 1:
        raise ValueError(f"{what} Dimensions:{size} which is less than the minimum supported value: 1")
    if size > MOST_DIMENSIONS:
        raise ValueError(
            f"{what} Dimensions:{size} which is more than the maximum supported value: {MOST_DIMENSIONS}"
        )
    dimensions[path] = int(size)


def _check_index(one: Mapping[str, Any], dimensions: Mapping[str, int], seen: set[str]) -> None:
    path, kind = str(one.get("path", "")), one.get("type")
    what = "The Vector Indexing Policy"
    if path not in dimensions:
        raise ValueError(f"{what}'s path::{path} not matching in Embedding's path.")
    if path in seen:
        raise ValueError(f"{what}'s path::{path} is given twice; a path has one vector index.")
    seen.add(path)
    if kind not in _INDEXES:
        raise ValueError(f"{what}'s Index Type::{kind} is invalid.")
    if kind == "flat" and dimensions[path] > MOST_FLAT_DIMENSIONS:
        raise ValueError(
            f"{what}'s Index Type::flat has at most {MOST_FLAT_DIMENSIONS} dimensions, "
            f"and path::{path} has {dimensions[path]}."
        )
    _check_range(one, "QuantizationByteSize", range(1, min(dimensions[path], _QUANTIZED) + 1))
    _check_range(one, "IndexingSearchListSize", _SEARCH_LIST)
    shards = one.get("vectorIndexShardKey", [])
    if not is_list(shards):
        raise ValueError("One of the specified inputs is invalid")
    if len(shards) > _MOST_SHARD_PATHS:
        raise ValueError(
            f"The number of shard paths defined in the Vector Indexing Policy: {len(shards)} exceeds the "
            f"maximum: {_MOST_SHARD_PATHS}."
        )
    for shard in shards:
        if not str(shard).startswith("/"):
            raise ValueError(f"{what} has an invalid Shard Path: {shard}.")


def _check_range(one: Mapping[str, Any], name: str, allowed: range) -> None:
    value = one.get(name[0].lower() + name[1:])
    if value is not None and (not is_number(value) or value not in allowed):
        raise ValueError(
            f"The Vector Indexing Policy parameter {name} value :: {value} is out of range. "
            f"The allowed range is between {allowed[0]} and {allowed[-1]}."
        )


def _check_change(before: Resource, made: Resource) -> None:
    """What a container has already of its policies stays as it is; a path may be added."""
    for name, of in (("embedding", _policy), ("vector indexing", _indexes)):
        now = {one["path"]: one for one in of(made)}
        for one in of(before):
            if now.get(one["path"]) != one:
                raise ValueError(f"Paths in existing {name} policy cannot be modified in Collection Replace")
