"""Operations that only read: stacks, events, resources, templates, exports."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from serverless_ai_local.aws.api import ApiError
from serverless_ai_local.doors.cloudformation import views
from serverless_ai_local.doors.cloudformation.change_sets import find_change_set
from serverless_ai_local.doors.cloudformation.desk import Ask
from serverless_ai_local.doors.cloudformation.stack import Live
from serverless_ai_local.doors.cloudformation.template import Template

Result = Mapping[str, Any]


def describe_stacks(ask: Ask) -> Result:
    if "StackName" in ask.parameters:
        return {"Stacks": [views.stack(ask.stack())]}
    everything = ask.desk.stacks.of(ask.account, ask.region)
    return {"Stacks": [views.stack(s) for s in reversed(everything) if s.status != "DELETE_COMPLETE"]}


def list_stacks(ask: Ask) -> Result:
    wanted = ask.parameters.get("StackStatusFilter")
    everything = ask.desk.stacks.of(ask.account, ask.region)
    shown = [views.stack_summary(s) for s in reversed(everything) if not wanted or s.status in wanted]
    return {"StackSummaries": shown}


def describe_stack_events(ask: Ask) -> Result:
    ask.supports("StackName")
    stack = ask.stack("Stack [{}] does not exist")
    return {"StackEvents": [views.event(stack, e) for e in reversed(list(stack.events))]}


def describe_events(ask: Ask) -> Result:
    """Events of a stack or of one operation; making a change set is checked at once and has none."""
    ask.supports("StackName", "ChangeSetName", "OperationId", "Filters")
    if "ChangeSetName" in ask.parameters:
        find_change_set(ask, ask.parameters["ChangeSetName"])
        return {"OperationEvents": []}
    stack = ask.stack("Stack [{}] does not exist")
    operation = ask.parameters.get("OperationId")
    only_failed = ask.parameters.get("Filters", {}).get("FailedEvents", False)
    return {
        "OperationEvents": [
            views.operation_event(stack, event)
            for event in reversed(list(stack.events))
            if operation in {None, event.operation} and (event.status.endswith("_FAILED") or not only_failed)
        ]
    }


def list_stack_resources(ask: Ask) -> Result:
    stack = ask.stack()
    return {"StackResourceSummaries": [views.resource_summary(r) for r in list(stack.resources.values())]}


def describe_stack_resources(ask: Ask) -> Result:
    """By stack (and logical id), or the whole stack of a physical id."""
    ask.supports("StackName", "LogicalResourceId", "PhysicalResourceId")
    physical_id = ask.parameters.get("PhysicalResourceId")
    if physical_id is not None and "StackName" not in ask.parameters:
        owners = [
            s
            for s in ask.desk.stacks.of(ask.account, ask.region)
            if any(live.made.physical_id == physical_id for live in list(s.resources.values()))
        ]
        if not owners:
            raise ApiError("ValidationError", f"Stack for {physical_id} does not exist")
        stack, wanted = owners[0], None
    else:
        stack, wanted = ask.stack(), ask.parameters.get("LogicalResourceId")
    resources = [r for r in list(stack.resources.values()) if wanted in {None, r.name}]
    return {"StackResources": [views.resource(stack, r) for r in resources]}


def describe_stack_resource(ask: Ask) -> Result:
    stack = ask.stack("Stack '{}' does not exist")
    name: str = ask.parameters["LogicalResourceId"]
    live: Live | None = stack.resources.get(name)
    if live is None:
        raise ApiError("ValidationError", f"Resource {name} does not exist for stack {stack.name}")
    return {"StackResourceDetail": views.resource_detail(stack, live)}


def get_template(ask: Ask) -> Result:
    ask.supports("StackName", "ChangeSetName", "TemplateStage")
    if "ChangeSetName" in ask.parameters:
        _, change_set = find_change_set(ask, ask.parameters["ChangeSetName"])
        text = change_set.desired.template.text
    else:
        stack = ask.stack()
        text = stack.desired.template.text if stack.desired else ""
    return {"TemplateBody": text, "StagesAvailable": ["Original", "Processed"]}


def get_template_summary(ask: Ask) -> Result:
    template = _template(ask)
    types: dict[str, list[str]] = {}
    for declaration in template.resources.values():
        types.setdefault(declaration.type, []).append(declaration.name)
    declared = views.template_parameters(template)
    for parameter in declared:
        entry = template.parameters[parameter["ParameterKey"]]
        parameter["ParameterType"] = entry["Type"]
        parameter["ParameterConstraints"] = {
            "AllowedValues": [str(v) for v in entry.get("AllowedValues", [])]
        }
    return {
        "Parameters": declared,
        "Description": template.description,
        **views.capabilities(template),
        "ResourceTypes": list(types),
        "Metadata": json.dumps(template.metadata) if template.metadata else None,
        "ResourceIdentifierSummaries": [
            {"ResourceType": kind, "LogicalResourceIds": names} for kind, names in types.items()
        ],
    }


def validate_template(ask: Ask) -> Result:
    template = _template(ask)
    return {
        "Parameters": views.template_parameters(template),
        "Description": template.description,
        **views.capabilities(template),
    }


def list_exports(ask: Ask) -> Result:
    exports = ask.desk.stacks.exports(ask.account, ask.region)
    return {"Exports": [{"ExportingStackId": s.id, "Name": o.export, "Value": o.value} for s, o in exports]}


def list_imports(ask: Ask) -> Result:
    name: str = ask.parameters["ExportName"]
    if all(o.export != name for _, o in ask.desk.stacks.exports(ask.account, ask.region)):
        raise ApiError("ValidationError", f"Export '{name}' does not exist")
    users = ask.desk.stacks.importers(ask.account, ask.region, name)
    if not users:
        raise ApiError("ValidationError", f"Export '{name}' is not imported by any stack.")
    return {"Imports": [s.name for s in users]}


def _template(ask: Ask) -> Template:
    """Of a stack, or as given."""
    if "StackName" in ask.parameters:
        stack = ask.stack()
        if stack.desired is None:
            raise ApiError("ValidationError", f"Stack {stack.name} has no template yet")
        return stack.desired.template
    return ask.template(None, ask.desk.providers.keys())
