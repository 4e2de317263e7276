"""One way to refuse a setting: the message names the field, the value and what is allowed."""

from __future__ import annotations


def in_range(owner: object, field: str, low: float, high: float) -> None:
    """Raise ValueError unless `owner.field` is a number from `low` to `high`, both included."""
    value = getattr(owner, field)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise ValueError(f"{type(owner).__name__}.{field} must be {low} to {high}, got {value!r}")


def require(owner: object, field: str, allowed: str, *, when: bool) -> None:
    """Raise ValueError with `allowed` in its text unless `when` holds."""
    if not when:
        raise ValueError(f"{type(owner).__name__}.{field} must be {allowed}, got {getattr(owner, field)!r}")
