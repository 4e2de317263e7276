"""Full-text search of the local Cosmos DB: policies of containers, and ranked queries with their plans.

A query that ends in ORDER BY RANK FullTextScore is planned: whoever asks runs the plan's query of counts,
puts these into its query of items, and runs that. Forms: azure-cosmos-dotnet-v3, `QueryPlanBaselineTests`,
read 2026-11-27. Stemming and stop words, which the service has, are not here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from serverless_ai_local.azure import cosmos_query, full_text
from serverless_ai_local.azure.cosmos import Item, ItemError
from serverless_ai_local.azure.cosmos_vectors import CONTAINER, at, capabilities
from serverless_ai_local.azure.estate import Estate, Resource

CAPABILITY: Final = "EnableNoSQLFullTextSearch"
LANGUAGES: Final = ("en-US", "de-DE", "es-ES", "fr-FR", "it-IT", "pt-BR", "pt-PT")
"""From memory on 2026-11-27."""
MOST_HELD: Final = 120
"""Items that a plan asks each partition for, at least."""

_FIELD: Final = r"c(?:\.\w+)+"
_TERM: Final = r"""(?:@\w+|"(?:[^"\\]|\\.)*")"""
_TERMS: Final = rf"{_TERM}(?:, {_TERM})*"
_RANKED: Final = re.compile(
    rf"SELECT TOP (?P<top>\d+) (?P<fields>\*|{_FIELD}(?:, {_FIELD})*) FROM c(?: WHERE (?P<where>.+))? "  # noqa: S608 - a pattern
    rf"ORDER BY RANK FullTextScore\((?P<path>{_FIELD}), (?P<terms>{_TERMS})\)"
)
_COUNTS: Final = re.compile(
    r'SELECT COUNT\(1\) AS documentCount, \[\{"totalWordCount": '
    rf"SUM\(_FullTextWordCount\((?P<path>{_FIELD})\)\), "
    r'"hitCounts": \[(?P<hits>.*)\]\}\] AS fullTextStatistics\nFROM c'
)
_HIT: Final = re.compile(rf"COUNTIF\(FullTextContains\({_FIELD}, ({_TERM})\)\)")
_SCORE: Final = (
    rf"_FullTextScore\((?P<path>{_FIELD}), \[(?P<terms>{_TERMS})\], "
    r"(?P<documents>\d+), (?P<words>\d+), (?P<hits>\[[\d, ]*\])\)"
)
_SEARCH: Final = re.compile(
    rf'SELECT TOP (?P<top>\d+) c\._rid, \[\{{"item": {_SCORE}\}}\] AS orderByItems, '
    r'\{"payload": (?P<payload>c|\{[^{}]*\}), "componentScores": \[\]\} AS payload\nFROM c\n'
    r"WHERE (?P<where>.+)\nORDER BY _FullTextScore\(.*\) DESC"
)
_INNER: Final = re.compile(r"\(\((.+)\) AND \(true\)\)")
_PAYLOAD: Final = re.compile(rf'"(\w+)": ({_FIELD})')
_PLACES: Final = (
    "{documentdb-formattablehybridsearchquery-totaldocumentcount}",
    "{documentdb-formattablehybridsearchquery-totalwordcount-0}",
    "{documentdb-formattablehybridsearchquery-hitcountsarray-0}",
)
_FILTER: Final = "{documentdb-formattableorderbyquery-filter}"


def plan(container: Resource, body: Mapping[str, Any]) -> dict[str, Any]:
    """How a ranked query is to be run. Raises `ItemError`."""
    text = str(body.get("query", ""))
    found = _RANKED.fullmatch(text)
    if found is None:
        raise ItemError(400, f"the local Cosmos DB does not plan this query: {text}")
    path, terms = found["path"], found["terms"]
    _indexed(container, path)
    _where(found["where"], body)
    score = f"_FullTextScore({path}, [{terms}], {', '.join(_PLACES)})"
    hits = ", ".join(f"COUNTIF(FullTextContains({path}, {term}))" for term in re.findall(_TERM, terms))
    fields = found["fields"].split(", ")
    payload = "c" if fields == ["*"] else f"{{{', '.join(_named(one) for one in fields)}}}"
    where = f"(({found['where']}) AND ({_FILTER}))" if found["where"] else f"({_FILTER})"
    top = max(int(found["top"]), MOST_HELD)
    component = {
        "distinctType": "None",
        "top": top,
        "orderBy": ["Descending"],
        "orderByExpressions": [score],
        "rewrittenQuery": f'SELECT TOP {top} c._rid, [{{"item": {score}}}] AS orderByItems, '
        f'{{"payload": {payload}, "componentScores": []}} AS payload\nFROM c\nWHERE {where}\n'
        f"ORDER BY {score} DESC",
        "hasNonStreamingOrderBy": True,
    }
    counts = (
        f'SELECT COUNT(1) AS documentCount, [{{"totalWordCount": SUM(_FullTextWordCount({path})), '
        f'"hitCounts": [{hits}]}}] AS fullTextStatistics\nFROM c'
    )
    info = {
        "globalStatisticsQuery": counts,
        "componentQueryInfos": [component],
        "componentWeights": [],
        "take": int(found["top"]),
        "skip": None,
        "requiresGlobalStatistics": True,
    }
    everything = {"min": "", "max": "FF", "isMinInclusive": True, "isMaxInclusive": False}
    return {
        "partitionedQueryExecutionInfoVersion": 2,
        "hybridSearchQueryInfo": info,
        "queryRanges": [everything],
    }


