"""Least privilege, shown: without any one statement something fails; every granted action is used."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from aws_world import AwsWorld
from world import eventually


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


def statements(world: AwsWorld, role: str) -> list[tuple[str, int, dict[str, Any]]]:
    found = policies(world, role)
    return [(name, i, one) for name, document in found.items() for i, one in enumerate(document["Statement"])]


@contextmanager
def without(world: AwsWorld, role: str, policy: str, index: int) -> Iterator[None]:
    """The role without one statement, put back afterwards."""
    iam = world.cloud.client("iam")
    document = policies(world, role)[policy]
    rest = [one for i, one in enumerate(document["Statement"]) if i != index]

    def put(content: list[dict[str, Any]]) -> None:
        if content:
            new = json.dumps({**document, "Statement": content})
            iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=new)
        else:
            iam.delete_role_policy(RoleName=role, PolicyName=policy)

    put(rest)
    try:
        yield
    finally:
        put(document["Statement"])


def use_everything(world: AwsWorld) -> None:
    """Every way through the pattern: a chat, a scheduled job, and an event that ends as a dead letter."""
    world.chat({"message": "hello"})
    world.fire_schedule()
    world.model_fault("refuse", times=1000)
    world.emit({"message": "fail, please"})
    eventually(lambda: len(world.model_calls()) >= 5, within=8, what="the attempts of the failing event")


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
        for policy, index, statement in statements(aws, role):
            aws.reset()
            aws.cloud.admin("DELETE", "iam/checks")
            needed = actions(statement)
            with without(aws, role, policy, index):
                aws.chat({"message": "hello"})
                aws.fire_schedule()
                aws.model_fault("refuse", times=1000)
                aws.emit({"message": "fail, please"})

                def denied(role: str = role, needed: set[str] = needed) -> list[dict[str, Any]]:
                    return [c for c in checks(aws, role) if not c["allowed"] and c["action"] in needed]

                refusals = eventually(denied, within=20, what=f"a refusal without {statement.get('Sid', needed)}")
            assert "is not authorized to perform" in refusals[0]["message"], refusals[0]


def test_without_the_model_statement_the_chat_says_so_and_the_log_says_why(aws: AwsWorld) -> None:
    role = aws.outputs["main_role_name"]
    for policy, index, statement in statements(aws, role):
        if "bedrock:InvokeModel" not in actions(statement):
            continue
        with without(aws, role, policy, index):
            reply = aws.chat({"message": "hello"})
        assert reply.status == 502, reply
        assert "AccessDeniedException" in str(aws.logs())
        assert role not in str(reply.body), "the caller must not learn about roles"


def test_every_granted_action_is_used(aws: AwsWorld) -> None:
    use_everything(aws)
    for whose, role in roles(aws).items():
        granted = set().union(*(actions(statement) for _, _, statement in statements(aws, role)))

        def rest(role: str = role, granted: set[str] = granted) -> set[str]:
            return unused(granted, checks(aws, role))

        if whose == "schedule":
            # The schedule's dead-letter queue is only used when the function cannot be invoked.
            (invoke,) = [s for s in statements(aws, role) if "lambda:InvokeFunction" in actions(s[2])]
            with without(aws, role, invoke[0], invoke[1]):
                aws.fire_schedule()
                eventually(lambda: not rest(), what=f"use of {rest()}")
        else:
            eventually(lambda: not rest(), what=f"use of {rest()}")


def test_one_action_too_many_would_be_seen(aws: AwsWorld) -> None:
    use_everything(aws)
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
