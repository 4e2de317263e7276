"""The queries of the local Cosmos DB: fields and vector distances of items, by equality, the nearest first.

SELECT [TOP n] * | c.a [AS x], VectorDistance(c.v, @v) [AS y], ... FROM c
[WHERE c.a = @x AND c.b IN (@y, @z) AND STARTSWITH(c.d, @w) AND FullTextContainsAny(c.e, @u, @v)]
[ORDER BY VectorDistance(c.v, @v)]
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Final, NamedTuple

from serverless_ai_local.azure import full_text
from serverless_ai_local.azure.cosmos import Item, ItemError
from serverless_ai_local.azure.cosmos_vectors import Embedding, at
from serverless_ai_local.plain import is_list, is_number

_TOKEN: Final = re.compile(
    r"""\s*(?:(?P<word>[A-Za-z_]\w*)|(?P<parameter>@\w+)|(?P<text>"(?:[^"\\]|\\.)*")"""
    r"""|(?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|(?P<sign>[*(),.=\[\]]))"""
)
_MISSING: Final = object()
_TEXT_TESTS: Final = {"FULLTEXTCONTAINS": all, "FULLTEXTCONTAINSALL": all, "FULLTEXTCONTAINSANY": any}
_LITERALS: Final[Mapping[str, Any]] = {"TRUE": True, "FALSE": False, "NULL": None}


class Nearness(NamedTuple):
    """`VectorDistance(c.path, vector)`."""

    path: str
    vector: list[Any]


class Condition(NamedTuple):
    """What the value at `path` has to be."""

    path: str
    test: Callable[[Any], bool]


class Query(NamedTuple):
    top: int | None
    select: Mapping[str, str | Nearness] | None
    """Name in the result -> path, or distance; None: the whole item."""
    where: tuple[Condition, ...]
    order: Nearness | None

    @property
    def simple(self) -> bool:
        """Whether each partition can answer for itself, so that the gateway asks one after the other."""
        return self.top is None and self.order is None

    def run(self, items: Iterable[Item], embeddings: Mapping[str, Embedding]) -> list[dict[str, Any]]:
        """Exactly what was asked for: every item is looked at. Raises `ItemError`."""
        order, distances = self.order, list((self.select or {}).values())
        for one in [order, *distances]:
            if isinstance(one, Nearness):
                _check(one, embeddings)
        found = [item for item in items if all(one.test(at(item, one.path, _MISSING)) for one in self.where)]
        if order is not None:
            distance = embeddings[order.path].distance
            scored = [(_score(item, order, embeddings), item) for item in found]
            near = [(score, item) for score, item in scored if score is not None]
            near.sort(key=lambda one: one[0], reverse=distance.descending)
            found = [item for _, item in near]
        return [self._projected(item, embeddings) for item in found[: self.top]]

    def _projected(self, item: Item, embeddings: Mapping[str, Embedding]) -> dict[str, Any]:
        if self.select is None:
            return dict(item)
        values = {name: _value(item, what, embeddings) for name, what in self.select.items()}
        return {name: value for name, value in values.items() if value is not _MISSING}


def parse(body: Mapping[str, Any]) -> Query:
    """A request's body. Raises `ItemError` for what is not offered."""
    text, given = body.get("query"), body.get("parameters", [])
    if not isinstance(text, str) or not is_list(given):
        raise ItemError(400, "One of the specified inputs is invalid")
    try:
        parameters = {str(one["name"]): one["value"] for one in given}
        return _Parser(text, parameters).query()
    except (KeyError, TypeError, ValueError) as error:
        raise ItemError(400, f"the local Cosmos DB does not offer this query ({error}): {text}") from None


