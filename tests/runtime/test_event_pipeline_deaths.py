"""The event pipeline's core when its process dies: what was begun is finished by the next delivery."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pipeline_ports import Bench, Died, always, busy, words

from serverless_ai_runtime.core.event_pipeline.pipeline import CRASHES
from serverless_ai_runtime.core.event_pipeline.ports import (
    Output,
    Source,
    Unprocessable,
)


def test_what_died_after_its_dead_letter_has_another_letter_and_no_result() -> None:
    bench = Bench()
    item = bench.upload("a")
    bench.script.act = always(Unprocessable("refused_by_processor", "not yet"))
    bench.die_after_the_letter()
    with pytest.raises(Died):
        bench.deliver(item)
    bench.script.act = words  # it would succeed now
    (retry,) = bench.deliver(item, attempt=2)
    assert 30 <= retry.after_s <= 32, "whoever buries it may be alive"
    bench.clock.sleep(60)
    assert bench.deliver(item, attempt=3) == []
    assert bench.deliver(item, attempt=4) == []
    assert [letter[1:] for letter in bench.graveyard.letters] == [("refused_by_processor", "not yet")] * 2
    assert bench.outputs == {}


def test_a_redriven_letter_whose_death_was_not_recorded_is_processed() -> None:
    bench = Bench()
    item = bench.upload("a")
    bench.script.act = always(Unprocessable("refused_by_processor", "not yet"))
    bench.die_after_the_letter()
    with pytest.raises(Died):
        bench.deliver(item)
    bench.clock.sleep(60)
    bench.script.act = words
    assert bench.deliver(item, redriven=True) == []
    assert list(bench.outputs) == ["results/a.json"]
    assert bench.deliver(item, attempt=2) == [], "its old delivery, late"
    assert bench.codes == ["refused_by_processor"]


def test_who_lost_the_lease_while_it_worked_sends_no_letter_of_its_own() -> None:
    bench = Bench()
    item = bench.upload("a")

    def slow(source: Source) -> Output:
        bench.clock.sleep(60)
        bench.script.act = words
        assert bench.deliver(item, attempt=2) == []
        raise Unprocessable("damaged_document", "seen too late")

    bench.script.act = slow
    (retry,) = bench.deliver(item)
    assert retry.after_s > 0
    assert bench.codes == []
    assert bench.deliver(item, attempt=3) == []
    assert list(bench.outputs) == ["results/a.json"]


def test_what_kills_the_function_again_and_again_is_buried_and_its_neighbours_are_done() -> None:
    bench = Bench()
    killer, neighbour = bench.upload("killer"), bench.upload("neighbour")

    def act(source: Source) -> Output:
        if source.name == "killer":
            raise Died
        return words(source)

    bench.script.act = act
    for attempt in range(1, CRASHES + 1):
        with pytest.raises(Died):
            bench.deliver(killer, attempt=attempt)
        bench.clock.sleep(60)
    assert bench.deliver(neighbour, killer, attempt=4) == []
    assert bench.codes == ["crashed"]
    assert list(bench.outputs) == ["results/neighbour.json"]


def test_a_killer_in_a_batch_takes_no_neighbour_with_it() -> None:
    bench = Bench(max_attempts=20)
    items = [bench.upload(name) for name in ("a", "killer", "b", "c")]

    def act(source: Source) -> Output:
        if source.name == "killer":
            raise Died
        return words(source)

    bench.script.act = act
    for attempt in range(1, 8):
        try:
            left = bench.deliver(*items, attempt=attempt)
        except Died:
            bench.clock.sleep(60)
        else:
            break
    assert left == []
    assert bench.codes == ["crashed"]
    assert sorted(bench.outputs) == ["results/a.json", "results/b.json", "results/c.json"]


def test_what_an_attempt_that_died_had_written_is_announced_and_not_made_again() -> None:
    bench = Bench()
    item = bench.upload("a")

    def die(operation: str, key: str) -> None:
        if bench.outputs:
            raise Died

    bench.store.before = die
    with pytest.raises(Died):
        bench.deliver(item)
    bench.store.before = lambda operation, key: None
    bench.clock.sleep(60)
    assert bench.deliver(item, attempt=2) == []
    assert bench.script.seen == ["a"], "the processor is not paid twice"
    assert {event["id"] for event in bench.outbox.sent} == {bench.outbox.sent[0]["id"]}
    assert bench.deliver(item, attempt=3) == []
    assert bench.codes == []


# Everything that the pipeline writes to, by the name of the call.
STEPS = st.lists(st.integers(0, 40), max_size=6)


@settings(max_examples=150, deadline=None)
@given(deaths=STEPS, failures=STEPS, poison=st.booleans())
def test_wherever_it_dies_or_fails_the_next_deliveries_finish_it(
    deaths: list[int], failures: list[int], poison: bool
) -> None:
    bench = Bench(max_attempts=50)
    items = [bench.upload(str(number)) for number in range(3)]
    if poison:  # which would be none at a second look
        bench.script.act = lambda source: (
            Unprocessable("refused_by_processor", "poison")
            if source.name == "1" and bench.script.seen.count("1") == 1
            else words(source)
        )
    calls = 0

    def strike(*_: str) -> None:
        nonlocal calls
        calls += 1
        if calls in deaths:
            raise Died
        if calls in failures:
            raise busy()

    bench.store.before = bench.objects.before = bench.graveyard.before = strike
    left, attempt = list(items), 0
    while left:
        attempt += 1
        assert attempt < 40
        try:
            retries = {retry.handle for retry in bench.deliver(*left, attempt=attempt)}
        except Died:
            retries = {f"h{number}" for number in range(len(left))}
        left = [item for number, item in enumerate(left) if f"h{number}" in retries]
        bench.clock.sleep(700)  # leases run out meanwhile
    done = {key.removeprefix("results/").removesuffix(".json") for key in bench.outputs}
    buried = {delivery.news.id.rpartition("/")[2] for delivery, _, _ in bench.graveyard.letters}  # pyright: ignore
    assert done | buried == {"0", "1", "2"}
    assert not done & buried
    announced = {event["item"]["id"].rpartition("/")[2] for event in bench.outbox.sent}
    assert announced >= done
