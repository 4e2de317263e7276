"""When schedules are due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serverless_ai_local.aws.schedule_expressions import ScheduleError, parse

NEVER = None


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "timezone", "after", "due"),
    [
        ("cron(0 12 * * ? *)", "UTC", "2026-11-24T11:59", "2026-11-24T12:00"),
        ("cron(0 12 * * ? *)", "UTC", "2026-11-24T12:00", "2026-11-25T12:00"),
        ("cron(0 12 * * ? *)", "UTC", "2026-12-31T12:00", "2027-01-01T12:00"),
        ("cron(0/15 * * * ? *)", "UTC", "2026-11-24T06:46", "2026-11-24T07:00"),
        ("cron(5-10/5 3,4 * * ? *)", "UTC", "2026-11-24T03:05", "2026-11-24T03:10"),
        ("cron(0 8 1 * ? *)", "UTC", "2026-11-24T00:00", "2026-12-01T08:00"),
        ("cron(0 8 L * ? *)", "UTC", "2024-02-01T00:00", "2024-02-29T08:00"),
        ("cron(0 8 LW * ? *)", "UTC", "2026-05-01T00:00", "2026-05-29T08:00"),
        ("cron(0 8 15W * ? *)", "UTC", "2026-11-01T00:00", "2026-11-16T08:00"),
        ("cron(0 8 1W * ? *)", "UTC", "2026-07-31T09:00", "2026-08-03T08:00"),
        ("cron(0 8 31 * ? *)", "UTC", "2026-11-24T00:00", "2026-12-31T08:00"),
        ("cron(0 8 ? * MON-FRI *)", "UTC", "2026-11-27T08:00", "2026-11-30T08:00"),
        ("cron(0 8 ? * 1 *)", "UTC", "2026-11-24T00:00", "2026-11-29T08:00"),
        ("cron(0 8 ? * L *)", "UTC", "2026-11-24T00:00", "2026-11-28T08:00"),
        ("cron(0 8 ? * 6L *)", "UTC", "2026-11-01T00:00", "2026-11-27T08:00"),
        ("cron(0 8 ? * TUE#2 *)", "UTC", "2026-11-24T00:00", "2026-12-08T08:00"),
        ("cron(0 8 29 FEB ? *)", "UTC", "2026-01-01T00:00", "2028-02-29T08:00"),
        ("cron(0 8 1 JAN ? 2030-2031)", "UTC", "2026-01-01T00:00", "2030-01-01T08:00"),
        ("cron(0 8 1 JAN ? 2020)", "UTC", "2026-01-01T00:00", NEVER),
        ("cron(0 8 30 2 ? *)", "UTC", "2026-01-01T00:00", NEVER),
        ("cron(0 8 * * ? *)", "Europe/Berlin", "2026-11-24T06:00", "2026-11-24T07:00"),
        ("cron(0 8 * * ? *)", "Europe/Berlin", "2026-07-01T00:00", "2026-07-01T06:00"),
        # 02:30 does not exist on 2026-03-29 in Berlin, and exists twice on 2026-10-25: then the first counts.
        ("cron(30 2 * * ? *)", "Europe/Berlin", "2026-03-28T12:00", "2026-03-30T00:30"),
        ("cron(30 2 * * ? *)", "Europe/Berlin", "2026-10-24T12:00", "2026-10-25T00:30"),
        ("cron(30 2 * * ? *)", "Europe/Berlin", "2026-10-25T00:30", "2026-10-26T01:30"),
        ("at(2026-11-24T12:00:00)", "UTC", "2026-11-24T11:00", "2026-11-24T12:00"),
        ("at(2026-11-24T12:00:00)", "Asia/Tokyo", "2026-11-24T00:00", "2026-11-24T03:00"),
        ("at(2026-11-24T12:00:00)", "UTC", "2026-11-24T12:00", NEVER),
        ("rate(5 minutes)", "UTC", "2026-11-24T10:07", "2026-11-24T10:10"),
        ("rate(1 hour)", "UTC", "2026-11-24T10:00", "2026-11-24T11:00"),
        ("rate(2 days)", "UTC", "2026-11-24T10:01", "2026-11-26T10:00"),
        ("rate(1 hour)", "UTC", "2026-11-20T00:00", "2026-11-24T10:00"),
    ],
)  # fmt: skip
def test_the_next_time(expression: str, timezone: str, after: str, due: str | None) -> None:
    found = parse(expression, timezone).next_after(moment(after), moment("2026-11-24T10:00"))
    assert found == (moment(due) if due is not None else None)


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("every minute", "is not rate"),
        ("rate(0 minutes)", "a whole number"),
        ("rate(1 minutes)", "singular only for 1"),
        ("rate(2 minute)", "singular only for 1"),
        ("rate(5 seconds)", "minute"),
        ("rate(-1 hours)", "a whole number"),
        ("at(2026-13-01T00:00:00)", "the form is"),
        ("at(2026-11-24)", "the form is"),
        ("cron(* * * * *)", "six fields are needed, there are 5"),
        ("cron(0 8 * * * *)", "one of day-of-month and day-of-week must be ?"),
        ("cron(0 8 ? * ? *)", "one of day-of-month and day-of-week must be ?"),
        ("cron(60 8 * * ? *)", "minutes: '60' is not a value from 0 to 59"),
        ("cron(0 24 * * ? *)", "hours: '24'"),
        ("cron(0 8 32 * ? *)", "day-of-month: '32'"),
        ("cron(0 8 * 13 ? *)", "month: '13'"),
        ("cron(0 8 * FOO ? *)", "month: 'FOO'"),
        ("cron(0 8 ? * 8 *)", "day-of-week: '8'"),
        ("cron(0 8 ? * MON#6 *)", "day-of-week: '6'"),
        ("cron(0 8 * * ? 1969)", "year: '1969'"),
        ("cron(5-1 8 * * ? *)", "goes backwards"),
        ("cron(0/0 8 * * ? *)", "no whole number after the slash"),
        ("cron(0/x 8 * * ? *)", "no whole number after the slash"),
        ("cron(² 8 * * ? *)", "minutes"),
    ],
)
def test_what_is_not_an_expression_is_refused(expression: str, reason: str) -> None:
    with pytest.raises(ScheduleError) as refused:
        parse(expression)
    assert reason in str(refused.value)


@pytest.mark.parametrize("timezone", ["Mars/Olympus", "", "../etc/passwd"])
def test_an_unknown_timezone_is_refused(timezone: str) -> None:
    with pytest.raises(ScheduleError, match="there is no timezone"):
        parse("rate(1 minute)", timezone)


def moments(first: int, last: int) -> st.SearchStrategy[datetime]:
    """Moments of these years."""
    span = (moment(f"{last}-01-01") - moment(f"{first}-01-01")).total_seconds()
    return st.integers(0, int(span)).map(
        lambda seconds: moment(f"{first}-01-01") + timedelta(seconds=seconds)
    )


@given(
    minute=st.integers(0, 59),
    hour=st.integers(0, 23),
    after=moments(2020, 2030),
)
def test_a_daily_cron_is_due_within_a_day_at_its_time(minute: int, hour: int, after: datetime) -> None:
    due = parse(f"cron({minute} {hour} * * ? *)").next_after(after, after)
    assert due is not None
    assert timedelta(0) < due - after <= timedelta(days=1)
    assert (due.minute, due.hour, due.second) == (minute, hour, 0)


@given(
    count=st.integers(1, 500),
    unit=st.sampled_from(["minute", "hour", "day"]),
    since=moments(2020, 2022),
    later=st.timedeltas(timedelta(0), timedelta(days=2000)),
)
def test_a_rate_is_due_at_whole_steps_since_its_start(
    count: int, unit: str, since: datetime, later: timedelta
) -> None:
    step = timedelta(**{f"{unit}s": count})
    due = parse(f"rate({count} {unit}{'s' if count > 1 else ''})").next_after(since + later, since)
    assert due is not None
    assert timedelta(0) < due - (since + later) <= step
    assert (due - since) % step == timedelta(0)