def is_ranked(body: Mapping[str, Any]) -> bool:
    """Whether a query has to be planned."""
    return _RANKED.fullmatch(str(body.get("query", ""))) is not None


def run(container: Resource, body: Mapping[str, Any], items: Sequence[Item]) -> list[dict[str, Any]] | None:
    """What a query of a plan gives; None for a query that is of none. Raises `ItemError`."""
    text = str(body.get("query", ""))
    counts, search = _COUNTS.fullmatch(text), _SEARCH.fullmatch(text)
    if counts is not None:
        terms = _values(_HIT.findall(counts["hits"]), body)
        counted = full_text.count(_texts(items, counts["path"]), terms)
        words = {"totalWordCount": counted.words, "hitCounts": list(counted.hits)}
        return [{"documentCount": len(items), "fullTextStatistics": [words]}]
    return None if search is None else _searched(container, body, items, search)


def _searched(
    container: Resource, body: Mapping[str, Any], items: Sequence[Item], search: re.Match[str]
) -> list[dict[str, Any]]:
    _indexed(container, search["path"])
    terms = _values(re.findall(_TERM, search["terms"]), body)
    given = full_text.Counts(int(search["documents"]), int(search["words"]), json.loads(search["hits"]))
    if len(given.hits) != len(terms):
        raise ItemError(400, "there is not one hit count for each term")
    inner = _INNER.fullmatch(search["where"])
    found = _where(inner[1] if inner else None, body).run(items, {})
    path = _slashed(search["path"])
    scored = [(full_text.score(str(at(one, path, "")), terms, given), one) for one in found]
    scored.sort(key=lambda one: -one[0])
    return [
        {
            "_rid": one.get("_rid", one["id"]),
            "orderByItems": [{"item": score}],
            "payload": {"payload": _payload(search["payload"], one), "componentScores": []},
        }
        for score, one in scored[: int(search["top"])]
    ]


class TextPolicies:
    """What the resource manager asks before a container is made or changed."""

    def __init__(self, estate: Estate) -> None:
        self._estate = estate

    def check(self, made: Resource) -> None:
        """Raises `ValueError`, in our words: the service's are not known."""
        if made.kind != CONTAINER:
            return
        paths, indexes = _paths(made), _indexes(made)
        if (paths or indexes) and CAPABILITY not in capabilities(self._estate, made):
            raise ValueError(f"a full-text policy needs the capability {CAPABILITY} of the account")
        for one in paths:
            if one.get("language") not in LANGUAGES:
                allowed = ", ".join(LANGUAGES)
                raise ValueError(f"a full-text path has a language of {allowed}, not {one.get('language')!r}")
        for path in indexes:
            if path not in [one.get("path") for one in paths]:
                raise ValueError(f"the full-text index {path} is of no path of the full-text policy")


def _paths(container: Resource) -> list[dict[str, Any]]:
    return container.part("resource", "fullTextPolicy").get("fullTextPaths") or []


def _indexes(container: Resource) -> list[str]:
    listed: list[dict[str, Any]] = container.part("resource", "indexingPolicy").get("fullTextIndexes") or []
    return [str(one.get("path")) for one in listed]


def _indexed(container: Resource, field: str) -> None:
    if _slashed(field) not in _indexes(container):
        raise ItemError(
            400, f"the local Cosmos DB ranks by paths with a full-text index only, not by {field}"
        )


def _where(text: str | None, body: Mapping[str, Any]) -> cosmos_query.Query:
    query = "SELECT * FROM c" + (f" WHERE {text}" if text else "")  # noqa: S608 - asked by its owner
    return cosmos_query.parse({**body, "query": query})


def _values(terms: Sequence[str], body: Mapping[str, Any]) -> list[str]:
    given = {one["name"]: one["value"] for one in body.get("parameters", ())}
    try:
        return [str(given[term] if term.startswith("@") else json.loads(term)) for term in terms]
    except KeyError as error:
        raise ItemError(400, f"the parameter {error} is not given") from None


def _texts(items: Sequence[Item], field: str) -> list[str]:
    values = (at(item, _slashed(field)) for item in items)
    return [value for value in values if isinstance(value, str)]


def _payload(text: str, item: Item) -> dict[str, Any]:
    if text == "c":
        return dict(item)
    return {name: at(item, _slashed(field)) for name, field in _PAYLOAD.findall(text)}


def _named(field: str) -> str:
    return f'"{field.rpartition(".")[2]}": {field}'


def _slashed(field: str) -> str:
    return "/" + field.removeprefix("c.").replace(".", "/")
