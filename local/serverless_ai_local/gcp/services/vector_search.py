"""Vector Search 2.0's REST API (v1) for data objects: a fake that keeps them in memory and compares exactly.

Offered: batchCreate, batchUpdate, batchDelete, query, search (by vector and by text) and batchSearch with
reciprocal rank fusion. A batch is done as a whole or not at all: which of the two the service does is not
documented. Text search finds objects that hold every word, whatever its case; ranks are by how often. Field
names are taken in lowerCamelCase only.
"""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from serverless_ai_local.gcp import types
from serverless_ai_local.gcp.errors import RpcError, invalid, missing, not_offered
from serverless_ai_local.gcp.iam.authority import Authority, Principal
from serverless_ai_local.gcp.registry import Deployed, Registry
from serverless_ai_local.gcp.resources.vectors import dimensions_of, texts_of
from serverless_ai_local.gcp.services.vector_filter import parse
from serverless_ai_local.gcp.services.vector_objects import (
    DataObject,
    cosine_distance,
    numbers,
    only,
    read_id,
    read_object,
)
from serverless_ai_local.plain import is_list, is_mapping, is_number

SERVICE: Final = "vectorsearch.googleapis.com"
PATH: Final = re.compile(
    r"/v1/(?P<collection>projects/[^/]+/locations/[^/]+/collections/[^/]+)/dataObjects:(?P<method>\w+)"
)
MOST_OBJECTS: Final = 1000
"""Of a batch (data_object_service.proto)."""
MOST_KEPT: Final = 100_000
"""Objects of a collection that may be searched without an index."""
_TOP: Final = 10
"""Results if topK is not given."""
_RANK: Final = 60
"""k of reciprocal rank fusion, 1 / (k + rank): the usual one; the service's own is not documented."""
_WORD: Final = re.compile(r"\w+")

Found = list[tuple[str, float]]
"""Ids and distances or scores, the best first."""
_Objects = dict[str, DataObject]
_Method = Callable[[Deployed, _Objects, Mapping[str, Any]], dict[str, Any]]


