"""Firestore's nearest-neighbour queries: what is asked for, which index that takes, and the exact answer."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from serverless_ai_local.gcp import types
from serverless_ai_local.gcp.errors import RpcError, invalid, not_offered
from serverless_ai_local.gcp.registry import Deployed, Registry
from serverless_ai_local.gcp.services.documents import Document
from serverless_ai_local.gcp.services.vectors import DISTANCES, numbers_of, vector
from serverless_ai_local.plain import is_list, is_mapping, is_number

MOST_NEAREST: Final = 1000
MOST_VALUES: Final = 30
"""Of an IN filter."""
NAME: Final = "__name__"
_QUERY: Final = ("select", "from", "where", "findNearest")
_NEAREST: Final = (
    "vectorField", "queryVector", "distanceMeasure", "limit", "distanceResultField", "distanceThreshold",
)  # fmt: skip
_OPERATORS: Final = {"EQUAL": "EQUAL", 5: "EQUAL", "IN": "IN", 8: "IN"}
_MEASURES: Final = {1: "EUCLIDEAN", 2: "COSINE", 3: "DOT_PRODUCT", **{name: name for name in DISTANCES}}
"""Google's clients write enums as numbers."""


@dataclass(frozen=True, kw_only=True, slots=True)
class VectorQuery:
    """A StructuredQuery with findNearest."""

    collection: str
    filters: tuple[tuple[str, tuple[Any, ...]], ...]
    """A field and the values that it may have; all must hold."""
    field: str
    vector: list[float]
    measure: str
    limit: int
    distance_field: str = ""
    threshold: float | None = None
    select: tuple[str, ...] | None = None

    def run(self, parent: str, documents: Mapping[str, Document]) -> list[dict[str, Any]]:
        """The documents under `parent`, the nearest first, as the API answers them."""
        distance = DISTANCES[self.measure]
        sign = -1 if distance.descending else 1
        found = sorted(
            self._candidates(f"{parent}/{self.collection}/", documents), key=lambda one: sign * one[0]
        )
        if self.threshold is not None:
            found = [one for one in found if sign * one[0] <= sign * self.threshold]
        return [self._answer(*one) for one in found[: self.limit]]

    def _candidates(
        self, start: str, documents: Mapping[str, Document]
    ) -> Iterator[tuple[float, str, Document]]:
        distance = DISTANCES[self.measure]
        for name, document in documents.items():
            if not name.startswith(start) or "/" in name.removeprefix(start):
                continue
            if any(document.fields.get(field) not in allowed for field, allowed in self.filters):
                continue
            there = numbers_of(document.fields.get(self.field))
            if there is not None and len(there) == len(self.vector):
                yield distance.of(there, self.vector), name, document

    def _answer(self, distance: float, name: str, document: Document) -> dict[str, Any]:
        fields = dict(document.fields)
        if self.distance_field:
            fields[self.distance_field] = {"doubleValue": distance}
        if self.select is not None:
            fields = {name: value for name, value in fields.items() if name in self.select}
        return {**document.wire(name), "fields": fields}


def read_query(body: Mapping[str, Any]) -> VectorQuery:
    """Raises `RpcError` naming what is wrong or not offered."""
    _only(body, ("structuredQuery",), "")
    query = _object(body.get("structuredQuery"), "structured_query")
    _only(query, _QUERY, "structured_query.")
    if "findNearest" not in query:
        raise not_offered("queries without find_nearest")
    nearest = _object(query["findNearest"], "find_nearest")
    _only(nearest, _NEAREST, "find_nearest.")
    limit, threshold = nearest.get("limit"), nearest.get("distanceThreshold")
    if not isinstance(limit, int) or isinstance(limit, bool) or not 1 <= limit <= MOST_NEAREST:
        raise invalid(f"find_nearest.limit must be a positive integer of no more than {MOST_NEAREST}")
    if threshold is not None and not is_number(threshold):
        raise invalid("find_nearest.distance_threshold must be a number")
    measure = nearest.get("distanceMeasure")
    if measure not in _MEASURES:
        raise invalid(f"find_nearest.distance_measure must be one of {', '.join(DISTANCES)}")
    select = query.get("select")
    return VectorQuery(
        collection=_collection(query.get("from")),
        filters=tuple(_filters(query["where"])) if query.get("where") else (),
        field=_path(nearest.get("vectorField"), "find_nearest.vector_field"),
        vector=vector("find_nearest.query_vector", nearest.get("queryVector")),
        measure=_MEASURES[measure],
        limit=limit,
        distance_field=str(nearest.get("distanceResultField", "")),
        threshold=threshold,
        select=None if select is None else tuple(_selected(select)),
    )


