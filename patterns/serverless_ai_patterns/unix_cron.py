"""Schedules in EventBridge Scheduler's syntax -> unix cron in UTC, or a refusal."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

_RATE: Final = re.compile(r"rate\(([1-9]\d{0,5}) (minute|hour|day)s?\)")
_MINUTES: Final = {"minute": 1, "hour": 60, "day": 1440}
_HOUR: Final = 60
_DAY: Final = 1440
_WEEK: Final = 7 * _DAY

_MONTHS: Final = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_WEEKDAYS: Final = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")


class _Field(NamedTuple):
    """One field of EventBridge's cron."""

    name: str
    low: int
    high: int
    words: Mapping[str, int] = {}
    shift: int = 0
    """What makes its number one of unix: there Sunday is 0, here 1."""


_FIELDS: Final = (
    _Field("minutes", 0, 59),
    _Field("hours", 0, 23),
    _Field("day of month", 1, 31),
    _Field("month", 1, 12, {word: number for number, word in enumerate(_MONTHS, 1)}),
    _Field("day of week", 1, 7, {word: number for number, word in enumerate(_WEEKDAYS, 1)}, -1),
)
_PART: Final = re.compile(
    r"(?:(?P<any>\*)|(?P<first>\w+)(?:-(?P<last>\w+))?)(?:/(?P<step>[1-9]\d?))?", re.ASCII
)


def unix_cron(expression: str, *, cloud: str) -> str:
    """`rate(...)` or `cron(...)` as minute, hour, day of month, month, day of week (Sunday is 0), in UTC.

    A rate becomes fixed times of the day: `rate(6 hours)` is 00:00, 06:00, 12:00 and 18:00, not six hours
    after the deployment. Raises ValueError, which names `cloud` and what cannot be expressed there.
    """
    try:
        if expression.startswith("rate("):
            return _from_rate(expression)
        if expression.startswith("cron("):
            return _from_cron(expression)
        raise ValueError("its timers repeat for ever and have nothing for a single time")
    except ValueError as error:
        raise ValueError(
            f"events.schedule {expression!r} cannot run on {cloud}: {error}; allowed: a rate(...) that "
            "divides an hour or a day, or is a day or a week, and cron(...)"
        ) from None


def _from_rate(expression: str) -> str:
    match = _RATE.fullmatch(expression)
    if match is None:
        raise ValueError("a rate is rate(NUMBER minutes), rate(NUMBER hours) or rate(NUMBER days)")
    minutes = int(match[1]) * _MINUTES[match[2]]
    if minutes == _WEEK:
        return "0 0 * * 0"
    if minutes == _DAY:
        return "0 0 * * *"
    if _HOUR % minutes == 0:
        return "0 * * * *" if minutes == _HOUR else f"*/{minutes} * * * *"
    if minutes % _HOUR == 0 and _DAY % minutes == 0:
        return f"0 */{minutes // _HOUR} * * *"
    raise ValueError("its times would drift against the clock")


def _from_cron(expression: str) -> str:
    values = expression.removeprefix("cron(").removesuffix(")").split()
    if len(values) != len(_FIELDS) + 1 or not expression.endswith(")"):
        raise ValueError("cron(...) has six fields: minutes hours day-of-month month day-of-week year")
    *values, year = values
    if year != "*":
        raise ValueError(f"unix cron knows no year, only *; got {year!r}")
    if not {"*", "?"} & {values[2], values[4]}:
        raise ValueError("day of month or day of week must be ?; unix cron would run on either")
    return " ".join(_field(field, value) for field, value in zip(_FIELDS, values, strict=True))


def _field(field: _Field, value: str) -> str:
    if value == "?" and field.name.startswith("day"):
        return "*"
    return ",".join(_part(field, part) for part in value.split(","))


def _part(field: _Field, text: str) -> str:
    match = _PART.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} in {field.name} has no counterpart in unix cron (nor have L, W and #)")
    step = f"/{match['step']}" if match["step"] else ""
    if match["any"]:
        return f"*{step}"
    first = _number(field, match["first"])
    # "5/10" is "every ten from five on", for which unix wants the end of the range as well
    last = _number(field, match["last"]) if match["last"] else field.high if step else first
    if last < first:
        raise ValueError(f"{text!r} in {field.name} goes backwards")
    low, high = first + field.shift, last + field.shift
    return f"{low}{step}" if low == high else f"{low}-{high}{step}"


def _number(field: _Field, text: str) -> int:
    number = field.words.get(text.upper()) or (int(text) if text.isdecimal() else -1)
    if not field.low <= number <= field.high:
        allowed = f"{field.low} to {field.high}{f' or {chr(44).join(field.words)}' if field.words else ''}"
        raise ValueError(f"{text!r} in {field.name} must be {allowed}")
    return number
