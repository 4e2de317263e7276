"""Change sets: what an update would do, kept until it is executed exactly once."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, Final

from serverless_ai_local.aws.api import ApiError
from serverless_ai_local.doors.cloudformation import stacks, views
from serverless_ai_local.doors.cloudformation.desk import Ask, can_update, update_refusal
from serverless_ai_local.doors.cloudformation.engine import CREATING, UPDATING
from serverless_ai_local.doors.cloudformation.lifecycle import deploy, outputs_differ, planned
from serverless_ai_local.doors.cloudformation.stack import ChangeSet, Stack

Result = Mapping[str, Any]

NO_CHANGES: Final = (
    "The submitted information didn't contain changes. Submit different information to create a change set."
)


def create_change_set(ask: Ask) -> Result:
    """`ImportExistingResources` is taken for `cdk bootstrap`: what exists is not imported."""
    ask.supports(
        "StackName", "ChangeSetName", "ChangeSetType", "TemplateBody", "TemplateURL", "UsePreviousTemplate",
        "Parameters", "Capabilities", "Tags", "ClientToken", "Description", "OnStackFailure", "RoleARN",
        "IncludeNestedStacks", "ImportExistingResources",
    )  # fmt: skip
    given = ask.parameters
    name: str = given["ChangeSetName"]
    stack = ask.find()
    old = stack.change_sets.get(name) if stack else None
    if stack is not None and old is not None:
        if given.get("ClientToken") is not None and given["ClientToken"] == old.token:
            return {"Id": old.id, "StackId": stack.id}
        if old.execution in {"AVAILABLE", "EXECUTE_IN_PROGRESS"}:
            raise ApiError(
                "AlreadyExistsException", f"ChangeSet {name} already exists for stack {stack.name}"
            )
    kind = given.get("ChangeSetType", "UPDATE")
    stack, known = _stack_for(ask, kind, stack)
    desired = ask.desired(stack)
    changes = planned(ask, stack, desired)
    empty = not changes and not outputs_differ(ask, stack, desired)
    change_set = ChangeSet(
        name=name,
        id=f"arn:aws:cloudformation:{ask.region}:{ask.account}:changeSet/{name}/{uuid.uuid4()}",
        kind=kind,
        desired=desired,
        changes=changes,
        description=given.get("Description"),
        token=given.get("ClientToken"),
        capabilities=given.get("Capabilities", []),
        role=given.get("RoleARN"),
        on_failure=given.get("OnStackFailure"),
        status="FAILED" if empty else "CREATE_COMPLETE",
        reason=NO_CHANGES if empty else None,
        execution="UNAVAILABLE" if empty else "AVAILABLE",
    )
    if not known:
        ask.desk.stacks.add(stack)
        stack.begin("REVIEW_IN_PROGRESS", change_set.token)
    stack.change_sets[name] = change_set
    return {"Id": change_set.id, "StackId": stack.id}


def execute_change_set(ask: Ask) -> Result:
    """Exactly once: the same client token again is the same answer, anything else is refused."""
    ask.supports("ChangeSetName", "StackName", "ClientRequestToken", "DisableRollback")
    stack, change_set = _find(ask)
    token: str | None = ask.parameters.get("ClientRequestToken")
    if change_set.execution.startswith("EXECUTE_") and token is not None and token == change_set.executed_by:
        return {}
    if change_set.execution != "AVAILABLE":
        raise ApiError(
            "InvalidChangeSetStatus",
            f"ChangeSet [{change_set.id}] cannot be executed in its current status of "
            f"[{change_set.execution}]",
        )
    disabled = ask.parameters.get("DisableRollback", False)
    if disabled and change_set.on_failure:
        raise ApiError(
            "ValidationError", "DisableRollback cannot be given for a change set with OnStackFailure"
        )
    on_failure = change_set.on_failure or ("DO_NOTHING" if disabled else "ROLLBACK")
    creating = change_set.kind == "CREATE"
    if not creating and not can_update(stack, rollback=on_failure != "DO_NOTHING"):
        raise update_refusal(stack)
    change_set.execution, change_set.executed_by = "EXECUTE_IN_PROGRESS", token
    for other in stack.change_sets.values():
        if other is not change_set and other.execution == "AVAILABLE":
            other.execution = "OBSOLETE"
    stack.capabilities, stack.role = change_set.capabilities, change_set.role

    def ended(done: bool) -> None:
        change_set.execution = "EXECUTE_COMPLETE" if done else "EXECUTE_FAILED"

    words = CREATING if creating else UPDATING
    deploy(ask, stack, change_set.desired, words, token=token, on_failure=on_failure, then=ended)
    return {}


def describe_change_set(ask: Ask) -> Result:
    ask.supports("ChangeSetName", "StackName", "IncludePropertyValues")
    stack, change_set = _find(ask)
    return views.change_set(stack, change_set, values=ask.parameters.get("IncludePropertyValues", False))


def delete_change_set(ask: Ask) -> Result:
    """Deleting what is not there is no error, as in the cloud."""
    try:
        stack, change_set = _find(ask)
    except ApiError as error:
        if error.code == "ChangeSetNotFound":
            return {}
        raise
    if change_set.execution == "EXECUTE_IN_PROGRESS":
        raise ApiError("InvalidChangeSetStatus", f"ChangeSet [{change_set.id}] is being executed")
    del stack.change_sets[change_set.name]
    return {}


def list_change_sets(ask: Ask) -> Result:
    stack = ask.stack("Stack [{}] does not exist")
    return {"Summaries": [views.change_set_summary(stack, each) for each in list(stack.change_sets.values())]}


def find_change_set(ask: Ask, name: str) -> tuple[Stack, ChangeSet]:
    """By ARN, or by name within the stack that the call names."""
    if name.startswith("arn:"):
        for stack in ask.desk.stacks.of(ask.account, ask.region):
            for change_set in list(stack.change_sets.values()):
                if change_set.id == name:
                    return stack, change_set
    elif "StackName" not in ask.parameters:
        raise ApiError(
            "ValidationError", "StackName must be specified if ChangeSetName is not specified as an ARN."
        )
    else:
        stack = ask.stack("Stack [{}] does not exist")
        if name in stack.change_sets:
            return stack, stack.change_sets[name]
    raise ApiError("ChangeSetNotFound", f"ChangeSet [{name}] does not exist", 404)


def _find(ask: Ask) -> tuple[Stack, ChangeSet]:
    return find_change_set(ask, ask.parameters["ChangeSetName"])


def _stack_for(ask: Ask, kind: str, stack: Stack | None) -> tuple[Stack, bool]:
    """The stack that a change set of this kind is for, and whether it exists already."""
    name = ask.parameters["StackName"]
    if kind == "CREATE":
        if stack is None:
            return stacks.new(ask.account, ask.region, name), False
        if stack.status != "REVIEW_IN_PROGRESS":
            raise ApiError(
                "ValidationError",
                f"Stack [{name}] already exists and cannot be created again with the changeSet "
                f"[{ask.parameters['ChangeSetName']}].",
            )
        return stack, True
    if kind != "UPDATE":
        raise ApiError("ValidationError", f"the local CloudFormation does not support ChangeSetType {kind}")
    if stack is None:
        raise ApiError("ValidationError", f"Stack [{name}] does not exist")
    if not can_update(stack, rollback=False):
        raise update_refusal(stack)
    return stack, True
