"""Searches of the local AI Search: its filters, its simple query syntax, exact vector search and BM25.

Whatever else the service has is refused by its name.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from serverless_ai_local.azure import full_text
from serverless_ai_local.azure.calls import ServiceFault
from serverless_ai_local.azure.search_index import Index, bad
from serverless_ai_local.plain import is_list, is_mapping, is_number

Document = Mapping[str, Any]
PAGE: Final = 50
MOST_HITS: Final = 1000
MOST_CLAUSES: Final = 3000
_KNOWN: Final = frozenset(
    ("search", "queryType", "searchMode", "searchFields", "filter", "select", "top", "skip", "vectorQueries",
     "vectorFilterMode")
)  # fmt: skip
_VECTOR_KNOWN: Final = frozenset(("kind", "vector", "fields", "k", "exhaustive"))
_CLAUSE: Final = re.compile(
    r"(?P<field>\w+) eq '(?P<value>(?:[^']|'')*)'"
    r"|search\.in\((?P<among>\w+), ?'(?P<values>(?:[^']|'')*)', ?'(?P<sign>(?:[^']|'')+)'\)"
)
_OPERATORS: Final = '+|"()-*'


def search(index: Index, asked: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The documents that are found, as they are answered. Raises `ServiceFault`."""
    unknown = sorted(asked.keys() - _KNOWN)
    if unknown:
        raise ServiceFault(501, "NotImplemented", f"{unknown[0]} of a search is not offered locally")
    passes = _filter(index, str(asked.get("filter") or ""))
    selected = _selected(index, str(asked.get("select") or "*"))
    top, skip = _whole(asked, "top", PAGE), _whole(asked, "skip", 0)
    if top > MOST_HITS:
        raise bad(f"Value of top is {top}, and at most {MOST_HITS}")
    documents = [one for one in index.all() if passes(one)]
    text: Any = asked.get("search")
    vectors: Any = asked.get("vectorQueries")
    if vectors and text not in (None, ""):
        raise ServiceFault(501, "NotImplemented", "hybrid searches are not offered locally")
    if vectors:
        scored = _nearest(index, documents, vectors, str(asked.get("vectorFilterMode", "preFilter")))
    else:
        scored = _texts(index, documents, asked)
    scored.sort(key=lambda one: -one[0])
    return [
        {"@search.score": score, **{name: one.get(name) for name in selected}}
        for score, one in scored[skip : skip + top]
    ]


def _nearest(
    index: Index, documents: list[dict[str, Any]], queries: object, mode: str
) -> list[tuple[float, Document]]:
    if not is_list(queries) or len(queries) != 1 or not is_mapping(queries[0]):
        raise ServiceFault(501, "NotImplemented", "the local AI Search has one vector query in a search")
    (query,) = queries
    unknown = sorted(query.keys() - _VECTOR_KNOWN)
    if unknown or query.get("kind") != "vector" or mode != "preFilter":
        what = unknown[0] if unknown else f"the kind {query.get('kind')} or the filter mode {mode}"
        raise ServiceFault(501, "NotImplemented", f"{what} of a vector query is not offered locally")
    field, vector = index.fields.get(str(query.get("fields"))), query.get("vector")
    if field is None or not field.dimensions:
        raise bad(f"Unknown vector field '{query.get('fields')}' in the vector query")
    if not is_list(vector) or len(vector) != field.dimensions or not all(map(is_number, vector)):
        raise bad(
            f"The vector query's length does not match the dimension {field.dimensions} of '{field.name}'"
        )
    near = [(_score(vector, one[field.name]), one) for one in documents if one.get(field.name) is not None]
    near.sort(key=lambda one: -one[0])
    return list(near[: _whole(query, "k", PAGE)])


def _score(one: list[float], other: list[float]) -> float:
    """1 / (1 + distance), as the service gives it for the metric cosine."""
    size = math.hypot(*one) * math.hypot(*other)
    cosine = math.fsum(a * b for a, b in zip(one, other, strict=True)) / size if size else 0.0
    return 1 / (2 - cosine)


def _texts(
    index: Index, documents: list[dict[str, Any]], asked: Mapping[str, Any]
) -> list[tuple[float, Document]]:
    if asked.get("queryType", "simple") != "simple" or asked.get("searchMode", "any") != "any":
        raise ServiceFault(
            501, "NotImplemented", "the local AI Search has the query type simple, and any mode"
        )
    text = asked.get("search")
    if text in (None, "", "*"):
        return [(1.0, one) for one in documents]
    if not isinstance(text, str):
        raise bad("'search' is a text")
    named = str(asked.get("searchFields") or "")
    names = named.split(",") if named else index.texts
    for name in names:
        if name not in index.fields or not index.fields[name].searchable or index.fields[name].dimensions:
            raise bad(f"The field '{name}' in the search field list is not searchable.")
    terms = list(dict.fromkeys(full_text.words(_plain(text))))
    if len(terms) * len(names) > MOST_CLAUSES:
        message = f"Failed to execute query because it exceeded the maximum clause limit of {MOST_CLAUSES}."
        raise ServiceFault(400, "ClauseLimitExceeded", message)
    found = list[tuple[float, Document]]()
    everything = index.all()
    counted = {
        name: full_text.count((str(one.get(name) or "") for one in everything), terms) for name in names
    }
    for one in documents:
        score = sum(full_text.score(str(one.get(name) or ""), terms, counted[name]) for name in names)
        if score > 0:
            found.append((score, one))
    return found


def _plain(text: str) -> str:
    """What is searched for, without backslashes. An operator is refused: nothing here would act on it."""
    plain, escaped = "", False
    for sign in text:
        if not escaped and sign == "\\":
            escaped = True
            continue
        if not escaped and sign in _OPERATORS:
            raise ServiceFault(501, "NotImplemented", f"the operator {sign} is not offered locally")
        plain += sign
        escaped = False
    return plain


def _filter(index: Index, text: str) -> Callable[[Document], bool]:
    """`field eq 'text'` and `search.in(field, 'a|b', '|')`, and `and` between them."""
    clauses = list[tuple[str, list[str]]]()
    position = 0
    while position < len(text):
        match = _CLAUSE.match(text, position)
        if match is None:
            raise bad(
                f"Invalid expression: the local AI Search does not understand {text[position:]!r}\n{text}"
            )
        position = match.end()
        if text[position:] and not text.startswith(" and ", position):
            raise bad(
                f"Invalid expression: the local AI Search does not understand {text[position:]!r}\n{text}"
            )
        position += len(" and ") if text[position:] else 0
        name = match["field"] or match["among"]
        if name not in index.fields or not index.fields[name].filterable:
            raise bad(f"Invalid expression: '{name}' is not a filterable field.")
        values = [_unquoted(match["value"] or "")]
        if match["among"]:
            values = re.split(f"[{re.escape(_unquoted(match['sign']))}]", _unquoted(match["values"]))
        clauses.append((name, values))
    return lambda one: all(one.get(name) in values for name, values in clauses)


def _unquoted(text: str) -> str:
    return text.replace("''", "'")


def _selected(index: Index, text: str) -> list[str]:
    allowed = [one.name for one in index.fields.values() if one.retrievable]
    if text == "*":
        return allowed
    names = [one.strip() for one in text.split(",")]
    for name in names:
        if name not in allowed:
            raise bad(f"Invalid expression: '{name}' is not a retrievable field of the index")
    return names


def _whole(asked: Mapping[str, Any], name: str, usual: int) -> int:
    value = asked.get(name, usual)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise bad(f"'{name}' is a whole number from 0 on")
    return value
