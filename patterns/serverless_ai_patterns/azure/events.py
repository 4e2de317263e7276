"""How events reach a function on Azure, when they are given up, and which ones pass a filter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple, cast

from serverless_ai_runtime.config import AZURE_DEAD_LETTERS

EVENTS: Final = "events"
"""The queue that the function takes events from."""
DEAD_LETTERS: Final = EVENTS + AZURE_DEAD_LETTERS
"""Where a message is put that failed too often."""
RESULTS: Final = "results"
UNDELIVERED: Final = "undelivered"
"""The container of events that Event Grid could not put into the queue."""

EVENT_AGE_MINUTES: Final = 60
"""An event that could not be delivered for so long is dead: a daily summary is worth nothing a day later."""
DELIVERIES: Final = 10
"""Attempts of Event Grid to put an event into the queue within its age (1 to 30)."""

LONGEST_AGE_MINUTES: Final = 1440
MOST_DELIVERIES: Final = 30
"""What Event Grid allows at most, for events that stand for documents."""

MOST_CONDITIONS: Final = 25
"""Advanced filters, and values in all of them together, that one subscription takes.
Source: https://learn.microsoft.com/azure/event-grid/event-filtering#limitations, read 2026-11."""


class Condition(NamedTuple):
    """An advanced filter: the field `key` of an event has one of `values`, by Event Grid's `operator`."""

    key: str
    operator: str
    values: tuple[Any, ...]


class EventFilter(NamedTuple):
    """What a subscription lets through: events of one of `types` (empty: of any) that meet all conditions."""

    types: tuple[str, ...] = ()
    conditions: tuple[Condition, ...] = ()
    begins_with: str = ""
    """How subjects begin, with regard to case."""
    ends_with: str = ""


_KEYS: Final = ("source", "detail-type", "detail")
_OPERATORS: Final = {"prefix": "StringBeginsWith", "suffix": "StringEndsWith"}
_VALUES: Final = 'a text, a number, true, false, {"prefix": text} or {"suffix": text}'


def event_filter(pattern: Mapping[str, Any], setting: str = "events.bus_filter") -> EventFilter:
    """An EventBridge pattern for CloudEvents: `detail-type` is their type, `detail` their data.

    Texts are compared without regard to case, as Event Grid does. Raises ValueError naming the `setting` and
    the key of what Event Grid cannot express.
    """
    try:
        return _filter(pattern)
    except _CannotBeSaid as error:
        raise ValueError(f"{setting} has {error}") from None


def attributes_filter(attributes: Mapping[str, Any], key: str, setting: str) -> EventFilter:
    """Events that have one of the texts for each of the attributes, which are under `key`."""
    conditions = [Condition(f"{key}.{name}", "StringIn", tuple(texts)) for name, texts in attributes.items()]
    try:
        return EventFilter(conditions=_few(conditions))
    except _CannotBeSaid as error:
        raise ValueError(f"{setting} has {error}") from None


class _CannotBeSaid(Exception):
    pass


def _few(conditions: list[Condition]) -> tuple[Condition, ...]:
    """`conditions`, if one subscription takes as many."""
    values = sum(len(condition.values) for condition in conditions)
    if max(values, len(conditions)) > MOST_CONDITIONS:
        raise _CannotBeSaid(f"{values} values; Event Grid takes {MOST_CONDITIONS}")
    return tuple(conditions)


def _filter(pattern: Mapping[str, Any]) -> EventFilter:
    for key in pattern:
        if key not in _KEYS:
            raise _refusal(key, f"which Azure cannot match; allowed: {', '.join(_KEYS)}")
    types = _types(pattern["detail-type"]) if "detail-type" in pattern else ()
    conditions: list[Condition] = []
    if "source" in pattern:
        conditions.append(_condition("source", "source", pattern["source"]))
    if "detail" in pattern:
        conditions += _nested("detail", "data", pattern["detail"])
    return EventFilter(types, _few(conditions))


def _types(allowed: Any) -> tuple[str, ...]:
    condition = _condition("detail-type", "type", allowed)
    if condition.operator != "StringIn":
        raise _refusal("detail-type", "which on Azure must be a list of whole event types")
    return condition.values


def _nested(path: str, key: str, pattern: Any) -> list[Condition]:
    if not isinstance(pattern, Mapping):
        return [_condition(path, key, pattern)]
    fields = cast("Mapping[str, Any]", pattern)
    return [c for name, inner in fields.items() for c in _nested(f"{path}.{name}", f"{key}.{name}", inner)]


def _condition(path: str, key: str, allowed: Any) -> Condition:
    if not isinstance(allowed, list) or not allowed:
        raise _refusal(path, f"which must be a list of at least one value, got {allowed!r}")
    tests = [_test(path, value) for value in cast("list[Any]", allowed)]
    operators = {operator for operator, _ in tests}
    if len(operators) > 1:
        raise _refusal(
            path, f"which mixes {', '.join(sorted(operators))}; Event Grid takes one of them a key"
        )
    operator = operators.pop()
    values = tuple(value for _, value in tests)
    if operator == "BoolEquals" and len(values) > 1:
        raise _refusal(path, "which lets through true and false alike")
    return Condition(key, operator, values)


def _test(path: str, value: Any) -> tuple[str, Any]:
    """Operator and value of one alternative of a pattern."""
    if isinstance(value, str):
        return "StringIn", value
    if isinstance(value, bool):
        return "BoolEquals", value
    if isinstance(value, int | float):
        return "NumberIn", value
    if isinstance(value, Mapping):
        (operator, text), *others = cast("Mapping[str, Any]", value).items() or [("", None)]
        if operator in _OPERATORS and isinstance(text, str) and not others:
            return _OPERATORS[operator], text
    raise _refusal(path, f"in which {value!r} cannot be matched; on Azure a value is {_VALUES}")


def _refusal(path: str, why: str) -> _CannotBeSaid:
    return _CannotBeSaid(f"{path}, {why}")