class VectorSearch:
    """The collections that are deployed now; a deleted one takes its objects along."""

    def __init__(self, registry: Registry, authority: Authority) -> None:
        self._registry, self._authority = registry, authority
        self._kept: dict[str, _Objects] = {}
        self._lock = threading.Lock()
        self._methods: Mapping[str, tuple[str, _Method]] = {
            "batchCreate": ("create", self._create),
            "batchUpdate": ("update", self._update),
            "batchDelete": ("delete", self._delete),
            "query": ("query", self._query),
            "search": ("search", self._search),
            "batchSearch": ("search", self._batch),
        }
        registry.listen(self._forget)

    def __call__(self, who: Principal, method: str, found: re.Match[str], body: Mapping[str, Any]) -> Any:
        """The answer to a request whose path matched `PATH`; raises `RpcError`."""
        if method != "POST" or found["method"] not in self._methods:
            raise not_offered(f"{method} dataObjects:{found['method']}; there are {', '.join(self._methods)}")
        verb, run = self._methods[found["method"]]
        name = found["collection"]
        self._authority.require(who, f"vectorsearch.dataObjects.{verb}", name, service=SERVICE)
        collection = self._registry.find(types.COLLECTION, name)
        if collection is None:
            raise missing(f"Resource '{name}' was not found")
        with self._lock:
            return run(collection, self._kept.setdefault(collection.uid, {}), body)

    def _forget(self) -> None:
        there = {one.uid for one in self._registry.all(types.COLLECTION)}
        with self._lock:
            self._kept = {uid: objects for uid, objects in self._kept.items() if uid in there}

    def _create(self, collection: Deployed, objects: _Objects, body: Mapping[str, Any]) -> dict[str, Any]:
        made: _Objects = {}
        for one in _requests(body, ("parent", "dataObjectId", "dataObject")):
            if one.get("parent", collection.id) != collection.id:
                raise invalid("parent must match the parent of the batch")
            key = read_id(one.get("dataObjectId"))
            if key in objects or key in made:
                raise RpcError(
                    "ALREADY_EXISTS", f"Resource '{collection.id}/dataObjects/{key}' already exists"
                )
            made[key] = read_object(collection, one.get("dataObject"), _now())
        objects.update(made)
        return {"dataObjects": [one.wire(_name(collection, key), None) for key, one in made.items()]}

    def _update(self, collection: Deployed, objects: _Objects, body: Mapping[str, Any]) -> dict[str, Any]:
        changed: _Objects = {}
        for one in _requests(body, ("dataObject",)):
            given = one.get("dataObject")
            key = _there(collection, objects, given.get("name") if is_mapping(given) else None)
            changed[key] = read_object(collection, given, _now())._replace(created=objects[key].created)
        objects.update(changed)
        return {}

    def _delete(self, collection: Deployed, objects: _Objects, body: Mapping[str, Any]) -> dict[str, Any]:
        gone = [_there(collection, objects, one.get("name")) for one in _requests(body, ("name",))]
        for key in gone:
            objects.pop(key, None)
        return {}

    def _query(self, collection: Deployed, objects: _Objects, body: Mapping[str, Any]) -> dict[str, Any]:
        only(body, ("filter", "outputFields", "pageSize", "pageToken"), "")
        lets = parse(body.get("filter"), texts_of(collection.inputs))
        size, start = int(body.get("pageSize") or 100), int(body.get("pageToken") or 0)
        found = sorted(key for key, one in objects.items() if lets(one.data))
        page = found[start : start + size]
        shown = [objects[key].wire(_name(collection, key), body.get("outputFields")) for key in page]
        more = {"nextPageToken": str(start + size)} if len(found) > start + size else {}
        return {"dataObjects": shown, **more} if shown else {}

    def _search(self, collection: Deployed, objects: _Objects, body: Mapping[str, Any]) -> dict[str, Any]:
        found, shown = _found(collection, objects, body)
        return _results(collection, objects, found, shown)

    def _batch(self, collection: Deployed, objects: _Objects, body: Mapping[str, Any]) -> dict[str, Any]:
        only(body, ("searches", "combine"), "")
        searches = body.get("searches")
        if not is_list(searches) or not searches:
            raise invalid("searches must be a list that is not empty")
        each = [_found(collection, objects, one) for one in searches]
        combine = body.get("combine")
        if combine is None:
            return {"results": [_results(collection, objects, *one) for one in each]}
        only(combine, ("ranker", "outputFields", "topK"), "combine")
        fused = _fused([found for found, _ in each], combine.get("ranker"))
        top = int(combine.get("topK") or _TOP)
        return {"results": [_results(collection, objects, fused[:top], combine.get("outputFields"))]}


def _found(collection: Deployed, objects: _Objects, search: Any) -> tuple[Found, Any]:
    """What one search finds, and which fields it shows."""
    if not is_mapping(search) or len(search) != 1:
        raise invalid("a search must be an object of one of vectorSearch, textSearch")
    ((kind, given),) = search.items()
    if kind not in _SEARCHES:
        raise not_offered(f"{kind}; there are {', '.join(_SEARCHES)}")
    known, run = _SEARCHES[kind]
    only(given, (*known, "filter", "topK", "outputFields"), kind)
    lets = parse(given.get("filter"), texts_of(collection.inputs))
    among = {key: one for key, one in objects.items() if lets(one.data)}
    top = given.get("topK", _TOP)
    if not isinstance(top, int) or top < 1:
        raise invalid(f"{kind}: topK must be positive")
    return run(collection, among, given)[:top], given.get("outputFields")


