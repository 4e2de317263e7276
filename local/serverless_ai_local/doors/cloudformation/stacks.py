"""Every stack of this cloud: found by name or id, with what they export to each other."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from serverless_ai_local.aws.api import ApiError
from serverless_ai_local.aws.provider import Context
from serverless_ai_local.doors.cloudformation.intrinsics import Scope
from serverless_ai_local.doors.cloudformation.stack import Desired, Output, Stack
from serverless_ai_local.doors.cloudformation.text import TemplateError


def new(account: str, region: str, name: str) -> Stack:
    """An empty stack, not kept yet."""
    stack_id = f"arn:aws:cloudformation:{region}:{account}:stack/{name}/{uuid.uuid4()}"
    return Stack(name=name, id=stack_id, account=account, region=region, status="REVIEW_IN_PROGRESS")


class Stacks:
    """Stacks of all accounts and regions; deleted ones are only found by id."""

    def __init__(self, context: Callable[[str, str], Context]) -> None:
        self._context = context
        self._all: list[Stack] = []

    def of(self, account: str, region: str) -> list[Stack]:
        """Oldest first, deleted ones too."""
        return [s for s in self._all if s.account == account and s.region == region]

    def find(self, account: str, region: str, name: str) -> Stack | None:
        """By name (not deleted) or by id."""
        for stack in reversed(self.of(account, region)):
            if stack.id == name or (stack.name == name and stack.status != "DELETE_COMPLETE"):
                return stack
        return None

    def get(
        self, account: str, region: str, name: str, message: str = "Stack with id {} does not exist"
    ) -> Stack:
        """Like `find`, but a stack that is not there is a `ValidationError`."""
        stack = self.find(account, region, name)
        if stack is None:
            raise ApiError("ValidationError", message.format(name))
        return stack

    def add(self, stack: Stack) -> None:
        """Keep a new stack."""
        self._all.append(stack)

    def exports(self, account: str, region: str) -> Iterator[tuple[Stack, Output]]:
        """Every exported output."""
        for stack in self.of(account, region):
            for output in list(stack.outputs.values()):
                if output.export is not None:
                    yield stack, output

    def importers(self, account: str, region: str, export: str) -> list[Stack]:
        """Stacks that import it."""
        return [stack for stack in self.of(account, region) if export in stack.imports]

    def check_exports(self, stack: Stack, outputs: Mapping[str, Output]) -> None:
        """Raise `TemplateError` if `outputs` clash with another stack's, or change what others import."""
        after = {output.export: output.value for output in outputs.values() if output.export is not None}
        for other, output in self.exports(stack.account, stack.region):
            name = output.export or ""
            if other is not stack and name in after:
                raise TemplateError(f"Export with name {name} is already exported by stack {other.name}")
            if other is stack and after.get(name) != output.value:
                users = [user.name for user in self.importers(stack.account, stack.region, name)]
                if users:
                    raise TemplateError(
                        f"Export {name} cannot be changed as it is in use by {', '.join(users)}"
                    )

    def context(self, stack: Stack) -> Context:
        """What providers need to make this stack's resources."""
        return self.context_of(stack.region, stack.name)

    def context_of(self, region: str, name: str) -> Context:
        """The same for a stack that may not exist yet."""
        return self._context(region, name)

    def scope(self, stack: Stack, desired: Desired) -> Scope:
        """What the names of the desired template stand for; no resource is made yet."""
        context = self.context(stack)

        def zones(region: str) -> list[str]:
            answer: Any = context.client("ec2").describe_availability_zones(
                Filters=[{"Name": "region-name", "Values": [region]}]
            )
            return sorted(zone["ZoneName"] for zone in answer["AvailabilityZones"])

        exports = {
            output.export or "": output.value for _, output in self.exports(stack.account, stack.region)
        }
        return Scope(
            template=desired.template,
            parameters={key: parameter.value for key, parameter in desired.parameters.items()},
            pseudo={
                "AWS::AccountId": stack.account,
                "AWS::NotificationARNs": [],
                "AWS::Partition": "aws",
                "AWS::Region": stack.region,
                "AWS::StackId": stack.id,
                "AWS::StackName": stack.name,
                "AWS::URLSuffix": "amazonaws.com",
            },
            made={},
            exports=exports,
            zones=zones,
        )
