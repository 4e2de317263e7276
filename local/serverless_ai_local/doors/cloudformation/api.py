"""The CloudFormation API of the local cloud."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from werkzeug.wrappers import Response

from serverless_ai_local.aws.api import ApiError, Call, Operations
from serverless_ai_local.aws.clients import REGION
from serverless_ai_local.aws.moto_backends import ACCOUNT
from serverless_ai_local.aws.provider import Context, Provider
from serverless_ai_local.doors.cloudformation import change_sets, lifecycle, reads
from serverless_ai_local.doors.cloudformation.desk import Ask, Desk
from serverless_ai_local.doors.cloudformation.stack import Stack
from serverless_ai_local.doors.cloudformation.stacks import Stacks
from serverless_ai_local.doors.cloudformation.text import TemplateError
from serverless_ai_local.doors.cloudformation.wire import QueryService
from serverless_ai_local.graph import Resource

SERVICE: Final = "cloudformation"

HEAD_START_S: Final = 10.0
"""How long an answer waits for what it set off.

The CDK CLI looks only every 5 s whether a stack is done, and most local ones are done before it first looks.
"""

OPERATIONS: Final[Mapping[str, Callable[[Ask], Mapping[str, Any]]]] = {
    "CreateChangeSet": change_sets.create_change_set,
    "CreateStack": lifecycle.create_stack,
    "DeleteChangeSet": change_sets.delete_change_set,
    "DeleteStack": lifecycle.delete_stack,
    "DescribeChangeSet": change_sets.describe_change_set,
    "DescribeEvents": reads.describe_events,
    "DescribeStackEvents": reads.describe_stack_events,
    "DescribeStackResource": reads.describe_stack_resource,
    "DescribeStackResources": reads.describe_stack_resources,
    "DescribeStacks": reads.describe_stacks,
    "ExecuteChangeSet": change_sets.execute_change_set,
    "GetTemplate": reads.get_template,
    "GetTemplateSummary": reads.get_template_summary,
    "ListChangeSets": change_sets.list_change_sets,
    "ListExports": reads.list_exports,
    "ListImports": reads.list_imports,
    "ListStackResources": reads.list_stack_resources,
    "ListStacks": reads.list_stacks,
    "UpdateStack": lifecycle.update_stack,
    "UpdateTerminationProtection": lifecycle.update_termination_protection,
    "ValidateTemplate": reads.validate_template,
}


class CloudFormation:
    """Makes stacks of the types in `providers`. `context(region, stack name)` is what those work with."""

    def __init__(
        self,
        providers: Mapping[str, Provider],
        context: Callable[[str, str], Context],
        *,
        head_start_s: float = HEAD_START_S,
    ) -> None:
        self._head_start_s = head_start_s
        self._wire = QueryService(SERVICE)
        self._desk = Desk(stacks=Stacks(context), providers=providers)

    def operations(self) -> Operations:
        """A handler for every operation of CloudFormation; one that is not supported says so by name."""
        return {
            (SERVICE, name): partial(self._answer, OPERATIONS.get(name))
            for name in self._wire.operation_names
        }

    def stack_names(self, *, account: str = ACCOUNT, region: str = REGION) -> list[str]:
        """Names of the stacks that exist, oldest first."""
        return [stack.name for stack in self._living(account, region)]

    def graph(self, name: str, *, account: str = ACCOUNT, region: str = REGION) -> list[Resource]:
        """Resources of a stack in creation order. Raises `KeyError` for an unknown stack."""
        for stack in self._living(account, region):
            if stack.name == name:
                return [
                    Resource(
                        name=live.name,
                        type=live.type,
                        properties=live.properties,
                        physical_id=live.made.physical_id,
                        depends_on=live.depends_on,
                    )
                    for live in list(stack.resources.values())
                ]
        raise KeyError(name)

    def _living(self, account: str, region: str) -> list[Stack]:
        return [s for s in self._desk.stacks.of(account, region) if s.status != "DELETE_COMPLETE"]

    def _answer(self, action: Callable[[Ask], Mapping[str, Any]] | None, call: Call) -> Response:
        if action is None:
            raise ApiError(
                "UnsupportedOperation", f"the local CloudFormation does not support {call.operation}", 400
            )
        parameters = self._wire.parse(call.operation, call.request)
        ask = Ask(
            desk=self._desk,
            operation=call.operation,
            account=call.account,
            region=call.region,
            parameters=parameters,
        )
        try:
            with self._desk.lock:
                result = action(ask)
        except TemplateError as error:
            raise ApiError("ValidationError", str(error)) from error
        for work in ask.started:
            work.join(self._head_start_s)
        return self._wire.reply(call.operation, result)
