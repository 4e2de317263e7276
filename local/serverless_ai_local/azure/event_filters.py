"""Whether an event passes the filter of a subscription. Texts are compared without regard to case."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from serverless_ai_local.plain import is_mapping, is_number

_MISSING: Final = object()
_KEYS: Final = (
    "includedEventTypes",
    "advancedFilters",
    "subjectBeginsWith",
    "subjectEndsWith",
    "isSubjectCaseSensitive",
)


def check(wanted: Mapping[str, Any]) -> None:
    """Raises `ValueError` naming what of a filter the local Event Grid would not act on."""
    for key, value in wanted.items():
        if key not in _KEYS:
            raise ValueError(
                f"the filter {key}={value!r} is not offered locally; there are {', '.join(_KEYS)}"
            )
    for condition in wanted.get("advancedFilters") or ():
        if condition.get("operatorType") not in _TESTS:
            known = ", ".join(_TESTS)
            raise ValueError(f"the operator {condition.get('operatorType')} is not offered locally: {known}")


def matches(wanted: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    """One of the included types if there are any, the subject's ends, and every advanced filter."""
    types = wanted.get("includedEventTypes")
    if types and str(event["type"]).lower() not in [str(one).lower() for one in types]:
        return False
    if not _subject_matches(wanted, str(event.get("subject", ""))):
        return False
    return all(_passes(one, event) for one in wanted.get("advancedFilters") or ())


def _subject_matches(wanted: Mapping[str, Any], subject: str) -> bool:
    begin, end = (str(wanted.get(key, "")) for key in ("subjectBeginsWith", "subjectEndsWith"))
    if not wanted.get("isSubjectCaseSensitive"):
        subject, begin, end = subject.lower(), begin.lower(), end.lower()
    return subject.startswith(begin) and subject.endswith(end)


def _passes(condition: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    value = _value(event, str(condition["key"]))
    return value is not _MISSING and _TESTS[condition["operatorType"]](value, condition)


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


def _number_at_most(value: Any, condition: Mapping[str, Any]) -> bool:
    return is_number(value) and value <= condition["value"]


def _bool_equals(value: Any, condition: Mapping[str, Any]) -> bool:
    return isinstance(value, bool) and value is condition["value"]


_TESTS: Final[Mapping[str, Callable[[Any, Mapping[str, Any]], bool]]] = {
    "BoolEquals": _bool_equals,
    "NumberIn": _number_in,
    "NumberLessThanOrEquals": _number_at_most,
    "StringBeginsWith": _texts(str.startswith),
    "StringEndsWith": _texts(str.endswith),
    "StringIn": _texts(str.__eq__),
}
