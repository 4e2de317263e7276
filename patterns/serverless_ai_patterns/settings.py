"""Settings as plain data: what JSON or YAML holds -> settings of a pattern, and back.

A group of settings is a mapping. A field that may be one of several groups is a mapping with one key, the
group's name: `auth: {iam: {}}` or `auth: {jwt: {issuer: ..., audience: [...]}}`. A tuple is a list.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from difflib import get_close_matches
from types import NoneType
from typing import Any, TypeVar, cast, get_origin

from serverless_ai_patterns.validation import members, types_of

Settings = TypeVar("Settings")


def from_mapping(cls: type[Settings], data: Mapping[str, Any], path: str = "settings") -> Settings:
    """Settings of class `cls` from plain data; what is not named keeps its default.

    Raises ValueError with the full path of the field, what it got and what is allowed.
    """
    _check_mapping(data, path)
    kinds = types_of(cls)
    for key in data:
        if key not in kinds:
            raise ValueError(f"{path}.{key} is not a setting{_hint(str(key), kinds)}")
    for field in fields(cast(Any, cls)):
        if field.name not in data and field.default is MISSING and field.default_factory is MISSING:
            raise ValueError(f"{path}.{field.name} is missing; {path} needs it")
    values = {name: _read(value, kinds[name], f"{path}.{name}") for name, value in data.items()}
    try:
        return cls(**values)
    except ValueError as error:
        raise ValueError(str(error).replace(f"{cls.__name__}.", f"{path}.", 1)) from None


def to_mapping(settings: object) -> dict[str, Any]:
    """Plain data that `from_mapping` turns back into equal settings."""
    kinds = types_of(type(settings))
    return {name: _write(getattr(settings, name), kind) for name, kind in kinds.items()}


def _read(value: Any, kind: Any, path: str) -> Any:
    groups = {} if _left_out(value, kind) else _groups(kind)
    if len(groups) > 1:
        return _read_one_of(value, groups, path)
    if groups:
        return from_mapping(next(iter(groups.values())), value, path)
    wants_tuple = any(get_origin(member) is tuple for member in members(kind))
    # Every other type is left to the class that the value is for.
    return tuple(cast("list[Any]", value)) if wants_tuple and isinstance(value, list) else value


def _left_out(value: Any, kind: Any) -> bool:
    return value is None and NoneType in members(kind)


def _read_one_of(value: Any, groups: Mapping[str, type[Any]], path: str) -> Any:
    _check_mapping(value, path)
    names = list(cast(Mapping[str, Any], value))
    if len(names) != 1:
        raise ValueError(f"{path} must have exactly one key of {', '.join(groups)}; got {names or 'none'}")
    name = names[0]
    if name not in groups:
        raise ValueError(f"{path}.{name} is not a choice{_hint(str(name), groups)}")
    return from_mapping(groups[name], value[name], f"{path}.{name}")


def _write(value: Any, kind: Any) -> Any:
    if is_dataclass(value):
        plain = to_mapping(value)
        return {_key(type(value)): plain} if len(_groups(kind)) > 1 else plain
    return list(cast("tuple[Any, ...]", value)) if isinstance(value, tuple) else value


def _groups(kind: Any) -> dict[str, type[Any]]:
    classes = cast("list[type[Any]]", [member for member in members(kind) if is_dataclass(member)])
    return {_key(cls): cls for cls in classes}


def _key(cls: type[Any]) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()


def _check_mapping(value: Any, path: str) -> None:
    if not isinstance(value, Mapping):
        raise ValueError(f"{path} must be a mapping, got {value!r}")


def _hint(name: str, known: Mapping[str, Any]) -> str:
    near = get_close_matches(name, known, n=1)
    return f"{f', did you mean {near[0]}?' if near else ';'} allowed: {', '.join(known) or 'nothing'}"
