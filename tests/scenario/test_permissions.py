"""Least privilege, shown: without any one statement something fails; every granted action is used."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from aws_world import AwsWorld
from world import eventually

pytestmark = pytest.mark.parametrize("target", ["cdk", "pulumi-aws"], indirect=True)

SETTLE_S = 0.7
"""Time for one use to be through before the next begins."""


def roles(world: AwsWorld) -> dict[str, str]:
    """The names of the two roles that `main` has: the function's and the schedule's."""
    schedule = world.cloud.client("scheduler").get_schedule(Name=world.outputs["main_schedule_name"])
    return {
        "function": world.outputs["main_role_name"],
        "schedule": schedule["Target"]["RoleArn"].rsplit("/", 1)[-1],
    }


def policies(world: AwsWorld, role: str) -> dict[str, dict[str, Any]]:
    """The role's inline policies by name; it must have no other kind."""
    iam = world.cloud.client("iam")
    assert iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"] == []
    names = iam.list_role_policies(RoleName=role)["PolicyNames"]
    return {name: iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in names}


def statements(world: AwsWorld, role: str) -> list[dict[str, Any]]:
    return [one for document in policies(world, role).values() for one in document["Statement"]]


@contextmanager
def without(world: AwsWorld, role: str, *removed: dict[str, Any]) -> Iterator[None]:
    """The role without these statements, put back afterwards."""
    iam = world.cloud.client("iam")
    before = policies(world, role)

    def put(name: str, document: dict[str, Any], content: list[dict[str, Any]]) -> None:
        if content:
            new = json.dumps({**document, "Statement": content})
            iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=new)
        else:
            iam.delete_role_policy(RoleName=role, PolicyName=name)

    for name, document in before.items():
        put(name, document, [one for one in document["Statement"] if one not in removed])
    try:
        yield
    finally:
        for name, document in before.items():
            put(name, document, document["Statement"])


def uses(world: AwsWorld) -> Iterator[None]:
    """Every way through the pattern, one by one: a chat, a scheduled job, an event that fails for good.

    A changed memory size retires warm environments: a fresh one makes a log stream.
    """
    client, name = world.cloud.client("lambda"), world.outputs["main_function_name"]
    memory = client.get_function_configuration(FunctionName=name)["MemorySize"]
    client.update_function_configuration(FunctionName=name, MemorySize=memory + 1)
    world.chat({"message": "hello"})
    yield
    world.fire_schedule()
    yield
    world.model_fault("refuse", times=1000)
    world.emit({"message": "fail, please"})
    yield


def use_until(world: AwsWorld, done: Callable[[], Any], what: str) -> Any:
    """Use the pattern in every way until `done`; what it found."""
    for _ in uses(world):
        with suppress(AssertionError):
            return eventually(done, within=SETTLE_S)
    return eventually(done, within=20, what=what)


def checks(world: AwsWorld, role: str) -> list[dict[str, Any]]:
    """The local cloud's permission checks of this role."""
    return world.cloud.admin("GET", f"iam/checks?role={role}")["checks"]


def actions(statement: dict[str, Any]) -> set[str]:
    named = statement["Action"]
    return {named} if isinstance(named, str) else set(named)


def unused(granted: set[str], seen: list[dict[str, Any]]) -> set[str]:
    """Granted actions that no allowed call has needed."""
    return granted - {check["action"] for check in seen if check["allowed"]}


@pytest.fixture
def aws(world: AwsWorld) -> AwsWorld:
    return world


def test_without_any_one_statement_a_call_is_denied_in_the_clouds_own_words(aws: AwsWorld) -> None:
    for role in roles(aws).values():
        granted = statements(aws, role)
        for statement in granted:
            aws.reset()
            aws.cloud.admin("DELETE", "iam/checks")
            needed = actions(statement)
            with without(aws, role, statement, *in_the_way(statement, granted)):

                def denied(role: str = role, needed: set[str] = needed) -> list[dict[str, Any]]:
                    return [c for c in checks(aws, role) if not c["allowed"] and c["action"] in needed]

                what = f"a refusal without {statement['Sid']} of {role}"
                refusals = use_until(aws, denied, what)
            assert "is not authorized to perform" in refusals[0]["message"], refusals[0]


def in_the_way(statement: dict[str, Any], granted: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A schedule needs its dead-letter queue only when it cannot invoke the function."""
    if actions(statement) != {"sqs:SendMessage"}:
        return []
    return [other for other in granted if actions(other) == {"lambda:InvokeFunction"}]


def test_without_the_model_statement_the_chat_says_so_and_the_log_says_why(aws: AwsWorld) -> None:
    role = roles(aws)["function"]
    for statement in statements(aws, role):
        if "bedrock:InvokeModel" not in actions(statement):
            continue
        with without(aws, role, statement):
            reply = aws.chat({"message": "hello"})
        assert reply.status == 502, reply
        assert "AccessDeniedException" in str(aws.logs())
        assert role not in str(reply.body), "the caller must not learn about roles"


def test_every_granted_action_is_used(aws: AwsWorld) -> None:
    for _ in uses(aws):
        time.sleep(SETTLE_S)
    schedule = roles(aws)["schedule"]
    invoke = next(one for one in statements(aws, schedule) if "lambda:InvokeFunction" in actions(one))
    with without(aws, schedule, invoke):
        aws.fire_schedule()  # ends in the dead-letter queue, by the schedule's own permission
        for role in roles(aws).values():
            granted = set[str]().union(*map(actions, statements(aws, role)))

            def rest(role: str = role, granted: set[str] = granted) -> set[str]:
                return unused(granted, checks(aws, role))

            eventually(lambda rest=rest: not rest(), what=f"use of {rest()} by {role}")


def test_one_action_too_many_would_be_seen(aws: AwsWorld) -> None:
    aws.chat({"message": "hello"})
    seen = checks(aws, aws.outputs["main_role_name"])
    assert unused({"dynamodb:DeleteItem", "dynamodb:PutItem"}, seen) == {"dynamodb:DeleteItem"}


def test_the_function_may_not_do_what_it_was_not_granted(aws: AwsWorld) -> None:
    """The deployed role's own credentials, used by hand for something else."""
    role = aws.cloud.client("iam").get_role(RoleName=aws.outputs["main_role_name"])["Role"]["Arn"]
    keys = aws.cloud.admin("POST", "iam/credentials", {"role_arn": role})
    from serverless_ai_local.launch import Credentials

    client = aws.cloud.client("dynamodb", Credentials(**keys))
    with pytest.raises(client.exceptions.ClientError, match="is not authorized to perform: dynamodb:Scan"):
        client.scan(TableName=aws.outputs["main_table_name"])
