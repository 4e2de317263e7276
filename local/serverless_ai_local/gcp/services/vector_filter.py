"""Filters of Vector Search 2.0 over fields that hold texts: what a filter lets through.

The operators are those of "Querying Collections for Data Objects", read 2026-11-27, but for the ones on
numbers and arrays: collections here have texts only.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from serverless_ai_local.gcp.errors import invalid, not_offered
from serverless_ai_local.plain import is_list, is_mapping

Test = Callable[[Mapping[str, str]], bool]
"""Data of an object -> whether it is let through."""

DEEPEST: Final = 2
"""Levels of $and and $or in each other: "Filter expressions cannot be nested deeper than two levels"."""
_JOINS: Final[Mapping[str, Callable[[Any], bool]]] = {"$and": all, "$or": any}
_ONE: Final = ("$eq", "$ne")
_MANY: Final = ("$in", "$nin")
_ELSEWHERE: Final = ("$gt", "$gte", "$lt", "$lte", "$all", "$search")


def parse(given: Any, fields: Collection[str], depth: int = 0) -> Test:
    """What a filter over these fields says; no filter lets everything through. Raises `RpcError`."""
    if given is None:
        return lambda data: True
    if not is_mapping(given) or len(given) != 1:
        raise invalid("filter: an expression must be an object of one field or operator")
    ((name, content),) = given.items()
    if name in _JOINS:
        if depth == DEEPEST:
            raise invalid(f"filter: expressions cannot be nested deeper than {DEEPEST} levels")
        if not is_list(content) or not content:
            raise invalid(f"filter: {name} needs a list of expressions")
        parts, join = [parse(one, fields, depth + 1) for one in content], _JOINS[name]
        return lambda data: join(part(data) for part in parts)
    if name not in fields:
        raise invalid(f"filter: field {name} is not in the data schema of the collection")
    return _condition(name, content)


def _condition(field: str, content: Any) -> Test:
    if not is_mapping(content) or len(content) != 1:
        raise invalid(f"filter: {field} needs an object of one operator")
    ((operator, wanted),) = content.items()
    if operator in _ELSEWHERE:
        raise not_offered(f"the operator {operator} in filters")
    if operator in _ONE and isinstance(wanted, str):
        return lambda data: (data.get(field) == wanted) == (operator == "$eq")
    if operator in _MANY and is_list(wanted) and all(isinstance(one, str) for one in wanted):
        among = frozenset(map(str, wanted))
        return lambda data: (data.get(field) in among) == (operator == "$in")
    raise invalid(f"filter: {field} cannot be {operator} {wanted!r}")
