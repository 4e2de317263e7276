"""When the model throttles, stalls or is gone, on every target."""

from __future__ import annotations

import pytest
from world import World

TIMEOUT_S = 8


@pytest.mark.row("practice-03", "aws-28")
def test_a_throttled_model_is_asked_again(world: World) -> None:
    world.model_fault("throttle", times=2)
    reply = world.chat({"message": "hello"})
    assert reply.status == 200, reply
    assert len(world.model_calls()) == 3


@pytest.mark.row("practice-04", "cost-10")
@pytest.mark.parametrize(
    ("kind", "statuses"),
    [("throttle", {503}), ("unavailable", {502, 503}), ("down", {502, 503}), ("slow", {502, 503, 504})],
)
def test_a_model_that_stays_away_is_a_clear_error_within_the_timeout(
    world: World, kind: str, statuses: set[int]
) -> None:
    world.model_fault(kind, times=1000, seconds=60)
    reply = world.chat({"message": "hello"})
    assert reply.status in statuses, reply
    assert reply.body["error"]["code"], reply.body
    assert reply.body["error"]["message"]
    assert reply.seconds < TIMEOUT_S + 1
    world.reset()
    assert world.chat({"message": "hello"}).status == 200, "it must recover at once"


def test_a_failed_turn_costs_no_budget(world: World) -> None:
    caller = "unlucky"
    world.model_fault("unavailable", times=1000)
    import time

    for _ in range(4):
        reply = world.chat({"message": "hello"}, variant="tight", caller=caller)
        assert reply.status in (502, 503), reply
        time.sleep(0.5)
    world.reset()
    time.sleep(1)
    assert world.chat({"message": "hello"}, variant="tight", caller=caller).status == 200
