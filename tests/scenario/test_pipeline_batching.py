"""Several small messages in one call of the model; each still has an end of its own."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pipeline_world import PipelineWorld
from world import eventually

MESSAGES, BATCH = 100, 10


@pytest.mark.row("cost-01", "cost-02", "cost-03")
def test_a_hundred_messages_are_ten_calls_and_a_bad_one_fails_alone(
    pipeline: PipelineWorld, record_property: Callable[[str, object], None]
) -> None:
    with pipeline.held():  # nothing is held but the moment: all messages are there before the first is read
        for number in range(MESSAGES - 1):
            pipeline.send(f"Note {number}. The kettle number {number} boils.", variant="batch")
        pipeline.send("   ", variant="batch")

    def ended() -> bool:
        return len(pipeline.results("batch")) == MESSAGES - 1 and bool(pipeline.dead_letters("batch"))

    eventually(ended, within=90, what="the end of every message")
    (letter,) = pipeline.dead_letters("batch")
    assert letter["code"] == "empty_document"
    calls = len(pipeline.model_calls())
    record_property(
        "counts", f"{pipeline.target}: {MESSAGES} messages, batches of {BATCH}: {calls} calls of the model"
    )
    assert calls == MESSAGES / BATCH
    for result in pipeline.results("batch").values():
        assert "kettle" in result["output"]["summary"]
        assert result["usage"]["input_tokens"] > 0
