"""Operations that change stacks: create, update and delete, each running in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from serverless_ai_local.aws.api import ApiError
from serverless_ai_local.doors.cloudformation import changes, stacks
from serverless_ai_local.doors.cloudformation.desk import Ask, can_update, update_refusal
from serverless_ai_local.doors.cloudformation.engine import (
    CREATING,
    UPDATING,
    Deletion,
    Deployment,
    Words,
    guarded,
)
from serverless_ai_local.doors.cloudformation.stack import Change, Desired, Stack

Result = Mapping[str, Any]


def create_stack(ask: Ask) -> Result:
    ask.supports(
        "StackName", "TemplateBody", "TemplateURL", "Parameters", "Capabilities", "Tags",
        "ClientRequestToken", "DisableRollback", "OnFailure", "EnableTerminationProtection", "RoleARN",
    )  # fmt: skip
    given = ask.parameters
    token: str | None = given.get("ClientRequestToken")
    stack = ask.find()
    if stack is not None and stack.status != "REVIEW_IN_PROGRESS":
        if token is not None and token == stack.token:
            return {"StackId": stack.id}
        raise ApiError("AlreadyExistsException", f"Stack [{stack.name}] already exists")
    if "OnFailure" in given and "DisableRollback" in given:
        raise ApiError("ValidationError", "either DisableRollback or OnFailure can be given, not both")
    known = stack is not None
    stack = stack or stacks.new(ask.account, ask.region, given["StackName"])
    desired = ask.desired(stack)
    planned(ask, stack, desired)
    if not known:
        ask.desk.stacks.add(stack)
    stack.capabilities = given.get("Capabilities", [])
    stack.termination_protection = given.get("EnableTerminationProtection", False)
    stack.role = given.get("RoleARN")
    on_failure = given.get("OnFailure", "DO_NOTHING" if given.get("DisableRollback") else "ROLLBACK")
    deploy(ask, stack, desired, CREATING, token=token, on_failure=on_failure)
    return {"StackId": stack.id}


def update_stack(ask: Ask) -> Result:
    ask.supports(
        "StackName", "TemplateBody", "TemplateURL", "UsePreviousTemplate", "Parameters", "Capabilities",
        "Tags", "ClientRequestToken", "DisableRollback", "RoleARN",
    )  # fmt: skip
    stack = ask.stack("Stack [{}] does not exist")
    token: str | None = ask.parameters.get("ClientRequestToken")
    if token is not None and token == stack.token:
        return {"StackId": stack.id}
    rollback = not ask.parameters.get("DisableRollback", False)
    if not can_update(stack, rollback=rollback):
        raise update_refusal(stack)
    desired = ask.desired(stack)
    if not planned(ask, stack, desired) and not outputs_differ(ask, stack, desired):
        raise ApiError("ValidationError", "No updates are to be performed.")
    stack.capabilities = ask.parameters.get("Capabilities", [])
    stack.role = ask.parameters.get("RoleARN", stack.role)
    deploy(ask, stack, desired, UPDATING, token=token, on_failure="ROLLBACK" if rollback else "DO_NOTHING")
    return {"StackId": stack.id}


def delete_stack(ask: Ask) -> Result:
    ask.supports("StackName", "RetainResources", "ClientRequestToken", "RoleARN")
    stack = ask.find()
    if stack is None or stack.status in {"DELETE_COMPLETE", "DELETE_IN_PROGRESS"}:
        return {}
    if stack.termination_protection:
        raise ApiError(
            "ValidationError",
            f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled",
        )
    if stack.busy:
        raise ApiError(
            "ValidationError", f"Stack [{stack.name}] is in {stack.status} state and can not be deleted."
        )
    retained = frozenset(ask.parameters.get("RetainResources", []))
    if retained and stack.status != "DELETE_FAILED":
        raise ApiError("ValidationError", "RetainResources is only for stacks in DELETE_FAILED state")
    _not_imported(ask, stack)
    stack.begin("DELETE_IN_PROGRESS", ask.parameters.get("ClientRequestToken"))
    stack.change_sets.clear()
    _start(ask, stack, "DELETE_FAILED", _deletion(ask, stack, retained).run)
    return {}


def update_termination_protection(ask: Ask) -> Result:
    stack = ask.stack("Stack [{}] does not exist")
    stack.termination_protection = ask.parameters["EnableTerminationProtection"]
    return {"StackId": stack.id}


def planned(ask: Ask, stack: Stack, desired: Desired) -> list[Change]:
    """What would change. Raises `TemplateError` for what can be known to be wrong beforehand."""
    scope = ask.desk.stacks.scope(stack, desired)
    return changes.preview(stack, scope, desired.tags, ask.desk.providers)


def outputs_differ(ask: Ask, stack: Stack, desired: Desired) -> bool:
    """Whether outputs would change although no resource does."""
    return changes.outputs_change(stack, ask.desk.stacks.scope(stack, desired))


def deploy(
    ask: Ask,
    stack: Stack,
    desired: Desired,
    words: Words,
    *,
    token: str | None,
    on_failure: str,
    then: Callable[[bool], None] | None = None,
) -> None:
    """Start making `stack` what is desired; `then` is called at the end with whether it was."""
    stack.disable_rollback = on_failure == "DO_NOTHING"
    stack.begin(words.doing, token)
    if words is UPDATING:
        stack.updated = stack.events[-1].at
    deployment = Deployment(
        stacks=ask.desk.stacks,
        providers=ask.desk.providers,
        stack=stack,
        desired=desired,
        words=words,
        rollback=on_failure != "DO_NOTHING",
    )

    def run() -> None:
        done = deployment.run()
        if then is not None:
            then(done)
        if not done and on_failure == "DELETE" and words is CREATING:
            stack.now("DELETE_IN_PROGRESS")
            _deletion(ask, stack, frozenset()).run()

    _start(ask, stack, words.failed, run)


def _deletion(ask: Ask, stack: Stack, retained: frozenset[str]) -> Deletion:
    return Deletion(stacks=ask.desk.stacks, providers=ask.desk.providers, stack=stack, retained=retained)


def _start(ask: Ask, stack: Stack, failed: str, run: Callable[[], None]) -> None:
    work = threading.Thread(
        target=guarded, args=(stack, failed, run), name=f"stack {stack.name}", daemon=True
    )
    ask.started.append(work)
    work.start()


def _not_imported(ask: Ask, stack: Stack) -> None:
    for output in stack.outputs.values():
        users = [s.name for s in ask.desk.stacks.importers(ask.account, ask.region, output.export or "")]
        if output.export is not None and users:
            raise ApiError(
                "ValidationError",
                f"Export {output.export} cannot be deleted as it is in use by {', '.join(users)}",
            )