class _Parser:
    """Raises `ValueError`."""

    def __init__(self, text: str, parameters: Mapping[str, Any]) -> None:
        self._tokens = list(_tokens(text))
        self._parameters = parameters

    def query(self) -> Query:
        self._need("SELECT")
        top = self._count() if self._took("TOP") else None
        select = None if self._took("*") else self._fields()
        self._need("FROM")
        self._need("C")
        where = tuple(self._conditions()) if self._took("WHERE") else ()
        order = None
        if self._took("ORDER"):
            self._need("BY")
            order = self._nearness()
            if self._peek() in ("ASC", "DESC"):
                raise ValueError(
                    "Specifying a sorting order (ASC or DESC) with VectorDistance function is not supported."
                )
        if self._tokens:
            raise ValueError(f"near {self._tokens[0][1]}")
        return Query(top, select, where, order)

    def _fields(self) -> dict[str, str | Nearness]:
        fields: dict[str, str | Nearness] = {}
        while True:
            what = self._nearness() if self._peek() == "VECTORDISTANCE" else self._path()
            plain = what.rpartition("/")[2] if isinstance(what, str) else f"${len(fields) + 1}"
            fields[self._next("word") if self._took("AS") else plain] = what
            if not self._took(","):
                return fields

    def _conditions(self) -> Iterable[Condition]:
        while True:
            yield self._condition()
            if not self._took("AND"):
                return

    def _condition(self) -> Condition:
        for word, enough in _TEXT_TESTS.items():
            if self._took(word):
                path, *terms = self._arguments()
                return Condition(path, partial(_holds, enough, terms))
        if self._took("STARTSWITH"):
            self._need("(")
            path = self._path()
            self._need(",")
            prefix = self._value()
            self._need(")")
            if not isinstance(prefix, str):
                raise ValueError("STARTSWITH takes two texts")
            return Condition(path, partial(_begins, prefix))
        path = self._path()
        if self._took("="):
            wanted = [self._value()]
        else:
            self._need("IN")
            wanted = self._listed("(", ")")
        return Condition(path, partial(_one_of, wanted))

    def _arguments(self) -> list[Any]:
        """`(c.path, value, ...)`"""
        self._need("(")
        found: list[Any] = [self._path()]
        while self._took(","):
            found.append(self._value())
        self._need(")")
        return found

    def _nearness(self) -> Nearness:
        self._need("VECTORDISTANCE")
        self._need("(")
        path = self._path()
        self._need(",")
        vector = self._value()
        self._need(")")
        if not is_list(vector):
            raise ValueError("VectorDistance takes a path of c and an array")
        return Nearness(path, vector)

    def _path(self) -> str:
        self._need("C")
        words = list[str]()
        while self._took("."):
            words.append(self._next("word"))
        if not words:
            raise ValueError("fields are of the form c.field")
        return "/" + "/".join(words)

    def _count(self) -> int:
        value = self._value()
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise ValueError("TOP takes a whole number from 0 on")
        return value

    def _listed(self, begin: str, end: str) -> list[Any]:
        self._need(begin)
        values = [self._value()]
        while self._took(","):
            values.append(self._value())
        self._need(end)
        return values

    def _value(self) -> Any:
        if self._peek() == "[":
            return self._listed("[", "]")
        kind, text = self._tokens.pop(0) if self._tokens else ("end", "the end")
        if kind == "parameter":
            if text not in self._parameters:
                raise ValueError(f"the parameter {text} is not given")
            return self._parameters[text]
        if kind in ("number", "text"):
            return json.loads(text)
        if text.upper() in _LITERALS:
            return _LITERALS[text.upper()]
        raise ValueError(f"near {text}")

    def _peek(self) -> str:
        return self._tokens[0][1].upper() if self._tokens and self._tokens[0][0] != "text" else ""

    def _took(self, word: str) -> bool:
        if self._peek() != word:
            return False
        self._tokens.pop(0)
        return True

    def _need(self, word: str) -> None:
        if not self._took(word):
            raise ValueError(f"{word} is expected, near {self._tokens[0][1] if self._tokens else 'the end'}")

    def _next(self, kind: str) -> str:
        if not self._tokens or self._tokens[0][0] != kind:
            raise ValueError(f"a {kind} is expected")
        return self._tokens.pop(0)[1]


def _tokens(text: str) -> Iterable[tuple[str, str]]:
    position, end = 0, len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            raise ValueError(f"near {text[position : position + 20]!r}")
        yield match.lastgroup, match[match.lastgroup]
        position = match.end()


def _check(one: Nearness, embeddings: Mapping[str, Embedding]) -> None:
    embedding = embeddings.get(one.path)
    if embedding is None:
        raise ItemError(400, f"the local Cosmos DB needs a vector policy of the path {one.path}")
    if embedding.vector(one.vector) is None:
        what = f"{embedding.dimensions} numbers, as in the vector policy of {one.path}"
        raise ItemError(
            400, f"the local Cosmos DB compares with {what}; it was given {len(one.vector)} values"
        )


def _score(item: Item, what: Nearness, embeddings: Mapping[str, Embedding]) -> float | None:
    embedding = embeddings[what.path]
    vector = embedding.vector(at(item, what.path))
    return None if vector is None else embedding.distance.score(vector, what.vector)


def _value(item: Item, what: str | Nearness, embeddings: Mapping[str, Embedding]) -> Any:
    if isinstance(what, str):
        return at(item, what, _MISSING)
    score = _score(item, what, embeddings)
    return _MISSING if score is None else score


def _holds(enough: Callable[[Iterable[bool]], bool], terms: list[Any], value: object) -> bool:
    return enough(full_text.contains(value, str(term)) for term in terms)


def _begins(prefix: str, value: object) -> bool:
    return isinstance(value, str) and value.startswith(prefix)


def _one_of(wanted: list[Any], value: object) -> bool:
    """Equality of JSON: true is not 1."""
    return any(value == one and is_number(value) == is_number(one) for one in wanted)
