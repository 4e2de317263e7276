"""Least privilege on Google Cloud, shown: without any one grant something fails; every permission is used."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import quote

import pytest
from gcp_world import GcpWorld, post
from world import eventually

pytestmark = pytest.mark.parametrize("target", ["pulumi-gcp"], indirect=True)

SETTLE_S = 0.7
"""Time for one use to be through before the next begins."""
MEMBER = "gcp:projects/iAMMember:IAMMember"
TOPIC_MEMBER = "gcp:pubsub/topicIAMMember:TopicIAMMember"
SUBSCRIPTION_MEMBER = "gcp:pubsub/subscriptionIAMMember:SubscriptionIAMMember"
BINDING = "gcp:cloudrunv2/serviceIamBinding:ServiceIamBinding"
ROLE = "gcp:projects/iAMCustomRole:IAMCustomRole"
PREDEFINED = {"roles/pubsub.publisher": {"pubsub.topics.publish"}}


@pytest.fixture
def gcp(world: GcpWorld) -> GcpWorld:
    return world


def deployed(world: GcpWorld, *tokens: str) -> list[dict[str, Any]]:
    everything = world.cloud.admin("GET", "gcp/resources")["resources"]
    return [one for one in everything if one["token"] in tokens]


def own_grants(world: GcpWorld) -> list[dict[str, Any]]:
    """What `main`'s own account was granted, each with its `permissions`."""
    member = f"serviceAccount:{world.outputs['main_identity_name']}"
    roles = {one["id"]: set(one["inputs"]["permissions"]) for one in deployed(world, ROLE)} | PREDEFINED
    return [
        {**one, "permissions": roles[one["inputs"]["role"]]}
        for one in deployed(world, MEMBER, TOPIC_MEMBER, SUBSCRIPTION_MEMBER)
        if one["inputs"]["member"] == member
    ]


@contextmanager
def without(world: GcpWorld, *grants: Mapping[str, Any]) -> Iterator[None]:
    """The project without these grants, put back afterwards."""
    place = {"project": "serverless-ai-local", "region": "us-central1"}
    for grant in grants:
        world.cloud.admin("POST", "gcp/resources/delete", {"uid": grant["uid"]})
    try:
        yield
    finally:
        for grant in grants:
            given = {"token": grant["token"], "inputs": grant["inputs"], **place}
            world.cloud.admin("POST", "gcp/resources/create", given)


def checks(world: GcpWorld, account: str) -> list[dict[str, Any]]:
    return world.cloud.admin("GET", f"iam/checks?role={quote(account)}")["checks"]


def uses(world: GcpWorld) -> Iterator[None]:
    """Every way through the pattern: a chat of two turns, a scheduled job, an event that fails for good."""
    session = world.chat({"message": "hello"}).body.get("session_id")
    if session:
        world.chat({"message": "again", "session_id": session})
    yield
    world.fire_schedule()
    yield
    world.model_fault("refuse", times=1000)
    world.emit({"message": "fail, please"})
    yield


def use_until(world: GcpWorld, done: Callable[[], Any], what: str) -> Any:
    for _ in uses(world):
        with suppress(AssertionError):
            return eventually(done, within=SETTLE_S)
    return eventually(done, within=20, what=what)


def test_without_any_one_grant_a_call_is_denied_in_the_clouds_own_words(gcp: GcpWorld) -> None:
    account = gcp.outputs["main_identity_name"]
    grants = own_grants(gcp)
    assert len(grants) == 4, grants
    for grant in grants:
        gcp.reset()
        gcp.cloud.admin("DELETE", "iam/checks")
        with without(gcp, grant):

            def denied(needed: set[str] = grant["permissions"]) -> list[dict[str, Any]]:
                return [c for c in checks(gcp, account) if not c["allowed"] and c["action"] in needed]

            refusals = use_until(gcp, denied, f"a refusal without {grant['id']}")
        assert refusals[0]["message"].startswith(f"Permission '{refusals[0]['action']}' denied on resource")


