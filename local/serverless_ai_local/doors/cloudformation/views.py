"""Stacks, events and change sets as the API shows them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from serverless_ai_local.doors.cloudformation.functions import text_of
from serverless_ai_local.doors.cloudformation.stack import Change, ChangeSet, Event, Live, Output, Stack
from serverless_ai_local.doors.cloudformation.template import Template

View = dict[str, Any]


def stack(s: Stack) -> View:
    """One entry of `DescribeStacks`."""
    desired = s.desired
    return {
        "StackId": s.id,
        "StackName": s.name,
        "Description": desired.template.description if desired else None,
        "Parameters": [p.view for p in desired.parameters.values()] if desired else [],
        "CreationTime": s.created,
        "LastUpdatedTime": s.updated,
        "DeletionTime": s.deleted,
        "RollbackConfiguration": {},
        "StackStatus": s.status,
        "StackStatusReason": s.reason,
        "DisableRollback": s.disable_rollback,
        "NotificationARNs": [],
        "Capabilities": s.capabilities,
        "Outputs": [output(o) for o in list(s.outputs.values())],
        "RoleARN": s.role,
        "Tags": _tags(desired.tags if desired else {}),
        "EnableTerminationProtection": s.termination_protection,
        "DriftInformation": {"StackDriftStatus": "NOT_CHECKED"},
    }


def stack_summary(s: Stack) -> View:
    """One entry of `ListStacks`."""
    return {
        "StackId": s.id,
        "StackName": s.name,
        "TemplateDescription": s.desired.template.description if s.desired else None,
        "CreationTime": s.created,
        "LastUpdatedTime": s.updated,
        "DeletionTime": s.deleted,
        "StackStatus": s.status,
        "StackStatusReason": s.reason,
        "DriftInformation": {"StackDriftStatus": "NOT_CHECKED"},
    }


def output(o: Output) -> View:
    """One output of a stack."""
    return {"OutputKey": o.key, "OutputValue": o.value, "Description": o.description, "ExportName": o.export}


def event(s: Stack, e: Event) -> View:
    """One entry of `DescribeStackEvents`."""
    return {
        "StackId": s.id,
        "EventId": e.id,
        "StackName": s.name,
        "OperationId": e.operation,
        "LogicalResourceId": e.name,
        "PhysicalResourceId": e.physical_id,
        "ResourceType": e.type,
        "Timestamp": e.at,
        "ResourceStatus": e.status,
        "ResourceStatusReason": e.reason,
        "ClientRequestToken": e.token,
    }


def operation_event(s: Stack, e: Event) -> View:
    """One entry of `DescribeEvents`."""
    failed = e.status.endswith("_FAILED")
    shown = event(s, e)
    del shown["StackName"]
    return {**shown, "EventType": "PROVISIONING_ERROR" if failed else "STACK_EVENT"}


def resource_summary(live: Live) -> View:
    """One entry of `ListStackResources`."""
    return {
        "LogicalResourceId": live.name,
        "PhysicalResourceId": live.made.physical_id,
        "ResourceType": live.type,
        "LastUpdatedTimestamp": live.since,
        "ResourceStatus": live.status,
        "ResourceStatusReason": live.reason,
        "DriftInformation": {"StackResourceDriftStatus": "NOT_CHECKED"},
    }


def resource(s: Stack, live: Live) -> View:
    """One entry of `DescribeStackResources`."""
    shown = resource_summary(live)
    since = shown.pop("LastUpdatedTimestamp")
    return {**shown, "StackName": s.name, "StackId": s.id, "Timestamp": since}


def resource_detail(s: Stack, live: Live) -> View:
    """`DescribeStackResource`."""
    metadata = json.dumps(live.metadata) if live.metadata else None
    return {**resource_summary(live), "StackName": s.name, "StackId": s.id, "Metadata": metadata}


def change_set_summary(s: Stack, c: ChangeSet) -> View:
    """One entry of `ListChangeSets`."""
    return {
        "StackId": s.id,
        "StackName": s.name,
        "ChangeSetId": c.id,
        "ChangeSetName": c.name,
        "ExecutionStatus": c.execution,
        "Status": c.status,
        "StatusReason": c.reason,
        "CreationTime": c.created,
        "Description": c.description,
    }


def change_set(s: Stack, c: ChangeSet, *, values: bool) -> View:
    """`DescribeChangeSet`; `values` adds what properties are and will be."""
    return {
        **change_set_summary(s, c),
        "Parameters": [p.view for p in c.desired.parameters.values()],
        "NotificationARNs": [],
        "RollbackConfiguration": {},
        "Capabilities": c.capabilities,
        "Tags": _tags(c.desired.tags),
        "OnStackFailure": c.on_failure,
        "IncludeNestedStacks": False,
        "Changes": [
            {"Type": "Resource", "ResourceChange": _change(change, values=values)} for change in c.changes
        ],
    }


def template_parameters(template: Template) -> list[View]:
    """Declared parameters, as `ValidateTemplate` shows them."""
    return [
        {
            "ParameterKey": key,
            "DefaultValue": None if "Default" not in entry else text_of(entry["Default"], key),
            "NoEcho": str(entry.get("NoEcho", False)).lower() == "true",
            "Description": entry.get("Description"),
        }
        for key, entry in template.parameters.items()
    ]


def capabilities(template: Template) -> View:
    """What must be acknowledged, and why."""
    needed = template.capabilities
    reason = f"The following resource(s) require capabilities: [{', '.join(needed)}]" if needed else None
    return {"Capabilities": needed, "CapabilitiesReason": reason}


def _change(change: Change, *, values: bool) -> View:
    shown: View = {
        "Action": change.action,
        "LogicalResourceId": change.name,
        "PhysicalResourceId": change.physical_id or None,
        "ResourceType": change.type,
        "Scope": list(change.scope),
        "Details": [_detail(change, name, values=values) for name in change.properties],
    }
    if change.action == "Modify":
        shown["Replacement"] = "True" if change.replaces else "False"
        if change.replaces:
            shown["PolicyAction"] = "ReplaceAndRetain" if change.retains else "ReplaceAndDelete"
    if change.action == "Remove":
        shown["PolicyAction"] = "Retain" if change.retains else "Delete"
    if values:
        shown["BeforeContext"] = _context(change.before)
        shown["AfterContext"] = _context(change.after)
    return shown


def _detail(change: Change, name: str, *, values: bool) -> View:
    before, after = (change.before or {}), (change.after or {})
    kind = "Add" if name not in before else "Remove" if name not in after else "Modify"
    target: View = {
        "Attribute": "Properties",
        "Name": name,
        "Path": f"/Properties/{name}",
        "RequiresRecreation": "Always" if name in change.causes else "Never",
        "AttributeChangeType": kind,
    }
    if values:
        target["BeforeValue"] = _value(before, name)
        target["AfterValue"] = _value(after, name)
    return {
        "Target": target,
        "Evaluation": "Dynamic" if name in change.unknown else "Static",
        "ChangeSource": "DirectModification",
    }


def _value(properties: Mapping[str, Any], name: str) -> str | None:
    if name not in properties:
        return None
    value = properties[name]
    return value if isinstance(value, str) else json.dumps(value)


def _context(properties: Mapping[str, Any] | None) -> str | None:
    return None if properties is None else json.dumps({"Properties": properties})


def _tags(tags: Mapping[str, str]) -> list[View]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]
