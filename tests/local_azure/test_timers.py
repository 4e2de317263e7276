"""NCRONTAB: the next turn of a timer, against a search second by second."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serverless_ai_local.azure.apps.ncrontab import next_after, parse

NOON = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)  # a Tuesday


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("* * * * * *", NOON + timedelta(seconds=1)),
        ("0 */5 * * * *", NOON + timedelta(minutes=5)),
        ("0 0 8 * * *", datetime(2026, 11, 25, 8, tzinfo=UTC)),
        ("0 30 9 * * mon-fri", datetime(2026, 11, 25, 9, 30, tzinfo=UTC)),
        ("0 0 0 1 jan *", datetime(2027, 1, 1, tzinfo=UTC)),
        ("0 0 0 29 2 *", datetime(2028, 2, 29, tzinfo=UTC)),
        ("15,45 0 12 * * *", NOON + timedelta(seconds=15)),
        ("0 0 12 * * 0", datetime(2026, 11, 29, 12, tzinfo=UTC)),
    ],
)
def test_the_next_turn(expression: str, expected: datetime) -> None:
    assert next_after(expression, NOON) == expected


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "* * * * *",
        "60 * * * * *",
        "* * * 0 * *",
        "a * * * * *",
        "5-1 * * * * *",
        "*/0 * * * * *",
        "0 0 0 30 2 *",
    ],
)
def test_what_never_comes_or_cannot_be_read_is_an_error(expression: str) -> None:
    with pytest.raises(ValueError, match=r"NCRONTAB|never"):
        next_after(expression, NOON)


@given(
    st.integers(0, 59),
    st.sampled_from(["*", "*/7", "0-30/10", "59"]),
    st.sampled_from(["*", "3", "11-13", "*/6"]),
    st.integers(0, 10_000_000),
)
def test_it_is_the_first_second_that_fits(second: int, minute: str, hour: str, offset: int) -> None:
    expression, start = f"{second} {minute} {hour} * * *", NOON + timedelta(seconds=offset)
    found = next_after(expression, start)
    _, minutes, hours, *_ = parse(expression)
    at = start.replace(second=second)
    while at <= start or at.minute not in minutes or at.hour not in hours:
        at += timedelta(minutes=1)
    assert found == at
