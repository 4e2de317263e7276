"""Plain values (what JSON can hold), told apart so that the type checker follows."""

from __future__ import annotations

from typing import Any, TypeGuard


def is_mapping(value: Any) -> TypeGuard[dict[str, Any]]:
    """Whether `value` is a JSON object."""
    return isinstance(value, dict)


def is_number(value: Any) -> TypeGuard[int | float]:
    """Whether `value` is a JSON number; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_list(value: Any) -> TypeGuard[list[Any]]:
    """Whether `value` is a JSON array."""
    return isinstance(value, list)
