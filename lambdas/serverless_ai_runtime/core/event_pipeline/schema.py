"""Whether a value fits a JSON Schema: the words that forms need, without a library."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, cast


class UnknownWord(ValueError):
    """The schema uses a word of JSON Schema that is not known here."""


_TYPES: Final[Mapping[str, Callable[[Any], bool]]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "integer": lambda value: (
        (isinstance(value, int) or (isinstance(value, float) and value.is_integer()))
        and not isinstance(value, bool)
    ),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
}

_NOTES: Final = frozenset({"title", "description", "examples", "default", "format", "$schema", "$id"})
"""Words that say something to people and models only."""

_LIMITS: Final[Mapping[str, tuple[str, Callable[[Any, Any], bool], str]]] = {
    "minimum": ("number", lambda value, limit: value >= limit, "must be at least"),
    "maximum": ("number", lambda value, limit: value <= limit, "must be at most"),
    "minLength": ("string", lambda value, limit: len(value) >= limit, "must have a length of at least"),
    "maxLength": ("string", lambda value, limit: len(value) <= limit, "must have a length of at most"),
    "pattern": ("string", lambda value, limit: re.search(limit, value) is not None, "must match"),
    "minItems": (
        "array",
        lambda value, limit: len(value) >= limit,
        "must have a number of items of at least",
    ),
    "maxItems": ("array", lambda value, limit: len(value) <= limit, "must have a number of items of at most"),
}
_STRUCTURE: Final = frozenset(
    {"type", "enum", "const", "properties", "required", "items", "additionalProperties"}
)


def faults(value: Any, schema: Mapping[str, Any], path: str = "") -> list[str]:
    """What is wrong with `value`, each fault with its path; [] = it fits. Raises `UnknownWord`."""
    return list(_faults(value, schema, path))


def _faults(value: Any, schema: Mapping[str, Any], path: str) -> Iterator[str]:
    unknown = schema.keys() - _STRUCTURE - _NOTES - _LIMITS.keys()
    if unknown:
        known = ", ".join(sorted(_STRUCTURE | _LIMITS.keys()))
        raise UnknownWord(f"the JSON Schema uses {sorted(unknown)[0]!r}; known: {known}")
    where = path or "it"
    kinds = schema.get("type", list(_TYPES))
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if not any(_TYPES[kind](value) for kind in kinds):
        yield f"{where} must be of type {' or '.join(kinds)}"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{where} must be one of {schema['enum']}"
    if "const" in schema and value != schema["const"]:
        yield f"{where} must be {schema['const']!r}"
    for word, (kind, holds, text) in _LIMITS.items():
        if word in schema and _TYPES[kind](value) and not holds(value, schema[word]):
            yield f"{where} {text} {schema[word]}"
    if isinstance(value, dict):
        yield from _object(cast("dict[str, Any]", value), schema, path)
    if isinstance(value, list) and "items" in schema:
        for number, item in enumerate(cast("list[Any]", value)):
            yield from _faults(item, schema["items"], f"{path}[{number}]")


def _object(value: Mapping[str, Any], schema: Mapping[str, Any], path: str) -> Iterator[str]:
    properties: Mapping[str, Any] = schema.get("properties", {})
    for name in schema.get("required", ()):
        if name not in value:
            yield f"{path}.{name}".lstrip(".") + " is missing"
    further = schema.get("additionalProperties", True)
    for name, item in value.items():
        inner = f"{path}.{name}".lstrip(".")
        if name in properties:
            yield from _faults(item, properties[name], inner)
        elif further is False:
            yield f"{inner} is not a field of the form"
        elif isinstance(further, dict):
            yield from _faults(item, cast("dict[str, Any]", further), inner)