def test_every_granted_permission_is_used(gcp: GcpWorld) -> None:
    account = gcp.outputs["main_identity_name"]
    granted = set[str]().union(*(one["permissions"] for one in own_grants(gcp)))
    for _ in uses(gcp):
        time.sleep(SETTLE_S)

    def unused() -> set[str]:
        return granted - {check["action"] for check in checks(gcp, account) if check["allowed"]}

    eventually(lambda: not unused(), what=f"use of {unused()}")


def test_one_permission_too_many_would_be_seen(gcp: GcpWorld) -> None:
    gcp.chat({"message": "hello"})
    seen = {one["action"] for one in checks(gcp, gcp.outputs["main_identity_name"]) if one["allowed"]}
    assert {"datastore.entities.delete", "datastore.entities.get"} - seen == {"datastore.entities.delete"}


def test_without_the_models_grant_the_chat_says_so_and_the_log_says_why(gcp: GcpWorld) -> None:
    (grant,) = [one for one in own_grants(gcp) if "aiplatform.endpoints.predict" in one["permissions"]]
    with without(gcp, grant):
        reply = gcp.chat({"message": "hello"})
    assert reply.status == 502, reply
    assert "PERMISSION_DENIED" in str(gcp.logs())
    assert "serviceaccount" not in str(reply.body), "the caller must not learn about accounts"


def test_the_account_may_not_use_another_database_nor_read_its_own_results(gcp: GcpWorld) -> None:
    """The deployed account's own token, used by hand for something else."""
    account = gcp.outputs["main_identity_name"]
    token = gcp.cloud.admin("POST", "gcp/access-token", {"email": account})["token"]
    other = gcp.outputs["tight_table_name"]
    calls = [
        (f"{other.rpartition('/')[0]}:batchGet", {"documents": [f"{other}/x"]}),
        (f"{gcp.outputs['main_destination_queue_url']}:pull", {"maxMessages": 1}),
        (f"{gcp.outputs['main_events_topic']}:publish", {"messages": [{"data": "YQ=="}]}),
    ]
    for path, body in calls:
        reply = post(f"{gcp.cloud.url}/v1/{path}", body, {"authorization": f"Bearer {token}"})
        assert reply.status == 403, (path, reply)
        assert reply.body["error"]["status"] == "PERMISSION_DENIED"


def test_without_the_binding_nobody_gets_in(gcp: GcpWorld) -> None:
    name = gcp.outputs["main_function_name"]
    (binding,) = [one for one in deployed(gcp, BINDING) if one["inputs"]["name"] == name]
    with without(gcp, binding):
        assert gcp.chat({"message": "hello"}).status == 403
    assert gcp.chat({"message": "hello"}).status == 200


@pytest.mark.parametrize("kind", [TOPIC_MEMBER, SUBSCRIPTION_MEMBER])
def test_without_either_grant_of_pubsubs_own_account_dead_letters_stay_where_they_are(
    gcp: GcpWorld, kind: str
) -> None:
    """An event that the function cannot bury itself: its account may not publish dead letters."""
    own = [one for one in own_grants(gcp) if "dead-letters" in one["inputs"].get("topic", "")]
    agents = [one for one in deployed(gcp, kind) if "gcp-sa-pubsub" in one["inputs"]["member"]]
    assert len(own) == 1
    assert agents
    gcp.model_fault("refuse", times=1000)
    with without(gcp, *own, *agents):
        seen = len(gcp.logs())
        gcp.emit({"message": "stuck"})

        def delivered() -> bool:
            return any('"deliveries": 6' in line for line in gcp.logs()[seen:])

        eventually(delivered, within=30, what="delivery after the last one")
        assert gcp.dead_letters() == []
        assert "may not move it" in (gcp.cloud.state_dir / "cloud.log").read_text()
    (letter,) = eventually(gcp.dead_letters, within=30, what="the dead letter")
    assert "stuck" in str(letter["payload"])
