"""Whether an event passes the filter of a subscription. Texts are compared without regard to case."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from serverless_ai_local.plain import is_mapping, is_number

_MISSING: Final = object()


def matches(wanted: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    """One of the included types if there are any, and every advanced filter. Raises `ValueError` for others."""
    for key in wanted:
        if key not in ("includedEventTypes", "advancedFilters"):
            raise ValueError(f"the filter {key} is not offered by the local Event Grid")
    types = wanted.get("includedEventTypes")
    if types and str(event["type"]).lower() not in [str(one).lower() for one in types]:
        return False
    return all(_passes(one, event) for one in wanted.get("advancedFilters") or ())


def _passes(condition: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    test = _TESTS.get(str(condition.get("operatorType")))
    if test is None:
        known = ", ".join(_TESTS)
        raise ValueError(
            f"the operator {condition.get('operatorType')} is not offered locally; there are {known}"
        )
    value = _value(event, str(condition["key"]))
    return value is not _MISSING and test(value, condition)


def _value(event: Mapping[str, Any], key: str) -> Any:
    found: Any = event
    for part in key.split("."):
        if not is_mapping(found):
            return _MISSING
        lower = {name.lower(): value for name, value in found.items()}
        if part.lower() not in lower:
            return _MISSING
        found = lower[part.lower()]
    return found


def _texts(test: Callable[[str, str], bool]) -> Callable[[Any, Mapping[str, Any]], bool]:
    def any_of(value: Any, condition: Mapping[str, Any]) -> bool:
        if not isinstance(value, str):
            return False
        return any(test(value.lower(), str(one).lower()) for one in condition["values"])

    return any_of


def _number_in(value: Any, condition: Mapping[str, Any]) -> bool:
    return is_number(value) and any(value == one for one in condition["values"])


def _bool_equals(value: Any, condition: Mapping[str, Any]) -> bool:
    return isinstance(value, bool) and value is condition["value"]


_TESTS: Final[Mapping[str, Callable[[Any, Mapping[str, Any]], bool]]] = {
    "BoolEquals": _bool_equals,
    "NumberIn": _number_in,
    "StringBeginsWith": _texts(str.startswith),
    "StringEndsWith": _texts(str.endswith),
    "StringIn": _texts(str.__eq__),
}
