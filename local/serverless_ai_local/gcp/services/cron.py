"""Cloud Scheduler's unix cron: does a minute match?"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

Matches = Callable[[datetime], bool]

_FIELDS: Final = (("minute", 0, 59), ("hour", 0, 23), ("day", 1, 31), ("month", 1, 12), ("weekday", 0, 7))
_PART: Final = re.compile(r"(?:\*|(\d+)(?:-(\d+))?)(?:/(\d+))?")


class CronError(ValueError):
    """The expression or the time zone is none; the text says why."""


def parse(expression: str, zone: str) -> Matches:
    """Whether a moment (with its zone) is in a minute that the expression names. Raises `CronError`."""
    try:
        place = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        raise CronError(f"{zone!r} is no time zone") from None
    words = expression.split()
    if len(words) != len(_FIELDS):
        raise CronError(f"{expression!r} must have five fields")
    minutes, hours, days, months, weekdays = (
        _values(word, *field) for word, field in zip(words, _FIELDS, strict=True)
    )
    either = words[2] != "*" and words[4] != "*"

    def matches(moment: datetime) -> bool:
        at = moment.astimezone(place)
        on_day, on_weekday = at.day in days, at.isoweekday() % 7 in {day % 7 for day in weekdays}
        day = on_day or on_weekday if either else on_day and on_weekday
        return at.minute in minutes and at.hour in hours and at.month in months and day

    return matches


def _values(word: str, name: str, low: int, high: int) -> frozenset[int]:
    found: set[int] = set()
    for part in word.split(","):
        match = _PART.fullmatch(part)
        if match is None:
            raise CronError(f"{part!r} is no {name}")
        start = low if match[1] is None else int(match[1])
        single = match[1] is not None and match[2] is None and match[3] is None
        end = start if single else int(match[2] or high)
        step = int(match[3] or 1)
        if not low <= start <= end <= high or step < 1:
            raise CronError(f"{part!r} is no {name}: {low} to {high}")
        found.update(range(start, end + 1, step))
    return frozenset(found)
