"""Scheduled jobs and bus events: done once, or dead-lettered with the reason, on every target."""

from __future__ import annotations

import time

import pytest
from world import World, eventually


@pytest.mark.row("aws-07", "aws-30")
def test_a_schedule_generates_content_and_sends_it_on(world: World) -> None:
    world.fire_schedule()
    (result,) = eventually(world.results, what="the result of the schedule")
    assert "noon" in result["answer"]
    assert result["usage"]["output_tokens"] > 0
    assert result["event_id"]


@pytest.mark.row("aws-04", "aws-08", "aws-31", "azure-04", "azure-17", "gcp-05")
def test_a_bus_event_is_answered_and_others_are_held_back(world: World) -> None:
    world.emit_other({"message": "The lamp is red. What is red?"})
    world.emit({"message": "The ball is green. What is green?"})
    results = eventually(world.results, what="the result of the event")
    assert "ball" in results[0]["answer"]
    assert len(world.model_calls()) == 1


def test_an_event_delivered_twice_has_one_effect(world: World) -> None:
    world.emit({"message": "The cup is full. What is full?"}, deliveries=2)
    eventually(world.results, what="the result of the event")
    time.sleep(1.5)
    assert len(world.results()) == 1
    assert len(world.model_calls()) == 1
    assert world.dead_letters() == []


@pytest.mark.row("practice-03")
def test_an_event_that_fails_is_retried_and_then_answered(world: World) -> None:
    world.model_fault("refuse", times=1)
    world.emit({"message": "The hat is black. What is black?"})
    (result,) = eventually(world.results, what="the result after a retry")
    assert "hat" in result["answer"]
    assert world.dead_letters() == []


@pytest.mark.row("aws-28")
def test_an_event_that_keeps_failing_is_in_the_dead_letter_queue_with_its_reason(world: World) -> None:
    world.model_fault("refuse", times=1000)
    world.emit({"message": "remember-me"})
    (letter,) = eventually(world.dead_letters, within=30, what="the dead letter")
    assert "remember-me" in str(letter["payload"])
    assert world.refusal in letter["reason"], letter
    assert letter["attempts"] == 3
    assert world.results() == []


def test_an_event_without_a_usable_message_is_dead_lettered_and_says_why(world: World) -> None:
    world.emit({"message": "   "})
    (letter,) = eventually(world.dead_letters, within=30, what="the dead letter")
    assert "message" in letter["reason"]
    assert world.model_calls() == []
