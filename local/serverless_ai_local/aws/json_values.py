"""Kinds of JSON values, as tests that the type checker understands."""

from __future__ import annotations

from typing import Any, TypeGuard


def is_object(value: Any) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict)


def is_array(value: Any) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


def is_number(value: Any) -> TypeGuard[int | float]:
    """True and false are no numbers in JSON."""
    return isinstance(value, int | float) and not isinstance(value, bool)
