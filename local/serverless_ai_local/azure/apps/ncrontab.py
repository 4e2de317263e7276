"""NCRONTAB expressions of timer triggers: when is the next turn?"""

from __future__ import annotations

import functools
from datetime import UTC, datetime, timedelta
from typing import Final

_FIELDS: Final = (
    ("second", 0, 59),
    ("minute", 0, 59),
    ("hour", 0, 23),
    ("day", 1, 31),
    ("month", 1, 12),
    ("day of the week", 0, 6),
)
_MONTHS: Final = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_DAYS: Final = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
_HORIZON: Final = timedelta(days=366 * 8)
"""29 February may be eight years away."""


def next_after(expression: str, moment: datetime) -> datetime:
    """The first turn after `moment`, UTC. Raises `ValueError` for what is no NCRONTAB, or never comes."""
    seconds, minutes, hours, days, months, weekdays = parse(expression)
    at = moment.astimezone(UTC).replace(microsecond=0) + timedelta(seconds=1)
    end = at + _HORIZON
    while at < end:
        if at.month not in months or at.day not in days or (at.weekday() + 1) % 7 not in weekdays:
            at = at.replace(hour=0, minute=0, second=0) + timedelta(days=1)
        elif at.hour not in hours:
            at = at.replace(minute=0, second=0) + timedelta(hours=1)
        elif at.minute not in minutes:
            at = at.replace(second=0) + timedelta(minutes=1)
        elif at.second not in seconds:
            at += timedelta(seconds=1)
        else:
            return at
    raise ValueError(f"{expression!r} never comes")


@functools.cache
def parse(expression: str) -> tuple[frozenset[int], ...]:
    """The values of each field. Raises `ValueError` naming the field that is wrong."""
    parts = expression.split()
    if len(parts) != len(_FIELDS):
        raise ValueError(f"NCRONTAB has six fields, got {expression!r}")
    return tuple(
        frozenset(value for item in part.lower().split(",") for value in _item(item, *field))
        for part, field in zip(parts, _FIELDS, strict=True)
    )


def _item(text: str, field: str, low: int, high: int) -> range:
    span, slash, step = text.partition("/")
    first, dash, last = span.partition("-")
    try:
        begin = low if first == "*" else _value(first, field)
        end = _value(last, field) if dash else (high if first == "*" or slash else begin)
        every = int(step) if slash else 1
    except ValueError:
        raise ValueError(f"the {field} {text!r} of an NCRONTAB cannot be read") from None
    if not low <= begin <= end <= high or every < 1:
        raise ValueError(f"the {field} {text!r} of an NCRONTAB must be within {low} and {high}")
    return range(begin, end + 1, every)


def _value(text: str, field: str) -> int:
    names = {"month": _MONTHS, "day of the week": _DAYS}.get(field, ())
    if text[:3] in names:
        return names.index(text[:3]) + (1 if field == "month" else 0)
    return int(text)
