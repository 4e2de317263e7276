"""When a schedule is due: `rate(...)`, `cron(...)` and `at(...)` of EventBridge and EventBridge Scheduler."""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_UNITS: Final = {"minute": 60, "hour": 3600, "day": 86_400}
_MONTHS: Final = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS: Final = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_FIELDS: Final = (
    ("minutes", 0, 59, ()),
    ("hours", 0, 23, ()),
    ("month", 1, 12, _MONTHS),
    ("year", 1970, 2199, ()),
)


class ScheduleError(ValueError):
    """The expression or the timezone is not one; the message says why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Schedule:
    """A parsed expression; `next_after(moment, since)` is the first time due after a moment, if there is one.

    All moments have a timezone. `since` is when a rate starts to count.
    """

    next_after: Callable[[datetime, datetime], datetime | None]


def parse(expression: str, timezone: str = "UTC") -> Schedule:
    """Raises `ScheduleError`."""
    try:
        zone = ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ScheduleError(f"there is no timezone {timezone!r}") from None
    found = re.fullmatch(r"(rate|cron|at)\((.*)\)", expression)
    if found is None:
        raise ScheduleError(f"{expression!r} is not rate(...), cron(...) or at(...)")
    kind, inside = found.groups()
    if kind == "rate":
        return Schedule(next_after=_rate(inside))
    if kind == "at":
        return Schedule(next_after=_at(inside, zone))
    return Schedule(next_after=_cron(inside, zone))


def _rate(inside: str) -> Callable[[datetime, datetime], datetime]:
    found = re.fullmatch(r"([1-9]\d*) (minute|hour|day)(s?)", inside)
    if found is None or (found[1] == "1") == bool(found[3]):
        raise ScheduleError(
            f"rate({inside}): a whole number and minute(s), hour(s) or day(s), singular only for 1"
        )
    step = timedelta(seconds=int(found[1]) * _UNITS[found[2]])

    def next_after(moment: datetime, since: datetime) -> datetime:
        return since if moment < since else since + ((moment - since) // step + 1) * step

    return next_after


def _at(inside: str, zone: ZoneInfo) -> Callable[[datetime, datetime], datetime | None]:
    try:
        local = datetime.strptime(inside, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=zone)
    except ValueError:
        raise ScheduleError(f"at({inside}): the form is at(yyyy-mm-ddThh:mm:ss)") from None
    due = local.astimezone(UTC)
    return lambda moment, since: due if moment < due else None


def _cron(inside: str, zone: ZoneInfo) -> Callable[[datetime, datetime], datetime | None]:
    fields = inside.split()
    if len(fields) != 6:
        raise ScheduleError(f"cron({inside}): six fields are needed, there are {len(fields)}")
    minute, hour, day, month, weekday, year = fields
    if (day == "?") == (weekday == "?"):
        raise ScheduleError(f"cron({inside}): one of day-of-month and day-of-week must be ?, and only one")
    try:
        minutes, hours, months, years = (
            _numbers(text, *limits) for text, limits in zip((minute, hour, month, year), _FIELDS, strict=True)
        )
        falls = _day_of_month(day) if weekday == "?" else _day_of_week(weekday)
    except ScheduleError as error:
        raise ScheduleError(f"cron({inside}): {error}") from None

    def next_after(moment: datetime, since: datetime) -> datetime | None:
        del since
        local = moment.astimezone(zone)
        for today in _days(local.date(), months, years):
            if not falls(today):
                continue
            for at_hour in hours:
                for at_minute in minutes:
                    due = _real(today, at_hour, at_minute, zone)
                    if due is not None and due > moment:
                        return due
        return None

    return next_after


def _days(start: date, months: list[int], years: list[int]) -> Iterator[date]:
    """Days from `start` on that are in these months and years."""
    for year in years:
        for month in months:
            if (year, month) < (start.year, start.month):
                continue
            first = start.day if (year, month) == (start.year, start.month) else 1
            for day in range(first, calendar.monthrange(year, month)[1] + 1):
                yield date(year, month, day)


def _real(day: date, hour: int, minute: int, zone: ZoneInfo) -> datetime | None:
    """This local time in UTC. One that summer time skips is skipped; one that comes twice counts once."""
    local = datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone)
    moment = local.astimezone(UTC)
    return moment if moment.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None) else None


def _numbers(text: str, field: str, least: int, most: int, names: tuple[str, ...]) -> list[int]:
    """The values of a field: `*`, numbers or names, ranges, steps, and lists of these."""
    found: set[int] = set()
    for part in text.split(","):
        span, slash, step_text = part.partition("/")
        if slash and not (step_text.isdigit() and int(step_text) > 0):
            raise ScheduleError(f"{field}: {part!r} has no whole number after the slash")
        first_text, dash, last_text = span.partition("-")
        if span == "*":
            first, last = least, most
        else:
            first = _number(first_text, field, least, most, names)
            last = _number(last_text, field, least, most, names) if dash else (most if slash else first)
        if first > last:
            raise ScheduleError(f"{field}: the range {span!r} goes backwards")
        found |= set(range(first, last + 1, int(step_text) if slash else 1))
    return sorted(found)


def _number(text: str, field: str, least: int, most: int, names: tuple[str, ...]) -> int:
    if text.upper() in names:
        return names.index(text.upper()) + 1
    if not (text.isascii() and text.isdigit()) or not least <= int(text) <= most:
        raise ScheduleError(f"{field}: {text!r} is not a value from {least} to {most}")
    return int(text)


def _day_of_month(text: str) -> Callable[[date], bool]:
    if text == "L":
        return lambda day: day.day == _last(day)
    if text == "LW":
        return lambda day: day.day == _nearest_weekday(day, _last(day))
    if text.endswith("W"):
        wanted = _number(text[:-1], "day-of-month", 1, 31, ())
        return lambda day: wanted <= _last(day) and day.day == _nearest_weekday(day, wanted)
    days = _numbers(text, "day-of-month", 1, 31, ())
    return lambda day: day.day in days


def _day_of_week(text: str) -> Callable[[date], bool]:
    name, hash_sign, nth_text = text.partition("#")
    if hash_sign:
        wanted = _number(name, "day-of-week", 1, 7, _DAYS)
        nth = _number(nth_text, "day-of-week", 1, 5, ())
        return lambda day: _weekday(day) == wanted and (day.day - 1) // 7 + 1 == nth
    if text.endswith("L") and text != "L":
        wanted = _number(text[:-1], "day-of-week", 1, 7, _DAYS)
        return lambda day: _weekday(day) == wanted and day.day > _last(day) - 7
    days = [7] if text == "L" else _numbers(text, "day-of-week", 1, 7, _DAYS)
    return lambda day: _weekday(day) in days


def _weekday(day: date) -> int:
    """1 = Sunday."""
    return day.isoweekday() % 7 + 1


def _last(day: date) -> int:
    return calendar.monthrange(day.year, day.month)[1]


def _nearest_weekday(month_of: date, wanted: int) -> int:
    """The Monday-to-Friday nearest to a day, in the same month."""
    day = month_of.replace(day=wanted)
    if day.isoweekday() == 6:
        return wanted - 1 if wanted > 1 else wanted + 2
    if day.isoweekday() == 7:
        return wanted + 1 if wanted < _last(day) else wanted - 2
    return wanted
