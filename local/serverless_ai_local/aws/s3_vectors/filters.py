"""Filters of QueryVectors on metadata: `{"year": {"$gte": 1900}, "kind": "map"}`, `$and`, `$or`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from serverless_ai_local.aws.api import ApiError
from serverless_ai_local.plain import is_list, is_mapping, is_number

Metadata = Mapping[str, Any]
Test = Callable[[Metadata], bool]
_MISSING: Final = object()


def parse(value: object, not_filterable: Collection[str]) -> Test:
    """Raises `ApiError` for what is no filter, and for a key that cannot be filtered by."""
    if not is_mapping(value) or not value:
        raise _refused("a filter must be an object with at least one condition")
    tests = [_condition(key, wanted, not_filterable) for key, wanted in value.items()]
    return lambda metadata: all(test(metadata) for test in tests)


def _condition(key: str, wanted: Any, not_filterable: Collection[str]) -> Test:
    if key in ("$and", "$or"):
        if not is_list(wanted) or not wanted:
            raise _refused(f"{key} must be a list of at least one filter")
        tests = [parse(one, not_filterable) for one in wanted]
        together = all if key == "$and" else any
        return lambda metadata: together(test(metadata) for test in tests)
    if key.startswith("$"):
        raise _refused(f"unknown operator {key}")
    if key in not_filterable:
        raise _refused(f"Invalid use of non-filterable metadata in filter: {key}")
    operators = wanted if is_mapping(wanted) else {"$eq": wanted}
    tests = [_test(key, name, operand) for name, operand in operators.items()]
    if not tests:
        raise _refused(f"{key} must have an operator")
    return lambda metadata: all(test(metadata) for test in tests)


def _test(key: str, operator: str, operand: Any) -> Test:
    if operator == "$exists":
        if not isinstance(operand, bool):
            raise _refused("$exists takes true or false")
        return lambda metadata: (key in metadata) is operand
    if operator in ("$in", "$nin"):
        if not is_list(operand) or not operand or not all(map(_plain, operand)):
            raise _refused(f"{operator} takes a list of at least one text, number or boolean")
        found = operator == "$in"
        return lambda metadata: any(_equal(metadata.get(key, _MISSING), one) for one in operand) is found
    if operator in ("$eq", "$ne"):
        if not _plain(operand):
            raise _refused(f"{operator} takes a text, a number or a boolean")
        same = operator == "$eq"
        return lambda metadata: _equal(metadata.get(key, _MISSING), operand) is same
    if operator in _ORDER:
        if not is_number(operand):
            raise _refused(f"{operator} takes a number")
        compare = _ORDER[operator]
        return lambda metadata: is_number(metadata.get(key)) and compare(metadata[key], operand)
    raise _refused(f"unknown operator {operator}")


_ORDER: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "$gt": lambda one, other: one > other,
    "$gte": lambda one, other: one >= other,
    "$lt": lambda one, other: one < other,
    "$lte": lambda one, other: one <= other,
}


def _plain(value: object) -> bool:
    return isinstance(value, str | bool) or is_number(value)


def _equal(value: Any, wanted: Any) -> bool:
    """A list has what one of its elements is. True is not 1 here."""
    if is_list(value):
        return any(_equal(one, wanted) for one in value)
    return isinstance(value, bool) is isinstance(wanted, bool) and value == wanted


def _refused(what: str) -> ApiError:
    return ApiError("ValidationException", f"Invalid query filter: {what}")
