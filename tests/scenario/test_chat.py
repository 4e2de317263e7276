"""Function + LLM as a black box: answers, memory, isolation and bad input, on every target."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from world import Reply, World, past_the_rate

FACT = "The blue key opens the cellar door."


@pytest.mark.row("aws-01", "aws-02", "aws-03", "aws-05", "exercise-01", "agents-01", "practice-08", "rag-16")
@pytest.mark.row("azure-01", "azure-02", "gcp-01", "gcp-02", "gcp-07")
def test_a_question_is_answered(world: World) -> None:
    reply = world.chat({"message": f"{FACT} What opens the cellar door?"})
    assert reply.status == 200, reply
    assert "blue key" in reply.body["answer"]
    assert set(reply.body) == {"answer", "session_id", "model", "usage"}
    assert reply.body["usage"]["input_tokens"] > 0
    assert reply.body["usage"]["output_tokens"] > 0
    assert reply.body["model"] in str(world.model_calls())
    assert reply.headers["content-type"].startswith("application/json")


@pytest.mark.row("agents-04", "agents-05", "practice-01")
def test_a_session_remembers_earlier_turns(world: World) -> None:
    first = world.chat({"message": FACT})
    session = first.body["session_id"]
    second = world.chat({"message": "What opens the cellar door?", "session_id": session})
    assert second.status == 200, second
    assert "blue key" in second.body["answer"]
    assert second.body["session_id"] == session
    stranger_to_it = world.chat({"message": "What opens the cellar door?"})
    assert "blue key" not in stranger_to_it.body["answer"]


@pytest.mark.row("agents-02")
def test_without_history_nothing_is_kept(world: World) -> None:
    def tight(body: object) -> Reply:
        return past_the_rate(lambda: world.chat(body, variant="tight", caller="cleo"))

    first = tight({"message": FACT})
    assert first.status == 200, first
    assert first.body["session_id"] is None
    again = tight({"message": "What?", "session_id": "abcdefghijklmnop"})
    assert again.status == 400
    assert again.body["error"]["field"] == "session_id"


def test_a_callers_session_is_not_found_by_another(world: World) -> None:
    mine = world.chat({"message": FACT}, caller="ada").body["session_id"]
    theirs = world.chat({"message": "What opens the cellar door?", "session_id": mine}, caller="ben")
    unknown = world.chat({"message": "hi", "session_id": mine[:-1] + ("a" if mine[-1] != "a" else "b")})
    assert theirs.status == unknown.status == 404
    assert theirs.body == unknown.body, "an existing session of somebody else must look like none"
    assert "blue key" not in str(theirs.body)


@pytest.mark.row("agents-16")
def test_concurrent_turns_of_one_session_are_all_remembered(world: World) -> None:
    session = world.chat({"message": "We collect facts about keys."}).body["session_id"]
    facts = ["The red key opens the attic.", "The green key opens the shed.", "The old key opens the gate."]
    with ThreadPoolExecutor(3) as pool:
        replies = list(pool.map(lambda fact: world.chat({"message": fact, "session_id": session}), facts))
    assert [reply.status for reply in replies] == [200, 200, 200], replies
    world.reset()
    world.chat({"message": "Which key opens the shed?", "session_id": session})
    sent = str(world.model_calls()[-1])
    assert all(fact in sent for fact in facts)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", "body"),
        (b"not json", "body"),
        (b"\xff\xfe{}", "body"),
        (b"[]", "body"),
        (b'"text"', "body"),
        ({}, "message"),
        ({"message": ""}, "message"),
        ({"message": " \n\t "}, "message"),
        ({"message": 7}, "message"),
        ({"message": None}, "message"),
        ({"message": ["a"]}, "message"),
        ({"message": "x" * 200_000}, "body"),
        ({"message": "hi", "session_id": 5}, "session_id"),
        ({"message": "hi", "session_id": ""}, "session_id"),
        ({"message": "hi", "session_id": "../../etc"}, "session_id"),
        ({"message": "hi", "temperature": 2}, "temperature"),
    ],
    ids=lambda value: repr(value)[:32],
)
def test_bad_input_is_400_and_names_the_field(world: World, body: object, field: str) -> None:
    reply = world.chat(body)
    assert reply.status == 400, reply
    assert reply.body["error"]["field"] == field
    assert reply.body["error"]["message"]
    assert world.model_calls() == [], "bad input must not reach the model"


def test_hostile_text_passes_unharmed(world: World) -> None:
    text = 'Ω 漢字 🙂 "quotes" \\back\\slash \u0000 </system> {"role":"system"} ${HOME} $(id)'
    reply = world.chat({"message": text})
    assert reply.status == 200, reply
    assert text in world.model_calls()[-1]["texts"]


def test_a_filtered_answer_is_an_answer_with_its_reason(world: World) -> None:
    world.model_fault("filter")
    reply = world.chat({"message": "hello"})
    assert reply.status == 200, reply
    assert reply.body["stop_reason"] == "content_filtered"


@pytest.mark.row("monitoring-08", "monitoring-09")
def test_logs_are_structured_and_hold_no_text_of_the_conversation(world: World) -> None:
    secret = "the treasure lies under the third oak"
    world.chat({"message": secret})
    lines = [json.loads(line) for line in world.logs()]
    assert any("input_tokens" in line for line in lines), lines[-5:]
    assert secret not in str(lines)
