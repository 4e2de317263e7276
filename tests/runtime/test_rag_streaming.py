"""Answers as they are written: nothing before citations hold, and in the end what the whole reply says."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from memory_ports import FakeModel, said
from test_rag_endpoint import ANYONE, World

from serverless_ai_runtime.core.ports import Answer, Deadline, Prompt, Unavailable
from serverless_ai_runtime.core.rag.answering import NOT_FOUND, Citation, read_answer
from serverless_ai_runtime.core.rag.retrieval import Passage
from serverless_ai_runtime.core.rag.streaming import Reader, Telling, begin, event
from serverless_ai_runtime.core.replies import Reply

PASSAGES = [Passage("a.txt", "v1", 0, "", "The lamp is lit at dusk. It burns.", 0.5)]
HOLDS = {"passage": 1, "quote": "The lamp is lit at dusk."}
WRONG = {"passage": 1, "quote": "The lamp is out."}
CUTS = st.lists(st.integers(0, 300), max_size=12)


def citation(one: Citation) -> dict[str, Any]:
    return {"document": one.document, "quote": one.quote}


def told(text: str, cuts: list[int]) -> list[tuple[str, Any]]:
    """What is told of a text that the model writes in pieces cut there."""
    events: list[tuple[str, Any]] = []
    reader = Reader(PASSAGES, Telling(lambda name, data: events.append((name, data)), citation))
    places = [0, *sorted({one % (len(text) + 1) for one in cuts}), len(text)]
    for start, end in pairwise(places):
        reader.add(text[start:end])
    return events


def streamed(events: list[tuple[str, Any]]) -> str:
    return "".join(data["text"] for name, data in events if name == "answer")


@given(
    answer=st.text(st.characters(codec=None, exclude_categories=()), max_size=40),
    listed=st.lists(st.sampled_from([HOLDS, WRONG, "?", None]), max_size=3),
    ascii_only=st.booleans(),
    around=st.sampled_from([("", ""), ("Here it is:\n```json\n", "\n```"), (" \n", " ")]),
    indent=st.sampled_from([None, 2]),
    cuts=CUTS,
)
@example(
    answer=b" \\ud83d\\ude00 ".decode("unicode_escape"),
    listed=[HOLDS],
    ascii_only=True,
    around=("", ""),
    indent=None,
    cuts=[*range(99)],
)
@settings(deadline=None)
def test_what_was_streamed_is_the_whole_answer_however_it_is_cut(
    *,
    answer: str,
    listed: list[Any],
    ascii_only: bool,
    around: tuple[str, str],
    indent: int | None,
    cuts: list[int],
) -> None:
    written = json.dumps({"citations": listed, "answer": answer}, ensure_ascii=ascii_only, indent=indent)
    text = around[0] + written + around[1]
    events = told(text, cuts)
    whole, citations = read_answer(text, PASSAGES)
    if not citations and whole:
        assert events == [], "nothing that no passage bears out"
    if citations:
        assert events[0] == ("citations", [citation(one) for one in citations])
        assert [name for name, _ in events[1:]] == ["answer"] * (len(events) - 1)
        assert streamed(events) == whole


@given(st.text(max_size=80) | st.text('{}[]":,\\u01d8e citationsanswerpgqu', max_size=80), CUTS)
def test_whatever_a_model_writes_is_read_without_an_error_and_nothing_is_told(
    text: str, cuts: list[int]
) -> None:
    assert told(text, cuts) == []


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"answer": "It is lit.", "citations": [HOLDS]}),
        json.dumps({"citations": [HOLDS], "answer": None}),
        json.dumps({"citations": HOLDS, "answer": "It is lit."}),
        json.dumps({"more": 1, "citations": [HOLDS], "answer": "It is lit."}),
        json.dumps([{"citations": [HOLDS]}]),
    ],
)
def test_what_is_not_written_in_that_order_waits_for_the_whole(text: str) -> None:
    assert streamed(told(text, list(range(0, 200, 3)))) == ""


def test_the_first_words_come_before_the_last_are_written() -> None:
    text = json.dumps({"citations": [HOLDS], "answer": "It is lit, and it burns until sunrise."})
    events: list[tuple[str, Any]] = []
    reader = Reader(PASSAGES, Telling(lambda name, data: events.append((name, data)), citation))
    reader.add(text[: text.index("until")])
    assert streamed(events) == "It is lit, and it burns"
    reader.add(text[text.index("until") :])
    assert streamed(events) == "It is lit, and it burns until sunrise."


# -- the endpoint -----------------------------------------------------------------------------------
def asked(world: World, body: dict[str, Any]) -> Reply | list[tuple[str, Any]]:
    """The reply, or events by name."""
    sent = json.dumps(body).encode()
    found = world.endpoint.ask_or_stream(sent, ANYONE, world.clock.deadline(29), world.notes)
    return found if isinstance(found, Reply) else [parsed(one) for one in found]


def parsed(text: str) -> tuple[str, Any]:
    assert text.endswith("\n\n")
    name, data = text.removesuffix("\n\n").split("\n")
    return name.removeprefix("event: "), json.loads(data.removeprefix("data: "))


def lit(prompt: Prompt, deadline: Deadline) -> Answer:
    return said(
        json.dumps({"citations": [{"passage": 1, "quote": "The lamp is lit."}], "answer": "It is lit."})
    )


def test_a_streamed_answer_is_the_one_that_is_given_as_a_whole_and_is_kept_as_it() -> None:
    world = World(lit)
    world.put("a.txt", "The lamp is lit.")
    events = asked(world, {"question": "lamp?", "stream": True})
    assert isinstance(events, list)
    assert [name for name, _ in events] == ["citations", "answer", "answer", "done"]
    reply = world.post("/ask", {"question": "lamp?"})
    done = events[-1][1]
    assert (done["cache"], reply.body["cache"]) == ("none", "answer")
    assert reply.body["citations"] == done["citations"] == events[0][1]
    assert reply.body["answer"] == done["answer"] == streamed(events) == "It is lit."
    assert len(world.model.prompts) == 1
    again = asked(world, {"question": "lamp?", "stream": True})
    assert isinstance(again, list)
    assert [name for name, _ in again] == ["citations", "answer", "done"], "a known answer comes in one piece"
    assert world.notes.notes["cache"] == "answer"


def test_what_the_documents_do_not_answer_is_streamed_as_that() -> None:
    world = World(said(json.dumps({"citations": [], "answer": "I know it all."})))
    world.put("a.txt", "The lamp is lit.")
    events = asked(world, {"question": "lamp?", "stream": True})
    assert isinstance(events, list)
    assert events[:2] == [("citations", []), ("answer", {"text": NOT_FOUND})]
    assert events[-1][1]["answer"] == NOT_FOUND


def test_a_question_that_is_refused_gets_a_reply_and_no_events() -> None:
    world = World(lit, budget=1)
    world.put("a.txt", "The lamp is lit.")
    for body, status in (
        ({"question": "lamp?", "stream": True}, 429),
        ({"question": "", "stream": True}, 400),
        ({"question": "lamp?", "stream": "yes"}, 400),
        ({"question": "lamp?", "stream": True, "session_id": "0" * 32}, 404),
    ):
        reply = asked(world, body)
        assert isinstance(reply, Reply)
        assert reply.status == status


def test_an_endpoint_that_cannot_stream_says_so() -> None:
    world = World(lit)
    reply = world.post("/ask", {"question": "lamp?", "stream": True})
    assert (reply.status, reply.body["error"]["field"]) == (400, "stream")
    assert "as a whole" in reply.body["error"]["message"]
    assert world.post("/ask", {"question": "lamp?", "stream": False}).status == 200
    assert world.post("/search", {"question": "lamp?", "stream": True}).status == 400


class Breaking(FakeModel):
    """Dies in the middle of its answer."""

    def stream(self, prompt: Prompt, deadline: Deadline) -> Iterator[str | Answer]:
        text = lit(prompt, deadline).text
        yield text[: text.rindex('lit."}')]
        raise Unavailable("Model", "Stream", 0, "Broken", "the connection ended")


def test_what_fails_in_the_middle_ends_with_an_error_and_costs_no_budget() -> None:
    world = World(budget=10_000)
    world.put("a.txt", "The lamp is lit.")
    world.endpoint._around = world.endpoint._around._replace(model=Breaking())
    events = asked(world, {"question": "lamp?", "stream": True})
    assert isinstance(events, list)
    assert [name for name, _ in events] == ["citations", "answer", "error"]
    assert events[-1][1]["error"]["code"] == "service_unavailable"
    assert set(world.records.counters.values()) == {0}


def test_an_answer_that_nobody_reads_to_its_end_is_finished_and_kept() -> None:
    world = World(lit, budget=10_000)
    world.put("a.txt", "The lamp is lit.")
    body = json.dumps({"question": "lamp?", "stream": True}).encode()
    events = world.endpoint.ask_or_stream(body, ANYONE, world.clock.deadline(29), world.notes)
    assert not isinstance(events, Reply)
    next(events)
    events.close()  # type: ignore[attr-defined]
    assert world.post("/ask", {"question": "lamp?"}).body["cache"] == "answer"
    assert set(world.records.counters.values()) == {15}


def test_events_come_while_the_work_goes_on() -> None:
    more = threading.Event()

    def work(send: Any) -> Reply:
        send("answer", {"text": "first"})
        assert more.wait(10)
        return Reply(200, {"answer": "first"}, {})

    events = begin(work)
    assert not isinstance(events, Reply)
    assert next(events) == event("answer", {"text": "first"})
    more.set()
    assert list(events) == [event("done", {"answer": "first"})]


def test_work_that_dies_leaves_nobody_waiting() -> None:
    def work(send: Any) -> Reply:
        raise SystemExit

    reply = begin(work)
    assert isinstance(reply, Reply)
    assert reply.status == 500
