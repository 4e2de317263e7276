"""The limit of one instance: a burst at once, then a steady rate, and an honest time to wait."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st
from memory_ports import Clock

from serverless_ai_runtime.core.replies import failure
from serverless_ai_runtime.rate_limit import RateLimit, TooManyRequests


def admitted(limit: RateLimit) -> bool:
    try:
        limit.admit()
    except TooManyRequests:
        return False
    return True


def test_a_burst_passes_and_then_the_rate() -> None:
    clock = Clock()
    limit = RateLimit(2, 5, clock)
    assert [admitted(limit) for _ in range(7)] == [True] * 5 + [False] * 2
    clock.now += 0.5
    assert [admitted(limit), admitted(limit)] == [True, False]
    clock.now += 1000
    assert [admitted(limit) for _ in range(6)] == [True] * 5 + [False], "it never holds more than the burst"


def test_who_is_turned_away_is_told_when_to_come_again() -> None:
    clock = Clock()
    limit = RateLimit(1, 1, clock)
    limit.admit()
    with pytest.raises(TooManyRequests) as error:
        limit.admit()
    reply = failure(error.value)
    assert (reply.status, reply.headers) == (429, {"retry-after": "1"})
    assert reply.body["error"]["code"] == "too_many_requests"
    clock.now += 1
    assert admitted(limit)


@given(st.integers(1, 50), st.integers(1, 50), st.lists(st.floats(0, 3), max_size=60))
def test_no_time_table_gets_more_through_than_burst_and_rate(
    per_second: int, burst: int, pauses: list[float]
) -> None:
    clock = Clock(0.0)
    limit = RateLimit(per_second, burst, clock)
    passed = 0
    for pause in pauses:
        clock.now += pause
        passed += admitted(limit)
    assert passed <= burst + per_second * clock.now + 1e-6


def test_concurrent_requests_are_all_counted() -> None:
    limit = RateLimit(1, 30, lambda: 0.0)
    barrier = threading.Barrier(20)

    def some(_: int) -> int:
        barrier.wait()
        return sum(admitted(limit) for _ in range(5))

    with ThreadPoolExecutor(20) as pool:
        assert sum(pool.map(some, range(20))) == 30
