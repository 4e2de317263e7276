"""The event pipeline's core: one result or one dead letter for each version, whatever is done to it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipeline_ports import Bench, always, busy, words

from serverless_ai_runtime.core.event_pipeline.pipeline import LONGEST_RETRY_S
from serverless_ai_runtime.core.event_pipeline.ports import (
    MESSAGE,
    Item,
    Output,
    Source,
    Unprocessable,
)
from serverless_ai_runtime.core.objects import ObjectRef


def test_an_upload_becomes_a_result_an_announcement_and_a_record() -> None:
    bench = Bench()
    assert bench.deliver(bench.upload("in/a b.txt")) == []
    result = json.loads(bench.outputs["results/in/a b.txt.json"])
    assert result["output"] == {"words": 3}
    assert result["usage"] == {"model": "m", "input_tokens": 10, "output_tokens": 5, "cost_usd": 1.05e-06}
    (event,) = bench.outbox.sent
    assert event["item"] == result["item"]
    assert event["result"] == {"container": "results-bucket", "key": "results/in/a b.txt.json"}
    assert "output" not in event
    (record,) = [value for key, (value, _, _) in bench.store.records.items() if key.startswith("item.")]
    assert record["state"] == "done"
    assert record["outcome"]["processor_version"] == "v1"


def test_a_duplicate_is_neither_processed_nor_announced_again() -> None:
    bench = Bench()
    item = bench.upload("a")
    assert bench.deliver(item) == bench.deliver(item, attempt=2) == []
    assert bench.script.seen == ["a"]
    assert len(bench.outbox.sent) == 1


def test_a_delivery_of_what_is_being_worked_on_comes_again_when_the_lease_has_run_out() -> None:
    bench = Bench()
    item = bench.upload("a")
    inner: list[Any] = []

    def meanwhile(source: Source) -> Output:
        inner.extend(bench.deliver(item))
        return words(source)

    bench.script.act = meanwhile
    assert bench.deliver(item) == []
    (retry,) = inner
    assert 30 <= retry.after_s <= 32
    assert bench.codes == []


@given(st.permutations([1, 2, 3, 4]), st.integers(0, 3))
def test_of_versions_in_any_order_the_newest_result_stays(order: list[int], twice: int) -> None:
    bench = Bench()
    items = {number: bench.upload("a", b"word " * number, order=str(number)) for number in (1, 2, 3, 4)}
    for number in [*order, order[twice]]:
        bench.deliver(items[number])
    (text,) = bench.outputs.values()
    assert json.loads(text)["output"] == {"words": 4}
    assert bench.codes == []


def test_a_result_is_never_an_input() -> None:
    bench = Bench()
    ref = ObjectRef("results-bucket", "results/in/a.txt.json")
    assert bench.deliver(Item("object", "results-bucket/results/in/a.txt.json", "upload", ref=ref)) == []
    assert bench.script.seen == []
    assert bench.journal.warnings


@pytest.mark.parametrize(
    ("item", "code"),
    [
        (Item("object", "inputs/gone", "upload", "e1", "1", ObjectRef("inputs", "gone")), "object_missing"),
        (ValueError("no message of ours"), "unknown_message"),
    ],
    ids=["a missing object", "a message nobody knows"],
)
def test_what_can_never_be_processed_is_buried_at_once_with_the_reason(item: Any, code: str) -> None:
    bench = Bench()
    assert bench.deliver(item) == []
    ((delivery, said, reason),) = bench.graveyard.letters
    assert (said, delivery.body) == (code, f"body of {item}")
    assert reason


def test_an_object_of_more_bytes_than_allowed_is_not_read() -> None:
    bench = Bench()
    bench.script.act = lambda source: Output({"bytes": len(source.load(2**40))})
    assert bench.deliver(bench.upload("big", b"x" * 1001)) == []
    assert bench.codes == ["too_large"]
    assert "1001" in bench.graveyard.letters[0][2]


def test_a_passing_failure_comes_again_later_each_time_and_is_buried_at_the_last_attempt() -> None:
    bench = Bench()
    item = bench.upload("a")
    bench.script.act = always(busy(7.0))
    pauses: list[float] = []
    for attempt in range(1, 5):
        (retry,) = bench.deliver(item, attempt=attempt)
        pauses.append(retry.after_s)
    assert pauses == sorted(pauses)
    assert min(pauses) >= 7.0, "no sooner than the service asked for"
    assert bench.codes == []
    assert bench.deliver(item, attempt=5) == []
    assert bench.codes == ["Unavailable"]
    assert bench.deliver(item, attempt=1) == [], "a duplicate of a dead one does nothing"
    assert bench.codes == ["Unavailable"]


def test_a_dead_letter_that_cannot_be_sent_comes_again() -> None:
    bench = Bench()
    item = bench.upload("a")
    bench.script.act = always(Unprocessable("damaged_document", "no PDF"))

    def down(operation: str) -> None:
        raise busy()

    bench.graveyard.before = down
    (retry,) = bench.deliver(item)
    assert retry.after_s == LONGEST_RETRY_S
    bench.graveyard.before = lambda operation: None
    bench.clock.sleep(60)
    assert bench.deliver(item, attempt=2) == []
    assert bench.codes == ["damaged_document"]


def test_a_redriven_letter_is_processed_and_only_then() -> None:
    bench = Bench()
    item = bench.upload("a")
    bench.script.act = always(Unprocessable("refused_by_processor", "not yet"))
    bench.deliver(item)
    bench.script.act = words
    assert bench.deliver(item) == []
    assert bench.outputs == {}
    assert bench.deliver(item, redriven=True) == []
    assert list(bench.outputs) == ["results/a.json"]


def test_one_of_a_batch_fails_alone() -> None:
    bench = Bench()
    items = [bench.upload(str(number)) for number in range(5)]

    def act(source: Source) -> Output:
        if source.name == "3":
            raise busy()
        return words(source)

    bench.script.act = act
    (retry,) = bench.deliver(*items)
    assert retry.handle == "h3"
    assert sorted(bench.outputs) == [f"results/{number}.json" for number in (0, 1, 2, 4)]


def test_a_processor_that_raises_as_a_whole_fails_each_item() -> None:
    bench = Bench()
    bench.script.process = lambda *given: 1 / 0  # pyright: ignore
    retries = bench.deliver(bench.upload("a"), bench.upload("b"))
    assert [retry.handle for retry in retries] == ["h0", "h1"]


def test_messages_are_told_apart_by_their_id_and_have_results_of_their_own() -> None:
    bench = Bench()
    for name, text in (("m1", "one two"), ("m2", "one"), ("m1", "again")):
        bench.deliver(Item(MESSAGE, name, "queue", text=text))
    assert sorted(json.loads(text)["output"]["words"] for text in bench.outputs.values()) == [1, 2]
