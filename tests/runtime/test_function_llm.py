"""The core of Function + LLM: requests and events over ports in memory."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from memory_ports import Clock, FakeModel, MemoryStore, Notebook, Outbox, said

from serverless_ai_runtime.core.budget import Budget, BudgetExceeded
from serverless_ai_runtime.core.function_llm import EventsNeedStore, FunctionLlm, Limits
from serverless_ai_runtime.core.idempotency import Once
from serverless_ai_runtime.core.ports import (
    CONTENT_FILTERED,
    MAX_TOKENS,
    Answer,
    Deadline,
    Prompt,
    Refused,
    ServiceError,
    Throttled,
    TimedOut,
    Unavailable,
    VersionConflict,
)
from serverless_ai_runtime.core.replies import Reply
from serverless_ai_runtime.core.requests import InvalidRequest
from serverless_ai_runtime.core.sessions import Sessions

LIMITS = Limits("be brief", 100, 1000)
SECRET = "arn:aws:iam::123456789012:role/secret is not authorized"


class Endpoint:
    """The core with everything it may have."""

    def __init__(
        self,
        model: FakeModel | None = None,
        *,
        limits: Limits = LIMITS,
        history_turns: int = 10,
        caller_limit: int = 0,
        total_limit: int = 0,
        destination: bool = True,
    ) -> None:
        self.clock, self.model, self.outbox = Clock(), model or FakeModel(), Outbox()
        self.store, self.journal = MemoryStore(self.clock), Notebook()
        world = self.clock.world()
        sessions = Sessions(self.store, world, history_turns=history_turns, ttl_s=60)
        budget = Budget(self.store, world, caller_limit=caller_limit, total_limit=total_limit)
        self.core = FunctionLlm(
            self.model,
            limits,
            sessions=sessions if history_turns else None,
            budget=budget if caller_limit or total_limit else None,
            once=Once(self.store, world),
            publisher=self.outbox if destination else None,
        )

    def chat(self, body: dict[str, Any] | bytes, caller: str = "ada", seconds: float = 29) -> Reply:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.core.chat(data, caller, self.clock.deadline(seconds), self.journal)

    def generate(self, message: str = "an order came", event_id: str = "e1") -> dict[str, Any]:
        return self.core.generate(event_id, message, self.clock.deadline(29), self.journal)


def test_a_question_is_answered_with_model_and_usage() -> None:
    endpoint = Endpoint(FakeModel(said("hello", tokens=(12, 3))))
    reply = endpoint.chat({"message": "hi"})
    assert reply == Reply(
        200,
        {
            "answer": "hello",
            "session_id": f"{1:032x}",
            "model": "fake-model",
            "usage": {"input_tokens": 12, "output_tokens": 3},
        },
        {},
    )
    assert endpoint.model.prompts[0].system == "be brief"
    assert endpoint.model.prompts[0].max_output_tokens == 100


def test_earlier_turns_are_sent_to_the_model() -> None:
    endpoint = Endpoint(FakeModel(said("a1"), said("a2")))
    session_id = endpoint.chat({"message": "q1"}).body["session_id"]
    reply = endpoint.chat({"message": "q2", "session_id": session_id})
    assert reply.body["session_id"] == session_id
    assert [message.text for message in endpoint.model.prompts[1].messages] == ["q1", "a1", "q2"]


def test_another_callers_session_is_the_404_of_an_unknown_one() -> None:
    endpoint = Endpoint()
    session_id = endpoint.chat({"message": "q1"}, caller="ada").body["session_id"]
    theirs = endpoint.chat({"message": "q2", "session_id": session_id}, caller="ben")
    unknown = endpoint.chat({"message": "q2", "session_id": "0" * 32}, caller="ben")
    assert theirs == unknown
    assert theirs.status == 404
    assert len(endpoint.model.prompts) == 1


def test_stateless_has_no_session_and_takes_none() -> None:
    endpoint = Endpoint(history_turns=0)
    assert endpoint.chat({"message": "hi"}).body["session_id"] is None
    reply = endpoint.chat({"message": "hi", "session_id": "0" * 32})
    assert reply.status == 400
    assert reply.body["error"]["field"] == "session_id"
    assert endpoint.store.records == {}


def test_a_message_that_does_not_fit_the_context_is_400_and_costs_nothing() -> None:
    endpoint = Endpoint(total_limit=10_000)
    reply = endpoint.chat({"message": "x" * 6000})
    assert reply.status == 400
    assert reply.body["error"]["field"] == "message"
    assert endpoint.store.counters == {}


@pytest.mark.parametrize("text", ["", "I cannot talk about that."])
def test_a_filtered_answer_is_an_answer_with_its_reason_and_is_not_remembered(text: str) -> None:
    endpoint = Endpoint(FakeModel(said(text, CONTENT_FILTERED), said("fine")))
    reply = endpoint.chat({"message": "bad"})
    assert (reply.status, reply.body["answer"]) == (200, text)
    assert reply.body["stop_reason"] == CONTENT_FILTERED
    again = endpoint.chat({"message": "good", "session_id": reply.body["session_id"]})
    assert again.status == 200
    assert [message.text for message in endpoint.model.prompts[1].messages] == ["good"]


def test_a_cut_answer_says_so_and_an_empty_one_says_why() -> None:
    endpoint = Endpoint(FakeModel(said("half", MAX_TOKENS), said("")))
    assert endpoint.chat({"message": "q"}).body["stop_reason"] == "max_tokens"
    assert endpoint.chat({"message": "q"}).body["stop_reason"] == "end"


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (Refused("Model", "answer", 403, "AccessDenied", SECRET), 502, "service_refused"),
        (Throttled("Model", "answer", 429, "Throttling", SECRET), 503, "throttled"),
        (Unavailable("Model", "answer", 500, "Down", SECRET), 502, "service_unavailable"),
        (TimedOut("Model", "answer", 0, "TimeoutError", SECRET), 503, "deadline_exceeded"),
        (ZeroDivisionError(SECRET), 500, "internal_error"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_failures_are_clear_to_the_caller_and_whole_in_the_log(
    error: Exception, status: int, code: str
) -> None:
    endpoint = Endpoint(FakeModel(error), total_limit=1000)
    reply = endpoint.chat({"message": "hi"})
    assert (reply.status, reply.body["error"]["code"]) == (status, code)
    assert SECRET not in json.dumps(reply.body)
    assert ("retry-after" in reply.headers) == (status == 503)
    ((message, fields),) = endpoint.journal.warnings
    assert (message, fields["cause"]) == ("request failed", error)
    assert set(endpoint.store.counters.values()) == {0}, "a failed call costs no budget"


def test_a_throttled_service_says_itself_when_to_come_back() -> None:
    error = Throttled("Model", "answer", 429, "Throttling", "slow down")
    error.retry_after_s = 12.2
    assert Endpoint(FakeModel(error)).chat({"message": "hi"}).headers == {"retry-after": "13"}


def test_over_budget_is_429_with_the_reset_time_and_without_a_call() -> None:
    endpoint = Endpoint(caller_limit=150)
    assert endpoint.chat({"message": "hi"}).status == 200
    reply = endpoint.chat({"message": "hi " * 50})
    assert reply.status == 429
    assert reply.body["reset_at"] == "2026-11-25T00:00:00Z"
    assert len(endpoint.model.prompts) == 1
    assert endpoint.chat({"message": "hi"}, caller="ben").status == 200


def test_the_history_counts_in_the_reservation() -> None:
    endpoint = Endpoint(FakeModel(said("a" * 600, tokens=(5, 5))), total_limit=330)
    session_id = endpoint.chat({"message": "q"}).body["session_id"]
    assert endpoint.chat({"message": "q", "session_id": session_id}).status == 429
    assert endpoint.chat({"message": "q"}).status == 200


def test_time_is_kept_for_storing_what_the_model_said() -> None:
    endpoint = Endpoint()
    endpoint.chat({"message": "hi"}, seconds=20)
    endpoint.chat({"message": "hi"}, seconds=5)
    assert endpoint.model.remaining == pytest.approx([19, 4.5])


def test_a_model_that_takes_all_its_time_leaves_enough_to_remember_the_turn() -> None:
    def slowly(prompt: Prompt, deadline: Deadline) -> Answer:
        endpoint.clock.sleep(deadline.remaining())
        return said("at last")

    endpoint = Endpoint(FakeModel(slowly), caller_limit=10_000)
    reply = endpoint.chat({"message": "hi"}, seconds=10)
    assert reply.status == 200
    assert endpoint.store.records
    assert set(endpoint.store.counters.values()) == {15}


def test_a_session_that_is_too_busy_is_503() -> None:
    endpoint = Endpoint()

    def lose(operation: str, key: str) -> None:
        if operation == "put":
            raise VersionConflict(key)

    endpoint.store.before = lose
    reply = endpoint.chat({"message": "hi"})
    assert (reply.status, reply.body["error"]["code"]) == (503, "session_busy")
    assert reply.headers["retry-after"] == "1"


def test_content_goes_to_the_journal_only_as_content() -> None:
    endpoint = Endpoint(FakeModel(said("the answer")))
    endpoint.chat({"message": "the question"})
    assert endpoint.journal.contents == [{"message": "the question", "answer": "the answer"}]
    assert "the " not in str(endpoint.journal.notes)
    assert endpoint.journal.notes["input_tokens"] == 10


def test_a_system_prompt_that_leaves_no_room_fails_at_the_start() -> None:
    with pytest.raises(ValueError, match="context_tokens"):
        Endpoint(limits=Limits("long " * 1000, 100, 500))


@settings(max_examples=200)
@given(st.binary(max_size=200))
def test_any_body_gets_a_reply_of_ours(body: bytes) -> None:
    reply = Endpoint().chat(body)
    assert reply.status in (200, 400, 404)
    assert json.dumps(reply.body)
    if reply.status != 200:
        assert {"code", "message", "field"} <= set(reply.body["error"])


def test_an_event_is_answered_once_and_sent_on_once() -> None:
    endpoint = Endpoint(FakeModel(said("noon", tokens=(7, 2))), total_limit=1000, caller_limit=1)
    result = endpoint.generate()
    assert endpoint.generate() == result
    assert result == {
        "event_id": "e1",
        "answer": "noon",
        "model": "fake-model",
        "usage": {"input_tokens": 7, "output_tokens": 2},
        "stop_reason": "end",
    }
    assert endpoint.outbox.sent == [result]
    assert len(endpoint.model.prompts) == 1
    assert endpoint.store.counters == {"budget.2026-11-24.total": 9}


def test_an_event_without_a_destination_still_has_one_effect() -> None:
    endpoint = Endpoint(destination=False)
    assert endpoint.generate() == endpoint.generate()
    assert len(endpoint.model.prompts) == 1


@pytest.mark.parametrize(
    "error",
    [
        Refused("Model", "answer", 400, "Validation", "bad"),
        Throttled("Model", "answer", 429, "Throttling", "slow"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_failing_event_raises_and_the_next_delivery_runs(error: ServiceError) -> None:
    endpoint = Endpoint(FakeModel(error, said("fine")))
    with pytest.raises(type(error)):
        endpoint.generate()
    assert endpoint.generate()["answer"] == "fine"
    assert len(endpoint.outbox.sent) == 1


def test_a_destination_that_fails_is_tried_again_with_the_same_answer() -> None:
    endpoint = Endpoint(FakeModel(said("one"), said("two")))
    endpoint.outbox.failures.append(Unavailable("Queue", "send", 503, "Down", "down"))
    with pytest.raises(Unavailable):
        endpoint.generate()
    assert endpoint.generate()["answer"] == "one"
    assert [sent["answer"] for sent in endpoint.outbox.sent] == ["one"]


def test_an_event_over_budget_raises_so_that_it_is_not_lost() -> None:
    with pytest.raises(BudgetExceeded):
        Endpoint(total_limit=10).generate()


@pytest.mark.parametrize(("message", "event_id"), [("  ", "e1"), ("fine", ""), ("x" * 40_000, "e1")])
def test_an_event_that_cannot_be_answered_says_what_is_wrong(message: str, event_id: str) -> None:
    endpoint = Endpoint()
    with pytest.raises(InvalidRequest, match=r"message|id of the event"):
        endpoint.generate(message, event_id)
    assert endpoint.model.prompts == []


def test_an_event_without_a_store_is_an_error() -> None:
    core = FunctionLlm(FakeModel(), LIMITS)
    with pytest.raises(EventsNeedStore):
        core.generate("e1", "hi", Clock().deadline(9), Notebook())
