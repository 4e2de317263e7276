"""The queries of a search, each worked out exactly: which documents match, and their scores."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from serverless_ai_local.aws.opensearch import text
from serverless_ai_local.aws.opensearch.errors import SearchError, illegal, unparsable
from serverless_ai_local.aws.opensearch.index import Index
from serverless_ai_local.aws.opensearch.mapping import Field
from serverless_ai_local.plain import is_list, is_mapping, is_number

MOST_CLAUSES: Final = 1024
MOST_TERMS: Final = 65_536
MOST_K: Final = 10_000
Found = dict[str, float]
"""Documents by id, with their scores."""


class Queries:
    """Answers the queries of one search request."""

    def __init__(self, index: Index) -> None:
        self._index, self._clauses = index, 0
        self._kinds: Mapping[str, Callable[[Any], Found]] = {
            "match_all": self._match_all,
            "term": self._term,
            "terms": self._terms,
            "bool": self._bool,
            "match": self._match,
            "multi_match": self._multi_match,
            "knn": self._knn,
        }

    def run(self, query: Any) -> Found:
        """What a query finds. Raises `SearchError` for one that the local cloud does not know."""
        if not is_mapping(query) or len(query) != 1:
            raise unparsable(f"[_na] query malformed, one clause is expected: {query!r}")
        [(kind, body)] = query.items()
        if kind not in self._kinds:
            known = ", ".join(sorted(self._kinds))
            raise unparsable(f"unknown query [{kind}] on the local cloud, which has: {known}")
        return self._kinds[kind](body)

    def _match_all(self, body: Any) -> Found:
        if body != {}:
            raise unparsable(f"[match_all] malformed query: {body!r}")
        return dict.fromkeys(self._index.documents, 1.0)

    def _term(self, body: Any) -> Found:
        name, value = _one_field("term", body, "value")
        found = self._having(name, [value])
        weight = text.rarity(len(self._index.documents), len(found)) / (1 + text.K1)
        return dict.fromkeys(found, weight)

    def _terms(self, body: Any) -> Found:
        if not is_mapping(body) or len(body) != 1:
            raise unparsable(f"[terms] query malformed: {body!r}")
        [(name, values)] = body.items()
        if not is_list(values):
            raise unparsable(f"[terms] query requires a list of values for [{name}]")
        if len(values) > MOST_TERMS:
            raise illegal(f"The number of terms [{len(values)}] has exceeded the allowed maximum of [65536].")
        return dict.fromkeys(self._having(name, values), 1.0)

    def _having(self, name: str, values: Sequence[Any]) -> list[str]:
        """Documents with one of the values in a keyword field."""
        self._count(1)
        known = self._index.fields.known.get(name)
        if known is None:
            return []
        if known.kind != "keyword":
            raise illegal(f"the local cloud asks for values of keyword fields only, and [{name}] is none")
        if not known.indexed:
            raise SearchError(
                400, "query_shard_exception", f"Cannot search on field [{name}] since it is not indexed."
            )
        texts = set(map(str, values))
        return [key for key, one in self._index.documents.items() if str(one.get(name)) in texts]

    def _bool(self, body: Any) -> Found:
        parts = ("must", "filter", "should", "must_not")
        if not is_mapping(body) or body.keys() - set(parts):
            raise unparsable(
                f"[bool] query does not support [{body!r}]; the local cloud has {', '.join(parts)}"
            )
        clauses = {part: body.get(part, []) for part in parts}
        must, filters, should, must_not = (
            [self.run(one) for one in (given if is_list(given) else [given])] for given in clauses.values()
        )
        found = dict.fromkeys(self._index.documents, 0.0)
        for needed in (*must, *filters):
            found = {key: score for key, score in found.items() if key in needed}
        for refused in must_not:
            found = {key: score for key, score in found.items() if key not in refused}
        if should and not must and not filters:
            found = {key: score for key, score in found.items() if any(key in one for one in should)}
        scoring = (*must, *should)
        return {key: sum(one.get(key, 0.0) for one in scoring) for key in found}

    def _match(self, body: Any) -> Found:
        if not is_mapping(body) or len(body) != 1:
            raise unparsable(f"[match] query malformed: {body!r}")
        [(name, given)] = body.items()
        options = given if is_mapping(given) else {"query": given}
        if options.keys() - {"query", "operator"} or "query" not in options:
            raise unparsable(f"[match] query does not support [{options!r}] on the local cloud")
        return self._words(name, options)

    def _multi_match(self, body: Any) -> Found:
        allowed = {"query", "fields", "operator", "type"}
        if not is_mapping(body) or body.keys() - allowed or not {"query", "fields"} <= body.keys():
            raise unparsable(f"[multi_match] query does not support [{body!r}] on the local cloud")
        if body.get("type", "best_fields") != "best_fields" or not is_list(body["fields"]):
            raise unparsable("[multi_match] on the local cloud is of type best_fields over a list of fields")
        found: Found = {}
        for name in body["fields"]:
            for key, score in self._words(str(name), body).items():
                found[key] = max(score, found.get(key, 0.0))
        return found

    def _words(self, name: str, options: Mapping[str, Any]) -> Found:
        operator = str(options.get("operator", "or")).lower()
        if operator not in ("or", "and"):
            raise illegal(f"operator needs to be either OR or AND, but not [{operator}]")
        known = self._index.fields.known.get(name)
        asked = text.words(str(options["query"]))
        self._count(len(asked))
        if known is None:
            return {}
        if known.kind != "text":
            raise illegal(f"the local cloud matches text fields only, and [{name}] is {known.kind}")
        return text.scores(asked, self._index.terms(name), every=operator == "and")

    def _knn(self, body: Any) -> Found:
        self._count(1)
        name, options = _knn_options(body)
        known = self._index.fields.known.get(name)
        if known is None or known.kind != "knn_vector" or not self._index.settings["index.knn"]:
            raise illegal(f"failed to create query: Field '{name}' is not knn_vector type.")
        vector = _vector(options.get("vector"), known)
        among: Mapping[str, Any] = self._index.documents
        if "filter" in options:
            if not known.filters:
                raise illegal("Engine [nmslib] does not support filters")
            among = self.run(options["filter"])
        scores = {
            key: score(known.space, vector, self._index.documents[key][name])
            for key in among
            if self._index.documents[key].get(name) is not None
        }
        return dict(sorted(scores.items(), key=lambda one: -one[1])[: options["k"]])

    def _count(self, clauses: int) -> None:
        self._clauses += clauses
        if self._clauses > MOST_CLAUSES:
            text_ = f"Query contains too many nested clauses; maxClauseCount is set to {MOST_CLAUSES}"
            raise SearchError(400, "too_many_nested_clauses", text_)


def score(space: str, one: Sequence[float], other: Sequence[float]) -> float:
    """As OpenSearch makes a positive score, the nearest with the greatest, of a distance of faiss."""
    if space == "l2":
        return 1 / (1 + math.dist(one, other) ** 2)
    product = math.fsum(left * right for left, right in zip(one, other, strict=True))
    if space == "cosinesimil":
        size = math.hypot(*one) * math.hypot(*other)
        return (1 + (product / size if size else 0.0)) / 2
    return product + 1 if product >= 0 else 1 / (1 - product)


def _one_field(kind: str, body: Any, key: str) -> tuple[str, Any]:
    """The only field of a query, and its value: by itself, or under `key`."""
    if not is_mapping(body) or len(body) != 1:
        raise unparsable(f"[{kind}] query doesn't support multiple fields: {body!r}")
    [(name, value)] = body.items()
    if is_mapping(value):
        if value.keys() != {key}:
            raise unparsable(f"[{kind}] query does not support [{value!r}] on the local cloud")
        value = value[key]
    if is_list(value):
        raise unparsable(f"[{kind}] query does not support array of values")
    return name, value


def _knn_options(body: Any) -> tuple[str, dict[str, Any]]:
    if not is_mapping(body) or len(body) != 1:
        raise unparsable(f"[knn] query malformed: {body!r}")
    [(name, options)] = body.items()
    if not is_mapping(options) or options.keys() - {"vector", "k", "filter"}:
        raise unparsable(f"[knn] query does not support [{options!r}] on the local cloud")
    k = options.get("k")
    if type(k) is not int or not 1 <= k <= MOST_K:
        raise illegal(f"[knn] requires k to be in the range (0, {MOST_K}], got {k!r}")
    return name, options


def _vector(given: Any, known: Field) -> list[float]:
    if not is_list(given) or not all(is_number(one) and math.isfinite(one) for one in given):
        raise unparsable("[knn] query requires a vector of numbers")
    if len(given) != known.dimension:
        text_ = f"Query vector has invalid dimension: {len(given)}. Dimension should be: {known.dimension}"
        raise illegal(f"failed to create query: {text_}")
    if known.space == "cosinesimil" and not any(given):
        raise illegal("zero vector is not supported when space type is [cosinesimil]")
    return given
