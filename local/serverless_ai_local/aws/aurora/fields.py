"""Values of the Data API: parameters as pg8000 takes them, rows and columns as the service gives them."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any, Final

from serverless_ai_local.aws.api import ApiError
from serverless_ai_local.plain import is_list

_TAKEN: Final = {
    "stringValue": 1043,
    "longValue": 20,
    "doubleValue": 701,
    "booleanValue": 16,
    "blobValue": 17,
    "isNull": 0,
}
"""Kinds of a parameter -> PostgreSQL's type."""
_BYTEA: Final = 17
_KINDS: Final = {
    16: "booleanValue",
    _BYTEA: "blobValue",
    **dict.fromkeys((20, 21, 23, 26), "longValue"),
    **dict.fromkeys((700, 701), "doubleValue"),
}
"""PostgreSQL's type -> kind of a field; of any other it is a text."""
_NAMES: Final = {
    16: "bool",
    17: "bytea",
    20: "int8",
    21: "int2",
    23: "int4",
    25: "text",
    700: "float4",
    701: "float8",
}
_TYPES: Final = {16: -7, 17: -2, 20: -5, 21: 5, 23: 4, 25: 12, 700: 7, 701: 8}
"""Of JDBC, by PostgreSQL's."""


def bound(given: Sequence[Mapping[str, Any]]) -> tuple[dict[str, Any], dict[str, int]]:
    """Parameters by name, and PostgreSQL's types of them: a text is one, and no number or array.

    Raises `ApiError` for what the service, or the local one, does not take.
    """
    values: dict[str, Any] = {}
    types: dict[str, int] = {}
    for one in given:
        field: Mapping[str, Any] = one.get("value") or {}
        if "arrayValue" in field:
            raise ApiError("BadRequestException", "Array parameters are not supported.")
        if len(field) != 1 or next(iter(field)) not in _TAKEN:
            text = f"parameter {one.get('name')} must have one value, of {', '.join(_TAKEN)}"
            raise ApiError("BadRequestException", text)
        if "typeHint" in one:
            raise ApiError("BadRequestException", f"the local Data API takes no type hint {one['typeHint']}")
        [(kind, value)] = field.items()
        name = str(one["name"])
        values[name], types[name] = None if kind == "isNull" else value, _TAKEN[kind]
    return values, types


def fields(row: Sequence[Any], columns: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A row as fields."""
    return [_field(value, int(column["type_oid"])) for value, column in zip(row, columns, strict=True)]


def metadata(column: Mapping[str, Any]) -> dict[str, Any]:
    """What a client may want to know of a column."""
    kind = int(column["type_oid"])
    name = str(column["name"])
    return {
        "name": name,
        "label": name,
        "type": _TYPES.get(kind, 1111),
        "typeName": _NAMES.get(kind, "unknown"),
    }


def _field(value: Any, kind: int) -> dict[str, Any]:
    if value is None:
        return {"isNull": True}
    if is_list(value):
        return {"arrayValue": _array(value)}
    if kind == _BYTEA:
        value = base64.b64encode(value).decode()
    name = _KINDS.get(kind, "stringValue")
    return {name: str(value) if name == "stringValue" else value}


def _array(values: list[Any]) -> dict[str, Any]:
    """By the kind of what is in it."""
    for kind, name in (
        (bool, "booleanValues"),
        (int, "longValues"),
        (float, "doubleValues"),
        (str, "stringValues"),
    ):
        if all(isinstance(one, kind) or one is None for one in values):
            return {name: values}
    raise ApiError("UnsupportedResultException", "the local Data API has no arrays of such values")
