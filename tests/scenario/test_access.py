"""Who gets in, how often, and for how many tokens, on every target."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from world import Reply, World, past_the_rate

REFILL_S = 2.0
"""Time in which the bucket of `tight` (burst 4, 2 a second) is full again."""


@pytest.mark.row("security-01", "security-02")
def test_whoever_may_not_call_is_refused_before_the_function_runs(world: World) -> None:
    for what, attempt in world.refused().items():
        reply = attempt()
        assert reply.status in (401, 403), f"{what}: {reply}"
    assert world.model_calls() == []


@pytest.mark.row("security-02", "azure-03")
def test_a_valid_token_is_let_in(world: World) -> None:
    reply = world.bearer({"message": "hello"}, world.token("ada"))
    assert reply.status == 200, reply


def test_sessions_of_two_token_subjects_are_apart(world: World) -> None:
    mine = world.bearer({"message": "hello"}, world.token("ada")).body["session_id"]
    theirs = world.bearer({"message": "hello", "session_id": mine}, world.token("ben"))
    again = world.bearer({"message": "hello", "session_id": mine}, world.token("ada"))
    assert (theirs.status, again.status) == (404, 200)


@pytest.mark.row("cost-11", "practice-06")
def test_over_the_callers_daily_tokens_the_answer_is_429_with_the_reset_time(world: World) -> None:
    replies = []
    for _ in range(10):
        replies.append(_hello(world, "spender"))
        if replies[-1].status == 429:
            break
    assert replies[0].status == 200, replies[0]
    last = replies[-1]
    assert last.status == 429, last
    assert last.body["error"]["code"] == "budget_exceeded"
    reset = datetime.fromisoformat(last.body["reset_at"])
    now = datetime.now(UTC)
    assert 0 < (reset - now).total_seconds() <= 86_400
    assert (reset.hour, reset.minute, reset.second) == (0, 0, 0)
    assert int(last.headers["retry-after"]) <= 86_400
    other = _hello(world, "saver")
    assert other.status == 200, "one caller's budget must not stop another"


def _hello(world: World, caller: str) -> Reply:
    return past_the_rate(lambda: world.chat({"message": "hello"}, variant="tight", caller=caller))


@pytest.mark.row("security-03")
def test_over_the_rate_the_gateway_answers_429(world: World) -> None:
    time.sleep(REFILL_S)
    with ThreadPoolExecutor(12) as pool:
        replies = list(pool.map(lambda _: world.chat({}, variant="tight", caller="rusher"), range(24)))
    statuses = [reply.status for reply in replies]
    assert set(statuses) == {400, 429}, statuses
    limited = [reply for reply in replies if reply.status == 429]
    assert all("reset_at" not in reply.body for reply in limited), "the gateway refuses, not the budget"
    assert statuses.count(400) <= 12
    time.sleep(REFILL_S)  # the next test finds the bucket full, as this one did
