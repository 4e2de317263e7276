"""The event pipeline's core and jobs of a service: nobody waits for them, and their news ends them."""

from __future__ import annotations

import json

import pytest
from pipeline_ports import Bench, Died

from serverless_ai_runtime.core.event_pipeline.ports import (
    Item,
    JobNews,
    Source,
    Started,
)


def started() -> tuple[Bench, Item, str]:
    """A pipeline with a job that goes on, its item, and the job's token."""
    bench = Bench(jobs=True)
    item, tokens = bench.upload("speech.wav"), list[str]()

    def start(source: Source) -> Started:
        tokens.append(source.token)
        return Started("job-7", 900.0)

    bench.script.act = start
    assert bench.deliver(item) == []
    return bench, item, tokens[0]


def test_a_job_is_completed_by_its_news_and_nobody_waits() -> None:
    bench, item, token = started()
    assert bench.later.sent == [({"job": token, "handle": "job-7"}, 900.0)]
    assert bench.deliver(item, attempt=2) == [], "a duplicate while the job goes on"
    assert bench.script.seen == ["speech.wav"]
    assert bench.deliver(JobNews(token, "job-7")) == []
    assert json.loads(bench.outputs["results/speech.wav.json"])["output"] == {"of": "job-7"}
    assert bench.deliver(JobNews(token, "job-7")) == []
    assert len(bench.outbox.sent) == 1


def test_a_look_at_an_unfinished_job_leads_to_another_look_and_not_for_ever() -> None:
    bench, _, token = started()
    bench.script.collected = lambda handle: Started(handle, 900.0)
    assert bench.deliver(JobNews(token, "job-7")) == []
    assert len(bench.later.sent) == 2
    bench.clock.sleep(25 * 3600)
    assert bench.deliver(JobNews(token, "job-7")) == []
    assert bench.codes == ["job_unfinished"]


def test_a_failed_job_is_a_dead_letter_that_holds_the_message_it_began_with() -> None:
    bench, item, token = started()
    bench.deliver(JobNews(token, "job-7", "the audio is silent"))
    ((delivery, code, reason),) = bench.graveyard.letters
    assert (code, reason, delivery.body) == ("job_failed", "the audio is silent", f"body of {item}")


def test_news_of_a_job_that_died_after_its_dead_letter_is_another_letter_and_no_result() -> None:
    bench, item, token = started()
    bench.die_after_the_letter()
    with pytest.raises(Died):
        bench.deliver(JobNews(token, "job-7", "the audio is silent"))
    bench.clock.sleep(60)
    assert bench.deliver(JobNews(token, "job-7")) == []
    assert bench.outputs == {}
    assert {(letter.body, code) for letter, code, _ in bench.graveyard.letters} == {
        (f"body of {item}", "job_failed")
    }
    assert bench.deliver(item, attempt=2) == []
    assert len(bench.graveyard.letters) == 2


def test_a_redriven_job_has_another_name() -> None:
    bench, item, token = started()
    bench.deliver(JobNews(token, "job-7", "the audio is silent"))
    tokens: list[str] = []

    def start(source: Source) -> Started:
        tokens.append(source.token)
        return Started("job-8")

    bench.script.act = start
    bench.deliver(item, redriven=True)
    assert tokens[0] != token
    assert bench.deliver(JobNews(token, "job-7", "the audio is silent")) == [], "old news"
    bench.deliver(JobNews(tokens[0], "job-8"))
    assert json.loads(bench.outputs["results/speech.wav.json"])["output"] == {"of": "job-8"}
    assert bench.codes == ["job_failed"]


def test_news_of_a_job_that_is_not_recorded_yet_comes_again() -> None:
    bench = Bench(jobs=True)
    (retry,) = bench.deliver(JobNews("0" * 32, "job-9"))
    assert retry.after_s > 0
    assert bench.codes == []
