"""Sessions belong to one caller, end by themselves and take concurrent turns."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from memory_ports import Clock, MemoryStore, Notebook

from serverless_ai_runtime.core.context import Turn
from serverless_ai_runtime.core.ports import VersionConflict
from serverless_ai_runtime.core.records import MAX_RECORD_BYTES, json_bytes
from serverless_ai_runtime.core.sessions import MAX_ATTEMPTS, SessionBusy, SessionNotFound, Sessions

TTL_S = 3600


class Room:
    """Sessions of a store, with everything they need."""

    def __init__(self, history_turns: int = 10) -> None:
        self.clock = Clock()
        self.store = MemoryStore(self.clock)
        self.journal = Notebook()
        self.sessions = Sessions(self.store, self.clock.world(), history_turns=history_turns, ttl_s=TTL_S)

    def begin(self, owner: str = "ada", question: str = "q1") -> str:
        session = self.sessions.open(None, owner, self.clock.deadline(9))
        self.remember(session.id, owner, question, new=True)
        return session.id

    def remember(self, session_id: str, owner: str, question: str, *, new: bool = False) -> None:
        session = self.sessions.open(None if new else session_id, owner, self.clock.deadline(9))
        session = session._replace(id=session_id)
        self.sessions.remember(session, Turn(question, "a"), self.clock.deadline(9), self.journal)

    def questions(self, session_id: str, owner: str = "ada") -> list[str]:
        session = self.sessions.open(session_id, owner, self.clock.deadline(9))
        return [turn.question for turn in session.turns]


def test_turns_come_back_in_order() -> None:
    room = Room()
    session_id = room.begin()
    room.remember(session_id, "ada", "q2")
    assert room.questions(session_id) == ["q1", "q2"]


def test_unknown_ended_and_foreign_sessions_are_the_same_404() -> None:
    room = Room()
    mine = room.begin(owner="ada")
    ended = room.begin(owner="ben")
    replies: list[tuple[int, str, str]] = []
    for session_id, wait in ((mine, 0), ("f" * 32, 0), (ended, TTL_S)):
        room.clock.now += wait
        with pytest.raises(SessionNotFound) as caught:
            room.sessions.open(session_id, "ben", room.clock.deadline(9))
        replies.append((caught.value.status, caught.value.code, caught.value.message))
    assert len(set(replies)) == 1
    assert replies[0][0] == 404


def test_each_turn_prolongs_the_session() -> None:
    room = Room()
    session_id = room.begin()
    room.clock.now += TTL_S - 1
    room.remember(session_id, "ada", "q2")
    room.clock.now += TTL_S - 1
    assert room.questions(session_id) == ["q1", "q2"]
    room.clock.now += 1
    with pytest.raises(SessionNotFound):
        room.questions(session_id)


def test_a_turn_that_is_not_worth_keeping_still_prolongs_the_session() -> None:
    room = Room()
    session_id = room.begin()
    room.clock.now += TTL_S - 1
    session = room.sessions.open(session_id, "ada", room.clock.deadline(9))
    room.sessions.remember(session, None, room.clock.deadline(9), room.journal)
    room.clock.now += TTL_S - 1
    assert room.questions(session_id) == ["q1"]


def test_only_the_newest_turns_are_stored() -> None:
    room = Room(history_turns=3)
    session_id = room.begin()
    for number in range(2, 8):
        room.remember(session_id, "ada", f"q{number}")
    assert room.questions(session_id) == ["q5", "q6", "q7"]
    ((value, _, _),) = room.store.records.values()
    assert len(value["turns"]) == 3


def test_a_turn_that_another_turn_overtook_is_appended_to_it() -> None:
    room = Room()
    session_id = room.begin()
    slow = room.sessions.open(session_id, "ada", room.clock.deadline(9))
    room.remember(session_id, "ada", "fast")
    room.sessions.remember(slow, Turn("slow", "a"), room.clock.deadline(9), room.journal)
    assert room.questions(session_id) == ["q1", "fast", "slow"]


def test_a_session_that_ended_during_the_answer_goes_on() -> None:
    room = Room()
    session_id = room.begin()
    session = room.sessions.open(session_id, "ada", room.clock.deadline(9))
    room.clock.now += TTL_S
    room.sessions.remember(session, Turn("late", "a"), room.clock.deadline(9), room.journal)
    assert room.questions(session_id) == ["q1", "late"]


@pytest.mark.parametrize("threads", [2, MAX_ATTEMPTS])
def test_concurrent_turns_all_survive(threads: int) -> None:
    room = Room(history_turns=50)
    session_id = room.begin()
    together = Barrier(threads)

    def turn(number: int) -> None:
        session = room.sessions.open(session_id, "ada", room.clock.deadline(1e9))
        together.wait()
        room.sessions.remember(session, Turn(f"t{number}", "a"), room.clock.deadline(1e9), room.journal)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(turn, range(threads)))
    assert sorted(room.questions(session_id)) == sorted(["q1", *(f"t{number}" for number in range(threads))])


def test_a_session_that_is_never_free_is_a_503_after_bounded_attempts() -> None:
    room = Room()
    session_id = room.begin()
    session = room.sessions.open(session_id, "ada", room.clock.deadline(9))
    room.store.before = lambda operation, key: _lose(operation)
    with pytest.raises(SessionBusy) as caught:
        room.sessions.remember(session, Turn("q", "a"), room.clock.deadline(1000), room.journal)
    assert caught.value.status == 503
    assert caught.value.retry_after_s
    assert len(room.clock.slept) == MAX_ATTEMPTS - 1


def test_lost_races_stop_at_the_deadline() -> None:
    room = Room()
    session_id = room.begin()
    session = room.sessions.open(session_id, "ada", room.clock.deadline(9))
    room.store.before = lambda operation, key: _lose(operation)
    started = room.clock.now
    with pytest.raises(SessionBusy):
        room.sessions.remember(session, Turn("q", "a"), room.clock.deadline(0.3), room.journal)
    assert room.clock.now - started < 0.3


def _lose(operation: str) -> None:
    if operation == "put":
        raise VersionConflict(operation)


def test_a_record_never_outgrows_what_stores_take() -> None:
    room = Room(history_turns=100)
    session_id = room.begin(owner="o" * 2000)
    for _ in range(8):
        room.remember(session_id, "o" * 2000, '"漢🙂\u0000' * 8_000)
        ((value, _, _),) = room.store.records.values()
        assert json_bytes(value) <= MAX_RECORD_BYTES
    assert len(room.questions(session_id, "o" * 2000)) >= 2
    assert room.journal.warnings == []


def test_a_turn_too_large_to_store_is_left_out_and_said_so() -> None:
    room = Room()
    session_id = room.begin()
    room.remember(session_id, "ada", "x" * MAX_RECORD_BYTES)
    assert room.questions(session_id) == []
    assert [message for message, _ in room.journal.warnings] == ["turn too large to remember"]


@settings(max_examples=50)
@given(st.lists(st.text(), min_size=1, max_size=30), st.integers(1, 12))
def test_any_text_comes_back_as_it_was(questions: list[str], history_turns: int) -> None:
    room = Room(history_turns=history_turns)
    session_id = room.begin(question=questions[0])
    for question in questions[1:]:
        room.remember(session_id, "ada", question)
    assert room.questions(session_id) == questions[-history_turns:]


def test_ids_are_long_and_not_repeated() -> None:
    room = Room()
    ids = {room.sessions.open(None, "ada", room.clock.deadline(9)).id for _ in range(100)}
    assert len(ids) == 100
    assert all(len(session_id) == 32 for session_id in ids)
    json.dumps(sorted(ids))
