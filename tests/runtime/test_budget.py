"""Daily token budgets hold under concurrency, and failures cost nothing."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from memory_ports import NOON, Clock, MemoryStore, Notebook, said

from serverless_ai_runtime.core.budget import Budget, BudgetExceeded
from serverless_ai_runtime.core.ports import Answer, Unavailable
from serverless_ai_runtime.core.replies import failure

DAY_S = 86_400


class Till:
    def __init__(self, caller_limit: int, total_limit: int, now: float = NOON) -> None:
        self.clock = Clock(now)
        self.store = MemoryStore(self.clock)
        self.journal = Notebook()
        self.budget = Budget(
            self.store, self.clock.world(), caller_limit=caller_limit, total_limit=total_limit
        )

    def charge(self, caller: str | None, tokens: int, answer: Answer | Exception | None = None) -> Answer:
        def call() -> Answer:
            if isinstance(answer, Exception):
                raise answer
            return answer or said("fine", tokens=(tokens, 0))

        return self.budget.charge(caller, tokens, call, self.clock.deadline(9), self.journal)

    def spent(self) -> dict[str, int]:
        return {key.rpartition(".")[2][:5]: count for key, count in self.store.counters.items()}


def test_what_was_used_counts_not_what_was_reserved() -> None:
    till = Till(1000, 1000)
    till.charge("ada", 500, said("fine", tokens=(30, 12)))
    assert set(till.store.counters.values()) == {42}


def test_more_than_reserved_counts_as_well() -> None:
    till = Till(1000, 1000)
    till.charge("ada", 10, said("fine", tokens=(900, 500)))
    assert set(till.store.counters.values()) == {1400}
    with pytest.raises(BudgetExceeded):
        till.charge("ada", 1)


def test_a_failed_call_costs_nothing() -> None:
    till = Till(1000, 1000)
    with pytest.raises(Unavailable):
        till.charge("ada", 1000, Unavailable("Model", "answer", 503, "Down", "down"))
    till.charge("ada", 1000)


def test_over_the_callers_budget_is_429_until_midnight() -> None:
    till = Till(100, 0, now=NOON + 0.25)
    till.charge("ada", 100)
    with pytest.raises(BudgetExceeded) as caught:
        till.charge("ada", 1)
    reply = failure(caught.value)
    assert reply.status == 429
    assert reply.body["reset_at"] == "2026-11-25T00:00:00Z"
    assert reply.body["error"]["code"] == "budget_exceeded"
    assert reply.headers["retry-after"] == "43200"
    assert till.journal.notes == {"budget_refusals": 1}
    till.charge("ben", 100)


def test_a_refusal_by_the_total_gives_the_caller_the_reservation_back() -> None:
    till = Till(100, 150)
    till.charge("ada", 100)
    with pytest.raises(BudgetExceeded, match="the endpoint's"):
        till.charge("ben", 100)
    till.charge("ben", 50)


def test_a_store_that_fails_at_the_total_gives_the_caller_the_reservation_back() -> None:
    till = Till(100, 100)
    calls: list[str] = []

    def fail_second(operation: str, key: str) -> None:
        calls.append(key)
        if len(calls) == 2:
            raise Unavailable("Store", operation, 503, "Down", "down")

    till.store.before = fail_second
    with pytest.raises(Unavailable):
        till.charge("ada", 100)
    assert set(till.store.counters.values()) == {0}
    till.charge("ada", 100)


def test_a_new_day_is_a_new_budget_and_a_late_answer_settles_its_own_day() -> None:
    till = Till(100, 100, now=NOON + DAY_S / 2 - 1)
    till.charge("ada", 100)
    till.clock.now += 2

    def crosses_midnight() -> Answer:
        till.clock.now += DAY_S
        return said("fine", tokens=(5, 5))

    till.budget.charge("ada", 100, crosses_midnight, till.clock.deadline(9e9), till.journal)
    days = {key.split(".")[1]: count for key, count in till.store.counters.items() if key.endswith("total")}
    assert days == {"2026-11-24": 100, "2026-11-25": 10}


def test_a_settlement_that_fails_costs_budget_and_not_the_answer() -> None:
    till = Till(100, 0)
    calls: list[str] = []

    def fail_second(operation: str, key: str) -> None:
        calls.append(key)
        if len(calls) == 2:
            raise Unavailable("Store", operation, 503, "Down", "down")

    till.store.before = fail_second
    assert till.charge("ada", 90, said("paid", tokens=(1, 1))).text == "paid"
    assert [message for message, _ in till.journal.warnings] == ["budget not settled"]
    with pytest.raises(BudgetExceeded):
        till.charge("ada", 90)


def test_an_event_counts_against_the_total_only() -> None:
    till = Till(10, 100)
    till.charge(None, 100)
    assert till.spent() == {"total": 100}


def test_a_limit_of_zero_is_no_limit() -> None:
    till = Till(0, 0)
    till.charge("ada", 10**9)
    assert till.store.counters == {}


@given(st.text())
def test_keys_take_any_caller_and_do_not_tell_who_it_is(caller: str) -> None:
    till = Till(100, 0)
    till.charge(caller, 1)
    (key,) = till.store.counters
    assert set(key) <= set("abcdefghijklmnopqrstuvwxyz0123456789.-")


@settings(max_examples=25)
@given(st.integers(0, 2**32), st.integers(1, 400), st.integers(1, 600))
def test_budgets_are_never_passed_under_concurrency(seed: int, caller_limit: int, total_limit: int) -> None:
    till = Till(caller_limit, total_limit)
    used = threading.Lock()
    spent = {"ada": 0, "ben": 0}

    def one(number: int) -> None:
        chance = random.Random(seed + number)
        caller, reserved = chance.choice(["ada", "ben"]), chance.randint(1, 120)

        def call() -> Answer:
            tokens = chance.randint(0, reserved)
            if chance.random() < 0.2:
                raise Unavailable("Model", "answer", 503, "Down", "down")
            with used:
                spent[caller] += tokens
            return said("fine", tokens=(tokens, 0))

        try:
            till.budget.charge(caller, reserved, call, till.clock.deadline(9), till.journal)
        except (BudgetExceeded, Unavailable):
            return

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(one, range(40)))
    assert max(till.store.highest.values(), default=0) <= max(caller_limit, total_limit)
    for key, highest in till.store.highest.items():
        assert highest <= (total_limit if key.endswith("total") else caller_limit)
    assert till.store.counters.get("budget.2026-11-24.total", 0) == sum(spent.values())
    assert sum(spent.values()) <= total_limit
