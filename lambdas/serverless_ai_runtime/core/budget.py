"""Daily token budgets: reserve before the call, settle with what was used, hold under concurrency."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from serverless_ai_runtime.core.ports import (
    Answer,
    Deadline,
    Journal,
    KeyValueStore,
    LimitReached,
    ServiceError,
    World,
)
from serverless_ai_runtime.core.records import digest
from serverless_ai_runtime.core.replies import Rejection

_DAY_S: Final = 86_400
_KEEP_S: Final = 2 * _DAY_S
"""How long after its day a counter is kept, for whoever wants to look."""


class BudgetExceeded(Rejection):
    """429 until the next UTC midnight."""

    status = 429

    def __init__(self, scope: str, tokens: int, limit: int, now: float) -> None:
        midnight = _next_midnight(now)
        self.scope = scope
        self.reset_at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(midnight))
        text = (
            f"{scope} budget of {limit} tokens a day does not allow this request, "
            f"which may use {tokens}; it is reset at {self.reset_at}"
        )
        super().__init__("budget_exceeded", text, retry_after_s=max(1, int(midnight - now + 0.999)))

    def extra(self) -> dict[str, Any]:
        return {"reset_at": self.reset_at}


class _Counter(NamedTuple):
    key: str
    scope: str
    limit: int


class Budget:
    """Counters of one UTC day in a store; a limit of 0 is no limit.

    What a crashed invocation had reserved stays reserved until midnight: rather too little is spent than too
    much.
    """

    def __init__(self, store: KeyValueStore, world: World, *, caller_limit: int, total_limit: int) -> None:
        self._store, self._world = store, world
        self._caller_limit, self._total_limit = caller_limit, total_limit

    def charge(
        self,
        caller: str | None,
        tokens: int,
        call: Callable[[], Answer],
        deadline: Deadline,
        journal: Journal,
    ) -> Answer:
        """Run `call`, which uses about `tokens`, if the budgets allow it; raises `BudgetExceeded`.

        `caller` None: only the total counts. If `call` fails, nothing counts.
        """
        now = self._world.now()
        counters = self._counters(caller, now)
        self._reserve(counters, tokens, now, deadline, journal)
        try:
            answer = call()
        except Exception:
            self._adjust(counters, -tokens, now, deadline, journal)
            raise
        self._adjust(counters, answer.input_tokens + answer.output_tokens - tokens, now, deadline, journal)
        return answer

    def _counters(self, caller: str | None, now: float) -> list[_Counter]:
        day = time.strftime("%Y-%m-%d", time.gmtime(now))
        counters: list[_Counter] = []
        if caller is not None and self._caller_limit:
            counters.append(_Counter(f"budget.{day}.{digest(caller)}", "this caller's", self._caller_limit))
        if self._total_limit:
            counters.append(_Counter(f"budget.{day}.total", "the endpoint's", self._total_limit))
        return counters

    def _reserve(
        self, counters: list[_Counter], tokens: int, now: float, deadline: Deadline, journal: Journal
    ) -> None:
        for index, counter in enumerate(counters):
            try:
                self._add(counter, tokens, counter.limit, now, deadline)
            except (LimitReached, ServiceError) as error:
                self._adjust(counters[:index], -tokens, now, deadline, journal)
                if isinstance(error, ServiceError):
                    raise
                journal.note(budget_refusals=1)
                raise BudgetExceeded(counter.scope, tokens, counter.limit, now) from None

    def _adjust(
        self, counters: list[_Counter], amount: int, now: float, deadline: Deadline, journal: Journal
    ) -> None:
        """Bring the counters to what was really used. A failure costs budget, not the caller's answer."""
        for counter in counters if amount else ():
            try:
                self._add(counter, amount, None, now, deadline)
            except ServiceError as error:
                journal.warn("budget not settled", counter=counter.key, amount=amount, cause=str(error))

    def _add(self, counter: _Counter, amount: int, limit: int | None, now: float, deadline: Deadline) -> None:
        expires_at = int(_next_midnight(now)) + _KEEP_S
        self._store.add(counter.key, amount, limit=limit, expires_at=expires_at, deadline=deadline)


def _next_midnight(now: float) -> float:
    return (now // _DAY_S + 1) * _DAY_S
