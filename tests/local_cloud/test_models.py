"""The local model, an OpenAI-compatible one behind it, and faults on demand."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serverless_ai_local.models import tokens
from serverless_ai_local.models.chat import (
    END,
    FILTERED,
    MAX_TOKENS,
    STOP_SEQUENCE,
    ChatAnswer,
    ChatRequest,
    Down,
    Refused,
    Throttled,
    TimedOut,
    Turn,
    Unavailable,
)
from serverless_ai_local.models.compatible import CompatibleModel
from serverless_ai_local.models.embedding import embed
from serverless_ai_local.models.extractive import LABEL, ExtractiveModel
from serverless_ai_local.models.faults import KINDS, FaultError, Faults
from serverless_ai_local.models.service import ModelService, from_environment


def request(*texts: str, **more: Any) -> ChatRequest:
    turns = [Turn(role=("user", "assistant")[at % 2], text=text) for at, text in enumerate(texts)]
    return ChatRequest(model="m", turns=turns, **more)


def say(*texts: str, **more: Any) -> str:
    return ExtractiveModel().answer(request(*texts, **more)).text


# -- the extractive model ---------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("texts", "holds"),
    [
        (("My name is Ada.", "Noted.", "What is my name?"), "Ada"),
        (("My name is Ada", "ok", "What's my name"), "Ada"),
        (("The blue key opens the cellar door. What opens the cellar door?",), "blue key"),
        (("Water the plants at noon. When must I water the plants?",), "noon"),
        (("Version 3.14 is out.", "ok", "Which version is out?"), "3.14"),
        (("I live in Rome.", "ok", "I live in Oslo.", "ok", "Where do I live?"), "Oslo"),
        (("Der Schlüssel öffnet die Tür.", "ok", "Was öffnet der Schlüssel?"), "Tür"),
    ],
)
def test_it_answers_from_what_was_said(texts: tuple[str, ...], holds: str) -> None:
    assert holds in say(*texts)


def test_it_answers_from_the_system_prompt() -> None:
    assert "nine" in say("When does the shop open?", system="The shop opens at nine. It sells hats.")


def test_the_latest_of_equal_facts_comes_first() -> None:
    answer = say("I live in Rome.", "ok", "I live in Oslo.", "ok", "Where do I live?")
    assert answer.index("Oslo") < answer.index("Rome")


def test_it_does_not_quote_itself() -> None:
    assert "parrot" not in say("hello", "The parrot is green.", "What is green?")


def test_it_says_what_it_is_and_that_it_does_not_know() -> None:
    answer = say("What opens the cellar door?")
    assert answer.startswith(LABEL)
    assert "Nothing in this conversation" in answer


@given(st.lists(st.text(max_size=60), min_size=1, max_size=5), st.text(max_size=60), st.integers(1, 50))
def test_any_text_gets_the_same_answer_twice_within_its_limit(
    texts: list[str], system: str, limit: int
) -> None:
    asked = request(*texts, system=system, max_tokens=limit)
    first, second = ExtractiveModel().answer(asked), ExtractiveModel().answer(asked)
    assert first == second
    assert first.output_tokens == tokens.count(first.text) <= limit
    assert first.input_tokens == sum(map(tokens.count, [system, *texts]))
    assert first.stop in (END, MAX_TOKENS)


def test_a_short_limit_cuts_and_says_so() -> None:
    answer = ExtractiveModel().answer(request("My name is Ada. What is my name?", max_tokens=3))
    assert (answer.stop, answer.output_tokens) == (MAX_TOKENS, 3)


def test_a_stop_sequence_ends_the_answer() -> None:
    answer = ExtractiveModel().answer(request("My name is Ada. What is my name?", stop=["name"]))
    assert answer.stop == STOP_SEQUENCE
    assert "name" not in answer.text


@given(st.text(max_size=80), st.integers(0, 30))
def test_cutting_keeps_exactly_the_first_tokens(text: str, limit: int) -> None:
    head, was_cut = tokens.cut(text, limit)
    assert text.startswith(head)
    assert tokens.count(head) == min(limit, tokens.count(text))
    assert was_cut == (tokens.count(text) > limit)


@given(st.text(max_size=40), st.sampled_from([8, 256, 1024]))
def test_vectors_are_the_same_every_time_and_of_length_one(text: str, dimensions: int) -> None:
    vector = embed(text, dimensions)
    assert vector == embed(text, dimensions)
    assert len(vector) == dimensions
    length = sum(value * value for value in vector)
    assert abs(length - 1) < 1e-6 or length == 0


def test_near_texts_are_nearer_than_far_ones() -> None:
    def dot(one: str, other: str) -> float:
        return sum(a * b for a, b in zip(embed(one, 512), embed(other, 512), strict=True))

    assert dot("the cat sat on the mat", "a cat on a mat") > dot(
        "the cat sat on the mat", "quarterly tax report"
    )


# -- faults -----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("kind", "raised"),
    [("throttle", Throttled), ("unavailable", Unavailable), ("refuse", Refused), ("down", Down)],
)
def test_a_fault_strikes_as_often_as_it_was_asked_to(kind: str, raised: type[Exception]) -> None:
    service = ModelService(ExtractiveModel())
    service.faults.add({"kind": kind, "times": 2})
    for _ in range(2):
        with pytest.raises(raised):
            service.answer(request("hello"))
    service.answer(request("hello"))
    assert service.calls()["count"] == 3


def test_faults_come_in_the_order_they_were_added() -> None:
    faults = Faults()
    faults.add({"kind": "filter"})
    faults.add({"kind": "throttle"})
    assert faults.strike() == "filter"
    with pytest.raises(Throttled):
        faults.strike()
    assert faults.strike() == ""


def test_a_filtered_answer_says_so() -> None:
    service = ModelService(ExtractiveModel())
    service.faults.add({"kind": "filter"})
    assert service.answer(request("hello")).stop == FILTERED


def test_clearing_lets_slow_calls_go_on_at_once() -> None:
    service = ModelService(ExtractiveModel())
    service.faults.add({"kind": "slow", "seconds": 60, "times": 3})
    started, done = time.monotonic(), threading.Event()
    threading.Thread(target=lambda: (service.answer(request("hello")), done.set()), daemon=True).start()
    while service.calls()["count"] == 0:
        time.sleep(0.005)
    service.faults.clear()
    assert done.wait(30)
    service.answer(request("hello"))
    assert time.monotonic() - started < 30


@pytest.mark.parametrize(
    ("wish", "named"),
    [
        (None, "object"),
        ({"kind": "explode"}, "kind"),
        ({}, "kind"),
        ({"kind": "slow", "times": 0}, "times"),
        ({"kind": "slow", "times": 1.5}, "times"),
        ({"kind": "slow", "times": True}, "times"),
        ({"kind": "slow", "seconds": -1}, "seconds"),
        ({"kind": "slow", "seconds": float("nan")}, "seconds"),
        ({"kind": "slow", "minutes": 1}, "minutes"),
    ],
)
def test_a_fault_that_cannot_be_is_refused_by_field(wish: Any, named: str) -> None:
    with pytest.raises(FaultError, match=named):
        Faults().add(wish)


def test_every_kind_of_fault_can_be_asked_for() -> None:
    faults = Faults()
    for kind in KINDS:
        faults.add({"kind": kind})
    assert [one["kind"] for one in faults.listed()] == list(KINDS)


def test_calls_are_recorded_with_all_they_carried() -> None:
    service = ModelService(ExtractiveModel())
    service.answer(request("one", "two", "three", system="be brief", max_tokens=9))
    (call,) = service.calls()["calls"]
    assert call == {"model": "m", "system": "be brief", "roles": ["user", "assistant", "user"],
                    "texts": ["one", "two", "three"], "max_tokens": 9}  # fmt: skip
    service.clear_calls()
    assert service.calls() == {"count": 0, "calls": []}


# -- an OpenAI-compatible server --------------------------------------------------------------------
class Server:
    """Answers with what `reply` holds and remembers what it was asked."""

    def __init__(self) -> None:
        self.reply: tuple[int, bytes] = (200, b"{}")
        self.asked: list[tuple[str, dict[str, str], Any]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                outer.asked.append((self.path, dict(self.headers), json.loads(body) if body else None))
                status, text = outer.reply
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST  # noqa: N815

            def log_message(self, *args: object) -> None: ...

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}/v1"

    def answers(self, text: str = "Hello.", finish: str = "stop", **usage: int) -> None:
        choice = {"message": {"role": "assistant", "content": text}, "finish_reason": finish}
        self.reply = (200, json.dumps({"choices": [choice], "usage": usage}).encode())


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.http.shutdown()
    made.http.server_close()


def test_a_chat_is_forwarded_whole(server: Server) -> None:
    server.answers(prompt_tokens=11, completion_tokens=3)
    model = CompatibleModel(server.url + "/", "llama3", "secret")
    asked = request(
        "one", "two", "three", system="be brief", max_tokens=9, temperature=0.5, top_p=0.9, stop=["!"]
    )
    assert model.answer(asked) == ChatAnswer(text="Hello.", stop=END, input_tokens=11, output_tokens=3)
    ((path, headers, body),) = server.asked
    assert (path, headers["Authorization"]) == ("/v1/chat/completions", "Bearer secret")
    assert body == {
        "model": "llama3",
        "messages": [
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": "one"},
            {"role": "assistant", "content": "two"},
            {"role": "user", "content": "three"},
        ],
        "max_tokens": 9,
        "temperature": 0.5,
        "top_p": 0.9,
        "stop": ["!"],
    }


def test_without_a_name_the_first_listed_model_is_used(server: Server) -> None:
    model = CompatibleModel(server.url)
    server.reply = (200, json.dumps({"data": [{"id": "first"}, {"id": "second"}]}).encode())
    with pytest.raises(Unavailable):
        model.answer(request("hello"))
    server.answers()
    model.answer(request("hello"))
    assert server.asked[-1][2]["model"] == "first"


@pytest.mark.parametrize(
    ("finish", "stop"), [("stop", END), ("length", MAX_TOKENS), ("content_filter", FILTERED)]
)
def test_finish_reasons(server: Server, finish: str, stop: str) -> None:
    server.answers("Hello there.", finish)
    answer = CompatibleModel(server.url, "m").answer(request("hello"))
    assert answer.stop == stop
    assert (answer.input_tokens, answer.output_tokens) == (1, 3), "counted here when the server does not say"


@pytest.mark.parametrize(
    ("status", "body", "raised"),
    [
        (429, b"slow down", Throttled),
        (400, b'{"error": "no such model"}', Refused),
        (401, b"who are you", Refused),
        (408, b"", TimedOut),
        (504, b"", TimedOut),
        (500, b"oops", Unavailable),
        (503, b"", Unavailable),
        (200, b"<html>", Unavailable),
        (200, b"[]", Unavailable),
        (200, b"{}", Unavailable),
        (200, b'{"choices": []}', Unavailable),
        (200, b'{"choices": [{"message": null}]}', Unavailable),
    ],
)
def test_errors_of_the_server(server: Server, status: int, body: bytes, raised: type[Exception]) -> None:
    server.reply = (status, body)
    with pytest.raises(raised) as caught:
        CompatibleModel(server.url, "m").answer(request("hello"))
    assert status == 200 or str(status) in str(caught.value)


def test_a_server_that_is_away() -> None:
    with pytest.raises(Unavailable, match="cannot be reached"):
        CompatibleModel("http://127.0.0.1:1/v1", "m").answer(request("hello"))


@pytest.mark.parametrize("url", ["localhost:11434", "ftp://x", "http://", "/v1"])
def test_a_url_that_is_none_is_refused_by_the_variables_name(url: str) -> None:
    with pytest.raises(ValueError, match="LOCAL_MODEL_URL"):
        from_environment({"LOCAL_MODEL_URL": url})


def test_the_environment_chooses_the_model() -> None:
    assert isinstance(from_environment({}), ExtractiveModel)
    assert isinstance(from_environment({"LOCAL_MODEL_URL": "http://localhost:11434/v1"}), CompatibleModel)
