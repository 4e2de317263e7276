"""Vertex AI Vector Search 1.0's REST API (v1) for datapoints: a fake that keeps them in memory, exact.

Offered: upsertDatapoints and removeDatapoints of an index, findNeighbors of a deployed one, with restricts.
Distances are squared Euclidean. What is written is found at once; the service takes seconds.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from serverless_ai_local.gcp import types
from serverless_ai_local.gcp.errors import invalid, missing, not_offered
from serverless_ai_local.gcp.iam.authority import Authority, Principal
from serverless_ai_local.gcp.registry import Deployed, Registry
from serverless_ai_local.gcp.services.vector_objects import is_text, numbers, only
from serverless_ai_local.plain import is_list, is_mapping

SERVICE: Final = "aiplatform.googleapis.com"
PATH: Final = re.compile(
    r"/v1/(?P<name>projects/[^/]+/locations/[^/]+/(?P<kind>indexes|indexEndpoints)/[^/:]+):(?P<method>\w+)"
)
UPDATE: Final = "aiplatform.indexes.update"
QUERY: Final = "aiplatform.indexEndpoints.queryVectors"
MOST_POINTS: Final = 1000
"""Of one call, from memory on 2026-11-27."""
_NEIGHBORS: Final = 10
"""If neighborCount is not given."""

_Restricts = Mapping[str, frozenset[str]]
"""Tokens by namespace."""


class Datapoint(NamedTuple):
    vector: tuple[float, ...]
    restricts: _Restricts


class VectorIndex:
    """The indexes that are there now; a deleted one takes its datapoints along."""

    def __init__(self, registry: Registry, authority: Authority) -> None:
        self._registry, self._authority = registry, authority
        self._kept: dict[str, dict[str, Datapoint]] = {}
        self._lock = threading.Lock()
        registry.listen(self._forget)

    def __call__(self, who: Principal, method: str, found: re.Match[str], body: Mapping[str, Any]) -> Any:
        """The answer to a request whose path matched `PATH`; raises `RpcError`."""
        methods = {
            ("indexes", "upsertDatapoints"): self._upsert,
            ("indexes", "removeDatapoints"): self._remove,
            ("indexEndpoints", "findNeighbors"): self._find,
        }
        asked = found["kind"], found["method"]
        if method != "POST" or asked not in methods:
            offered = ", ".join(":".join(one) for one in methods)
            raise not_offered(f"{method} {asked[0]}:{asked[1]}; there are {offered}")
        permission = UPDATE if found["kind"] == "indexes" else QUERY
        self._authority.require(who, permission, found["name"], service=SERVICE)
        return methods[asked](found["name"], body)

    def _forget(self) -> None:
        there = {one.uid for one in self._registry.all(types.VERTEX_INDEX)}
        with self._lock:
            self._kept = {uid: points for uid, points in self._kept.items() if uid in there}

    def _upsert(self, name: str, body: Mapping[str, Any]) -> dict[str, Any]:
        only(body, ("datapoints",), "")
        index = self._there(types.VERTEX_INDEX, name)
        given = _list(body, "datapoints")
        points = dict(_point(one, _dimensions(index)) for one in given)
        with self._lock:
            self._kept.setdefault(index.uid, {}).update(points)
        return {}

    def _remove(self, name: str, body: Mapping[str, Any]) -> dict[str, Any]:
        only(body, ("datapointIds",), "")
        index = self._there(types.VERTEX_INDEX, name)
        with self._lock:
            points = self._kept.setdefault(index.uid, {})
            for key in _list(body, "datapointIds"):
                points.pop(key, None)
        return {}

    def _find(self, name: str, body: Mapping[str, Any]) -> dict[str, Any]:
        only(body, ("deployedIndexId", "queries"), "")
        self._there(types.INDEX_ENDPOINT, name)
        deployed = self._registry.find(
            types.DEPLOYED_INDEX, f"{name}/deployedIndex/{body.get('deployedIndexId')}"
        )
        if deployed is None:
            raise missing(f"DeployedIndex {body.get('deployedIndexId')} was not found in {name}")
        index = self._there(types.VERTEX_INDEX, deployed.inputs["index"])
        with self._lock:
            points = dict(self._kept.get(index.uid, {}))
        return {
            "nearestNeighbors": [_nearest(points, one, _dimensions(index)) for one in _list(body, "queries")]
        }

    def _there(self, token: str, name: str) -> Deployed:
        found = self._registry.find(token, name)
        if found is None:
            raise missing(f"The resource {name} was not found")
        return found


def _nearest(points: Mapping[str, Datapoint], query: Any, dimensions: int) -> dict[str, Any]:
    if not is_mapping(query) or not is_mapping(query.get("datapoint")):
        raise invalid("queries must be objects with a datapoint")
    only(query, ("datapoint", "neighborCount"), "queries")
    only(query["datapoint"], ("datapointId", "featureVector", "restricts"), "queries.datapoint")
    count = query.get("neighborCount", _NEIGHBORS)
    if not isinstance(count, int) or count < 1:
        raise invalid("neighborCount must be positive")
    wanted = numbers(query["datapoint"].get("featureVector"), "featureVector", dimensions)
    restricts = _restricts(query["datapoint"].get("restricts", []))
    found = sorted(
        (sum((x - y) ** 2 for x, y in zip(wanted, point.vector, strict=True)), key)
        for key, point in points.items()
        if all(
            tokens & point.restricts.get(namespace, frozenset()) for namespace, tokens in restricts.items()
        )
    )
    return {
        "id": str(query["datapoint"].get("datapointId", "")),
        "neighbors": [
            {
                "datapoint": {"datapointId": key, "crowdingTag": {"crowdingAttribute": "0"}},
                "distance": distance,
            }
            for distance, key in found[:count]
        ],
    }


def _point(given: Any, dimensions: int) -> tuple[str, Datapoint]:
    if not is_mapping(given):
        raise invalid("datapoints must be objects")
    only(given, ("datapointId", "featureVector", "restricts"), "datapoints")
    key = given.get("datapointId")
    if not is_text(key) or not key:
        raise invalid("datapoints need a datapoint_id")
    vector = numbers(given.get("featureVector"), "featureVector", dimensions)
    return str(key), Datapoint(vector, _restricts(given.get("restricts", [])))


def _restricts(given: Any) -> _Restricts:
    read: dict[str, frozenset[str]] = {}
    if not is_list(given):
        raise invalid("restricts must be a list")
    for one in given:
        if not is_mapping(one) or not is_text(one.get("namespace")) or not is_list(one.get("allowList")):
            raise invalid("restricts must be objects of a namespace and an allowList (denyList is not here)")
        only(one, ("namespace", "allowList"), "restricts")
        if one["namespace"] in read:
            raise invalid(f"There are multiple restricts with the namespace {one['namespace']}")
        read[one["namespace"]] = frozenset(map(str, one["allowList"]))
    return read


def _list(body: Mapping[str, Any], name: str) -> list[Any]:
    found = body.get(name)
    if not is_list(found) or not 1 <= len(found) <= MOST_POINTS:
        raise invalid(f"{name} must be a list of 1 to {MOST_POINTS}")
    return found


def _dimensions(index: Deployed) -> int:
    return int(index.inputs["metadata"]["config"]["dimensions"])
