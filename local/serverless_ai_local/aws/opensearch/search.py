"""One search request: its query, how many hits are wanted, and what of their documents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from serverless_ai_local.aws.opensearch.errors import illegal, unparsable
from serverless_ai_local.aws.opensearch.index import Index
from serverless_ai_local.aws.opensearch.queries import Queries
from serverless_ai_local.plain import is_list, is_mapping

MOST_HITS: Final = 10_000
_KEYS: Final = frozenset({"query", "size", "from", "_source"})


def search(index: Index, body: Any) -> dict[str, Any]:
    """The answer. Raises `SearchError` for a key or a query that the local cloud does not know."""
    if not is_mapping(body) or body.keys() - _KEYS:
        unknown = sorted(body.keys() - _KEYS) if is_mapping(body) else [body]
        raise unparsable(f"unknown key [{unknown[0]}] in a search on the local cloud")
    size, start = body.get("size", 10), body.get("from", 0)
    if type(size) is not int or type(start) is not int or size < 0 or start < 0:
        raise illegal(f"[size] and [from] cannot be negative, found [{size!r}] and [{start!r}]")
    if size + start > MOST_HITS:
        text = f"from + size must be less than or equal to: [{MOST_HITS}] but was [{size + start}]"
        raise illegal(f"Result window is too large, {text}")
    with index.lock:
        found = Queries(index).run(body.get("query", {"match_all": {}}))
        ordered = sorted(found.items(), key=lambda one: -one[1])
        hits = [_hit(index, key, score, body) for key, score in ordered[start : start + size]]
    return {
        "took": 1,
        "timed_out": False,
        "_shards": {"total": 0, "successful": 0, "skipped": 0, "failed": 0},
        "hits": {
            "total": {"value": len(ordered), "relation": "eq"},
            "max_score": ordered[0][1] if ordered else None,
            "hits": hits,
        },
    }


def _hit(index: Index, key: str, score: float, body: Mapping[str, Any]) -> dict[str, Any]:
    hit: dict[str, Any] = {"_index": index.name, "_id": key, "_score": score}
    wanted = body.get("_source")
    document = index.documents[key]
    if wanted is None:
        # A NEXTGEN collection shows vectors only to who asks for them.
        vectors = {name for name, one in index.fields.known.items() if one.kind == "knn_vector"}
        hidden = vectors if index.nextgen else set[str]()
        hit["_source"] = {name: value for name, value in document.items() if name not in hidden}
    elif wanted is True:
        hit["_source"] = document
    elif wanted is not False:
        names = [wanted] if isinstance(wanted, str) else wanted
        if not is_list(names) or not all(isinstance(name, str) and "*" not in name for name in names):
            raise unparsable(
                f"[_source] is true, false or a list of names on the local cloud, got {wanted!r}"
            )
        hit["_source"] = {name: value for name, value in document.items() if name in names}
    return hit