def require_index(registry: Registry, database: Deployed, query: VectorQuery) -> None:
    """Raises `RpcError` in Google's words if there is no index of just these fields and this dimension."""
    wanted = {field for field, _ in query.filters}
    for index in registry.all(types.INDEX):
        if (
            index.project == database.project
            and index.inputs.get("database", "(default)") == database.inputs["name"]
            and index.inputs["collection"] == query.collection
            and index.inputs.get("queryScope", "COLLECTION") == "COLLECTION"
            and _covers(index.inputs["fields"], wanted, query)
        ):
            return
    raise RpcError("FAILED_PRECONDITION", _missing(database, query))


def _covers(fields: list[Mapping[str, Any]], wanted: set[str], query: VectorQuery) -> bool:
    ordered = {one["fieldPath"] for one in fields if "order" in one} - {NAME}
    vectors = [
        (one["fieldPath"], int(one["vectorConfig"]["dimension"])) for one in fields if "vectorConfig" in one
    ]
    return ordered == wanted and vectors == [(query.field, len(query.vector))]


def _missing(database: Deployed, query: VectorQuery) -> str:
    dimension = json.dumps({"dimension": str(len(query.vector)), "flat": "{}"})
    ordered = "".join(f" --field-config=order=ASCENDING,field-path={field}" for field, _ in query.filters)
    return (
        "Missing vector index configuration. Please create the required index with the following gcloud "
        f"command: gcloud firestore indexes composite create --project={database.project} "
        f"--database={database.inputs['name']} --collection-group={query.collection} "
        f"--query-scope=COLLECTION{ordered} "
        f"--field-config=vector-config='{dimension}',field-path={query.field}"
    )


def _collection(given: Any) -> str:
    if not is_list(given) or len(given) != 1 or not is_mapping(given[0]):
        raise invalid("a query has exactly one collection selector")
    selector = given[0]
    if not isinstance(selector.get("collectionId"), str) or selector.get("allDescendants"):
        raise not_offered("queries of collection groups; there are those of one collection")
    return selector["collectionId"]


def _filters(given: Any) -> Iterator[tuple[str, tuple[Any, ...]]]:
    if not is_mapping(given) or len(given) != 1:
        raise invalid("where must hold one filter")
    if "compositeFilter" in given:
        composite = _object(given["compositeFilter"], "composite_filter")
        if composite.get("op") not in ("AND", 1):
            raise not_offered("composite filters other than AND")
        for one in composite.get("filters", ()):
            yield from _filters(one)
        return
    if "fieldFilter" not in given:
        raise not_offered("filters other than field and composite filters")
    one = _object(given["fieldFilter"], "field_filter")
    operator = _OPERATORS.get(one.get("op", ""))
    if operator is None:
        raise not_offered("operators other than EQUAL and IN")
    value = _object(one.get("value"), "field_filter.value")
    yield _path(one.get("field"), "field_filter.field"), _values(operator, value)


def _values(operator: str, value: Mapping[str, Any]) -> tuple[Any, ...]:
    if operator == "EQUAL":
        return (value,)
    among: Any = value.get("arrayValue", {}).get("values")
    if not is_list(among) or not 1 <= len(among) <= MOST_VALUES:
        raise invalid(f"'IN' requires a non-empty array of at most {MOST_VALUES} values")
    return tuple(among)


def _selected(given: Any) -> Iterator[str]:
    for one in _object(given, "select").get("fields", ()):
        yield _path(one, "select.fields")


def _path(given: Any, what: str) -> str:
    path = _object(given, what).get("fieldPath")
    if not isinstance(path, str) or not (path.isidentifier() or path == NAME):
        raise not_offered(f"{what} {path!r}; there are plain names")
    return path


def _object(given: Any, what: str) -> Mapping[str, Any]:
    if not is_mapping(given):
        raise invalid(f"{what} must be an object")
    return given


def _only(given: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    for name in given:
        if name not in known:
            raise not_offered(f"{where}{name}; there is {', '.join(known)}")
