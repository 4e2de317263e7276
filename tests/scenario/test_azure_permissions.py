"""Least privilege on Azure, shown: without any one role assignment something fails; each one is used."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from azure_world import EVENTS, AzureWorld, bearer, send
from world import eventually

from serverless_ai_local.azure.access import ASSIGNMENT, COSMOS_ASSIGNMENT
from serverless_ai_patterns.azure import roles

pytestmark = pytest.mark.parametrize("target", ["pulumi-azure"], indirect=True)

SETTLE_S = 0.7
"""Time for one use to be through before the next begins."""
Resource = Mapping[str, Any]


@pytest.fixture
def azure(world: AzureWorld) -> AzureWorld:
    return world


def resources(world: AzureWorld, *kinds: str) -> list[Resource]:
    found = world.cloud.admin("GET", "azure/resources")["resources"]
    return [one for one in found if one["kind"] in kinds]


def principals(world: AzureWorld) -> dict[str, str]:
    """Object id -> name of those who act for `main`: the function's identity, and the topic."""
    name, topic_id = world.outputs["main_identity_name"], world.outputs["main_topic_id"]
    (identity,) = [
        one for one in resources(world, "managedidentity:UserAssignedIdentity") if one["name"] == name
    ]
    topic = world.manage("GET", topic_id).body
    return {
        world.manage("GET", identity["id"]).body["outputs"]["principalId"]: name,
        topic["outputs"]["identity"]["principalId"]: topic["name"],
    }


def assignments(world: AzureWorld) -> list[Resource]:
    who = principals(world)
    found = resources(world, ASSIGNMENT, COSMOS_ASSIGNMENT)
    return [one for one in found if one["inputs"]["principalId"] in who]


@contextmanager
def without(world: AzureWorld, *removed: Resource) -> Iterator[None]:
    """`main` without these assignments, put back afterwards."""
    for one in removed:
        world.manage("DELETE", one["id"])
    try:
        yield
    finally:
        for one in removed:
            put(world, one)


def put(world: AzureWorld, one: Resource) -> None:
    world.manage("PUT", one["id"], {"kind": one["kind"], "inputs": one["inputs"]})


def uses(world: AzureWorld) -> Iterator[None]:
    """Every way through the pattern, one by one: a start, a chat, a scheduled job, an event that fails."""
    name = world.outputs["main_function_name"]
    (app,) = [one for one in resources(world, "web:WebApp") if one["name"] == name]
    put(world, app)  # a changed app is started anew
    world.chat({"message": "hello"})
    yield
    world.fire_schedule()
    yield
    world.model_fault("refuse", times=3)
    world.emit({"message": "fail, please"})
    yield


def use_until(world: AzureWorld, done: Callable[[], Any], what: str) -> Any:
    """Use the pattern in every way until `done`; what it found."""
    for _ in uses(world):
        with suppress(AssertionError):
            return eventually(done, within=SETTLE_S)
    return eventually(done, within=20, what=what)


def checks(world: AzureWorld, one: Resource, *, allowed: bool) -> list[dict[str, Any]]:
    """The permission checks of the assignment's principal on what the assignment is for."""
    role = principals(world)[one["inputs"]["principalId"]]
    scope = one["inputs"]["scope"].lower()
    found = world.cloud.admin("GET", f"iam/checks?role={role}")["checks"]
    return [c for c in found if c["allowed"] == allowed and c["resource"].lower().startswith(scope)]


def in_the_way(one: Resource, others: list[Resource]) -> list[Resource]:
    """A topic needs its container only when it cannot send into the queue."""
    if roles.WRITE_BLOBS.id not in one["inputs"]["roleDefinitionId"]:
        return []
    sender = one["inputs"]["principalId"]
    return [other for other in others if other["inputs"]["principalId"] == sender and other is not one]


def test_without_any_one_assignment_a_call_is_denied_in_the_services_own_words(azure: AzureWorld) -> None:
    granted = assignments(azure)
    assert len(granted) == 9, [one["inputs"] for one in granted]
    for one in granted:
        azure.reset()
        azure.cloud.admin("DELETE", "iam/checks")
        with without(azure, one, *in_the_way(one, granted)):
            what = f"a refusal without {one['inputs']['roleDefinitionId']} on {one['inputs']['scope']}"

            def denied(one: Resource = one) -> list[dict[str, Any]]:
                return checks(azure, one, allowed=False)

            with suppress(AssertionError, LookupError):  # a timer of an app that cannot start
                use_until(azure, denied, what)
            refusals = eventually(denied, what=what)
        assert refusals[0]["message"], refusals[0]
        azure.cloud.admin("DELETE", "model/faults")
        assert azure.chat({"message": "hello"}).status == 200, "it must recover at once"


def test_every_assignment_is_used(azure: AzureWorld) -> None:
    granted = assignments(azure)
    for _ in uses(azure):
        time.sleep(SETTLE_S)
    azure.cloud.admin("DELETE", "model/faults")
    azure.emit({"message": "The sky is blue. What is blue?"})
    bury = next(one for one in granted if roles.WRITE_BLOBS.id in one["inputs"]["roleDefinitionId"])
    for one in [one for one in granted if one is not bury]:
        eventually(lambda one=one: checks(azure, one, allowed=True), what=f"use of {one['inputs']}")
    with without(azure, *in_the_way(bury, granted)):
        azure.emit({"message": "lost"})
        eventually(
            lambda: checks(azure, bury, allowed=True), what="use of the container of undelivered events"
        )


def test_one_assignment_too_many_would_be_seen(azure: AzureWorld) -> None:
    known = assignments(azure)[0]
    extra = dict(known["inputs"]) | {
        "scope": azure.outputs["main_topic_id"],
        "roleAssignmentName": "00000000-0000-4000-8000-00000000eeee",
    }
    id_ = f"{extra['scope']}/providers/Microsoft.Authorization/roleAssignments/{extra['roleAssignmentName']}"
    more = {"id": id_, "kind": ASSIGNMENT, "inputs": extra}
    put(azure, more)
    try:
        assert id_ in [one["id"] for one in assignments(azure)]
        for _ in uses(azure):
            time.sleep(SETTLE_S)
        assert checks(azure, more, allowed=True) == []
    finally:
        azure.manage("DELETE", id_)


def test_the_function_may_not_do_what_it_was_not_granted(azure: AzureWorld) -> None:
    """The function's own identity, used by hand for something else."""
    oid = next(iter(principals(azure)))
    event = [{"specversion": "1.0", "id": "1", "source": "shop", "type": "OrderPlaced", "data": {}}]
    headers = {"content-type": "application/cloudevents-batch+json"} | bearer(
        azure.service_token(EVENTS, oid)
    )
    assert send("POST", azure.outputs["main_events_topic"], event, headers).status == 401
    results = azure.outputs["main_destination_queue_url"]
    token = bearer(azure.service_token("https://storage.azure.com", oid))
    assert send("GET", f"{results}/messages", None, token).status == 403


def test_without_the_model_role_the_chat_says_so_and_the_log_says_why(azure: AzureWorld) -> None:
    (model,) = [one for one in assignments(azure) if roles.CALL_MODEL.id in one["inputs"]["roleDefinitionId"]]
    with without(azure, model):
        reply = azure.chat({"message": "hello"})
    assert reply.status == 502, reply
    assert "PermissionDenied" in str(azure.logs())
    assert model["inputs"]["principalId"] not in str(reply.body), "the caller must not learn about identities"
