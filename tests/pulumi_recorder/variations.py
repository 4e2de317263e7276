"""Settings with one value changed, and what differs between two recordings for it."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import Any

from recorder import Recording


def leaves(settings: Any) -> set[str]:
    """`group.field` of every setting."""
    groups = {group.name: getattr(settings, group.name) for group in fields(settings)}
    assert all(is_dataclass(group) for group in groups.values()), groups
    return {f"{name}.{field.name}" for name, group in groups.items() for field in fields(group)}


def with_value(settings: Any, path: str, value: Any) -> Any:
    """`settings` with `value` at `path`: a group, or `group.field`."""
    group, _, field = path.partition(".")
    changed = replace(getattr(settings, group), **{field: value}) if field else value
    return replace(settings, **{group: changed})


def different(one: Recording, other: Recording) -> set[str]:
    """The last words of the types of resources that differ."""
    before, after = one.picture, other.picture
    keys = before.keys() | after.keys()
    return {kind.split(":")[-1] for kind, name in keys if before.get((kind, name)) != after.get((kind, name))}