def _by_vector(collection: Deployed, among: _Objects, given: Mapping[str, Any]) -> Found:
    field, dimensions = str(given.get("searchField")), dimensions_of(collection.inputs)
    if field not in dimensions:
        raise invalid(f"vectorSearch: search_field {field!r} is not in the vector schema")
    if given.get("distanceMetric") != "COSINE_DISTANCE":
        raise not_offered("distanceMetric other than COSINE_DISTANCE")
    if len(among) > MOST_KEPT:
        raise RpcError("FAILED_PRECONDITION", f"KNN search is limited to {MOST_KEPT} data objects")
    vector = given.get("vector")
    if not is_mapping(vector) or list(vector) != ["values"]:
        raise invalid("vectorSearch: vector must be an object of values")
    wanted = numbers(vector["values"], "vectorSearch.vector", dimensions[field])
    found = [
        (key, cosine_distance(wanted, one.vectors[field]))
        for key, one in among.items()
        if field in one.vectors
    ]
    return sorted(found, key=lambda each: (each[1], each[0]))


def _by_text(collection: Deployed, among: _Objects, given: Mapping[str, Any]) -> Found:
    fields = given.get("dataFieldNames")
    if not is_list(fields) or not fields or not texts_of(collection.inputs).issuperset(fields):
        raise invalid("textSearch: data_field_names must name fields of the data schema")
    words = _words(given.get("searchText"))
    if not words:
        raise invalid("textSearch: search_text must hold a word")
    found: Found = []
    for key, one in among.items():
        counts = Counter(word for field in fields for word in _words(one.data.get(field, "")))
        if all(counts[word] for word in words):
            found.append((key, float(sum(counts[word] for word in words))))
    return sorted(found, key=lambda each: (-each[1], each[0]))


_SEARCHES: Final[Mapping[str, tuple[tuple[str, ...], Callable[..., Found]]]] = {
    "vectorSearch": (("searchField", "vector", "distanceMetric"), _by_vector),
    "textSearch": (("searchText", "dataFieldNames"), _by_text),
}


def _words(text: Any) -> list[str]:
    return _WORD.findall(text.lower()) if isinstance(text, str) else []


def _fused(lists: Sequence[Found], ranker: Any) -> Found:
    weights: Any = ranker.get("rrf", {}).get("weights") if is_mapping(ranker) else None
    if not is_list(weights) or len(weights) != len(lists) or not all(is_number(one) for one in weights):
        raise invalid("combine: ranker must be an rrf with one weight for each search")
    scores: Counter[str] = Counter()
    for found, weight in zip(lists, weights, strict=True):
        for rank, (key, _) in enumerate(found, start=1):
            scores[key] += weight / (_RANK + rank)  # pyright: ignore[reportArgumentType]
    return sorted(
        ((key, float(score)) for key, score in scores.items()), key=lambda each: (-each[1], each[0])
    )


def _results(collection: Deployed, objects: _Objects, found: Found, shown: Any) -> dict[str, Any]:
    results = [
        {"dataObject": objects[key].wire(_name(collection, key), shown), "distance": distance}
        for key, distance in found
    ]
    return {"results": results} if results else {}


def _requests(body: Mapping[str, Any], known: tuple[str, ...]) -> list[dict[str, Any]]:
    only(body, ("requests",), "")
    requests = body.get("requests")
    if not is_list(requests) or not 1 <= len(requests) <= MOST_OBJECTS:
        raise invalid(f"requests must be a list of 1 to {MOST_OBJECTS}")
    for one in requests:
        if not is_mapping(one):
            raise invalid("requests must be objects")
        only(one, known, "requests")
    return requests


def _there(collection: Deployed, objects: _Objects, name: Any) -> str:
    """The id in the name of an object that is there."""
    place, _, key = str(name).rpartition("/dataObjects/")
    if place != collection.id:
        raise invalid(f"{name!r} is no data object of {collection.id}")
    if read_id(key) not in objects:
        raise missing(f"Resource '{name}' was not found")
    return key


def _name(collection: Deployed, key: str) -> str:
    return f"{collection.id}/dataObjects/{key}"


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
