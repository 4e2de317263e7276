"""One way to refuse a setting: the message names the field, the value and what is allowed."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

_WORDS: Mapping[Any, str] = {str: "text", int: "a whole number", bool: "true or false", NoneType: "null"}


def typed(owner: object) -> None:
    """Raise ValueError unless every field of the dataclass `owner` holds a value of its annotated type."""
    for field, kind in types_of(type(owner)).items():
        value = getattr(owner, field)
        if not _fits(value, kind):
            raise ValueError(f"{type(owner).__name__}.{field} must be {_describe(kind)}, got {value!r}")


def in_range(owner: object, field: str, low: int, high: int) -> None:
    """Raise ValueError unless the number `owner.field` is from `low` to `high`, both included."""
    value = getattr(owner, field)
    if not low <= value <= high:
        raise ValueError(f"{type(owner).__name__}.{field} must be {low} to {high}, got {value!r}")


def require(owner: object, field: str, allowed: str, *, when: bool) -> None:
    """Raise ValueError with `allowed` in its text unless `when` holds."""
    if not when:
        raise ValueError(f"{type(owner).__name__}.{field} must be {allowed}, got {getattr(owner, field)!r}")


@cache
def types_of(cls: type) -> dict[str, Any]:
    """Field -> type of a dataclass, resolved."""
    return get_type_hints(cls)


def members(kind: Any) -> tuple[Any, ...]:
    """The types of a union; a plain type is its only member."""
    return get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)


def _fits(value: Any, kind: Any) -> bool:
    return any(_is_a(value, member) for member in members(kind))


def _is_a(value: Any, kind: Any) -> bool:
    origin = get_origin(kind)
    if origin is tuple:
        item = get_args(kind)[0]
        return isinstance(value, tuple) and all(_fits(each, item) for each in value)  # pyright: ignore[reportUnknownVariableType]
    if origin is Mapping:
        return isinstance(value, Mapping) and all(isinstance(key, str) for key in value)  # pyright: ignore[reportUnknownVariableType]
    if kind is int:  # in Python True is an int; in settings it is a mistake
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, kind)


def _describe(kind: Any) -> str:
    return " or ".join(_word(member) for member in members(kind))


def _word(kind: Any) -> str:
    origin = get_origin(kind)
    if origin is tuple:
        return f"a tuple of {_describe(get_args(kind)[0])}"
    if origin is not None:
        return "a mapping with text keys"
    return _WORDS.get(kind) or str(kind.__name__)
