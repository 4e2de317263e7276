"""When the model throttles, stalls or is gone, on every target."""

from __future__ import annotations

import pytest
from world import Reply, World, past_the_rate

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
    """The budget of `tight` allows one call at a time; three failed ones must leave room for it."""
    world.model_fault("refuse", times=1000)

    def hello() -> Reply:
        return past_the_rate(lambda: world.chat({"message": "hello"}, variant="tight", caller="unlucky"))

    failed = [hello() for _ in range(3)]
    assert {reply.status for reply in failed} == {502}, failed
    world.reset()
    assert hello().status == 200
