"""An event has one effect, however often and concurrently it is delivered, whatever fails in between."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from memory_ports import NOON, Clock, MemoryStore, Notebook

from serverless_ai_runtime.core.idempotency import (
    MEMORY_S,
    EventInProgress,
    Once,
    ResultTooLarge,
)
from serverless_ai_runtime.core.ports import Unavailable, VersionConflict

DOWN = Unavailable("Service", "call", 503, "Down", "down")


class Desk:
    def __init__(self) -> None:
        self.clock = Clock()
        self.store = MemoryStore(self.clock)
        self.journal = Notebook()
        self.once = Once(self.store, self.clock.world())
        self.worked = 0
        self.sent: list[dict[str, Any]] = []
        self.during_work: Callable[[], None] = lambda: None
        self.during_publish: Callable[[], None] = lambda: None

    def deliver(self, event_id: str = "e1", *, seconds: float = 30, publish: bool = True) -> dict[str, Any]:
        deadline = self.clock.deadline(seconds)
        return self.once.run(event_id, self._work, self._publish if publish else None, deadline, self.journal)

    def _work(self) -> dict[str, Any]:
        self.during_work()
        self.worked += 1
        return {"answer": f"a{self.worked}"}

    def _publish(self, result: dict[str, Any]) -> None:
        self.during_publish()
        self.sent.append(result)

    def fails(self) -> None:
        raise DOWN

    def dies(self) -> None:
        raise SystemExit("the process is killed")


@pytest.mark.parametrize("publish", [True, False])
def test_a_second_delivery_gets_the_recorded_result_and_has_no_effect(publish: bool) -> None:
    desk = Desk()
    first = desk.deliver(publish=publish)
    assert desk.deliver(publish=publish) == first == {"answer": "a1"}
    assert desk.worked == 1
    assert desk.sent == ([first] if publish else [])
    assert desk.journal.notes == {"duplicate": True}


def test_other_events_are_not_held_back() -> None:
    desk = Desk()
    desk.deliver("e1")
    desk.deliver("e2")
    assert desk.worked == 2


def test_a_delivery_during_the_work_waits_for_its_result() -> None:
    desk = Desk()
    looks: list[str] = []
    desk.during_work = desk.dies
    with pytest.raises(SystemExit):
        desk.deliver(seconds=30)
    record = next(iter(desk.store.records))

    def finish(operation: str, key: str) -> None:
        looks.append(operation)
        if len(looks) == 5:
            value, version, expires_at = desk.store.records[record]
            done = value | {"state": "done", "result": {"answer": "theirs"}}
            desk.store.records[record] = (done, version, expires_at)

    desk.store.before = finish
    assert desk.deliver(seconds=30) == {"answer": "theirs"}
    assert desk.worked == 0
    assert len(desk.clock.slept) == 4


def test_a_delivery_that_cannot_wait_longer_is_sent_back_to_the_platform() -> None:
    desk = Desk()
    refused: list[Exception] = []

    def again() -> None:
        desk.during_work = lambda: None
        with pytest.raises(EventInProgress) as caught:
            desk.deliver()
        refused.append(caught.value)

    desk.during_work = again
    desk.deliver()
    assert len(refused) == 1
    assert desk.worked == 1
    assert len(desk.sent) == 1


def test_a_failed_event_can_run_again_at_once() -> None:
    desk = Desk()
    desk.during_work = desk.fails
    with pytest.raises(Unavailable):
        desk.deliver()
    desk.during_work = lambda: None
    assert desk.deliver() == {"answer": "a1"}
    assert desk.sent == [{"answer": "a1"}]


def test_a_failed_publication_is_tried_again_without_asking_the_model_again() -> None:
    desk = Desk()
    desk.during_publish = desk.fails
    with pytest.raises(Unavailable):
        desk.deliver()
    desk.during_publish = lambda: None
    desk.deliver()
    assert desk.worked == 1
    assert desk.sent == [{"answer": "a1"}]


def test_after_a_crash_the_lease_ends_with_the_invocation() -> None:
    desk = Desk()
    desk.during_work = desk.dies
    with pytest.raises(SystemExit):
        desk.deliver(seconds=30)
    desk.during_work = lambda: None
    desk.clock.now += 28
    with pytest.raises(EventInProgress):
        desk.deliver(seconds=1.9)
    assert desk.deliver() == {"answer": "a1"}
    assert desk.clock.now == pytest.approx(NOON + 30, abs=2)


def test_a_crash_between_publishing_and_marking_it_done_publishes_the_same_result_again() -> None:
    desk = Desk()
    puts: list[str] = []

    def die_at_third(operation: str, key: str) -> None:
        puts.extend([operation] * (operation == "put"))
        if operation == "put" and len(puts) == 3:
            raise SystemExit("the process is killed")

    desk.store.before = die_at_third
    with pytest.raises(SystemExit):
        desk.deliver(seconds=30)
    desk.clock.now += 30
    desk.deliver()
    assert desk.worked == 1, "the model is paid once"
    assert desk.sent == [{"answer": "a1"}, {"answer": "a1"}], "at least once, and the same"


def test_a_store_that_fails_after_publishing_does_not_make_the_event_fail() -> None:
    desk = Desk()
    desk.during_publish = lambda: desk.store.failures.append(DOWN)
    assert desk.deliver() == {"answer": "a1"}
    assert [message for message, _ in desk.journal.warnings] == ["event record not updated"]


def test_the_cause_is_raised_even_if_the_lease_cannot_be_given_back() -> None:
    desk = Desk()

    def fail_twice() -> None:
        desk.store.failures.append(VersionConflict("gone"))
        raise ValueError("the cause")

    desk.during_work = fail_twice
    with pytest.raises(ValueError, match="the cause"):
        desk.deliver()


def test_an_event_is_forgotten_after_all_redeliveries_have_ended() -> None:
    desk = Desk()
    desk.deliver()
    desk.clock.now += MEMORY_S - 1
    desk.deliver()
    assert desk.worked == 1
    desk.clock.now += 1
    desk.deliver()
    assert desk.worked == 2


def test_a_result_too_large_to_record_is_an_error_and_not_published() -> None:
    desk = Desk()
    once = Once(desk.store, desk.clock.world())
    with pytest.raises(ResultTooLarge):
        once.run(
            "e1", lambda: {"answer": "x" * 400_000}, desk.sent.append, desk.clock.deadline(9), desk.journal
        )
    assert desk.sent == []


@pytest.mark.parametrize("event_id", ["x" * 5000, "ö/#?\\\n", "\ud800"])
def test_any_event_id_makes_a_key(event_id: str) -> None:
    desk = Desk()
    desk.deliver(event_id)
    desk.deliver(event_id)
    assert desk.worked == 1


def test_concurrent_deliveries_have_one_effect() -> None:
    desk = Desk()
    threads = 8
    together = Barrier(threads)

    def deliver(_: int) -> str:
        together.wait()
        try:
            return str(desk.deliver(seconds=1e6))
        except EventInProgress:
            return "later"

    with ThreadPoolExecutor(threads) as pool:
        outcomes = set(pool.map(deliver, range(threads)))
    assert outcomes <= {str({"answer": "a1"}), "later"}
    assert desk.worked == 1
    assert desk.sent == [{"answer": "a1"}]
