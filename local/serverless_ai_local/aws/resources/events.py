"""EventBridge rules and buses, Scheduler schedules and groups."""

from __future__ import annotations

from typing import Any, Final

from serverless_ai_local.aws.provider import Context, Made, ResourceError
from serverless_ai_local.aws.resources.calls import as_json, call, fitted
from serverless_ai_local.aws.resources.kind import Call, Facet, Kind, Properties
from serverless_ai_local.aws.resources.naming import Name
from serverless_ai_local.aws.resources.tagging import Tagging

_RULE: Final = "AWS::Events::Rule"


def _targets(context: Context, made: Made, old: Properties, new: Properties) -> None:
    about = {"Rule": made.physical_id, "EventBusName": new["EventBusName"]}
    before: list[Any] = old.get("Targets", [])
    after: list[Any] = new.get("Targets", [])
    kept = {target["Id"] for target in after}
    if len(kept) < len(after):
        raise ResourceError(f"{_RULE}.Targets: an Id stands twice")
    gone = [target["Id"] for target in before if target["Id"] not in kept]
    if gone:
        _checked(call(context, "events", "RemoveTargets", {**about, "Ids": gone}))
    if after:
        _checked(fitted(context, "events", "PutTargets", {**about, "Targets": after}, _RULE))


def _checked(answer: dict[str, Any]) -> None:
    for failed in answer.get("FailedEntries", []):
        raise ResourceError(f"target {failed.get('TargetId')}: {failed.get('ErrorMessage')}")


def _remove_targets(context: Context, physical_id: str, properties: Properties) -> None:
    about = {"Rule": physical_id, "EventBusName": properties["EventBusName"]}
    ids = [target["Id"] for target in call(context, "events", "ListTargetsByRule", about)["Targets"]]
    if ids:
        _checked(call(context, "events", "RemoveTargets", {**about, "Ids": ids}))


def _bus_policy(context: Context, made: Made, old: Properties, new: Properties) -> None:
    about = {"EventBusName": made.physical_id}
    if "Policy" in new:
        call(context, "events", "PutPermission", {**about, "Policy": as_json(new["Policy"])})
    else:
        call(context, "events", "RemovePermission", {**about, "RemoveAllPermissions": True})


_ON_BUS: Final = {"Name": "{p[Name]}", "EventBusName": "{p[EventBusName]}"}
_IN_GROUP: Final = {"Name": "{p[Name]}", "GroupName": "{p[GroupName]}"}

KINDS: Final = (
    Kind(
        type=_RULE,
        service="events",
        create_call=Call("PutRule"),
        update_call=Call("PutRule", _ON_BUS),
        delete_call=Call("DeleteRule", _ON_BUS),
        read_call=Call("DescribeRule", _ON_BUS),
        overwrites=True,
        whole_update=True,
        ref="{p[Name]}",
        attributes={"Arn": "{answer[Arn]}"},
        name=Name(property="Name", limit=64),
        defaults={"EventBusName": "default"},
        immutable=frozenset({"EventBusName"}),
        documents=frozenset({"EventPattern"}),
        before_delete=_remove_targets,
        facets=(Facet(properties=frozenset({"Targets"}), apply=_targets),),
        tagging=Tagging(target="{made[Arn]}"),
    ),
    Kind(
        type="AWS::Events::EventBus",
        service="events",
        create_call=Call("CreateEventBus"),
        update_call=Call("UpdateEventBus", {"Name": "{id}"}),
        delete_call=Call("DeleteEventBus", {"Name": "{id}"}),
        read_call=Call("DescribeEventBus", {"Name": "{p[Name]}"}),
        ref="{p[Name]}",
        attributes={"Arn": "{answer[Arn]}", "Name": "{p[Name]}"},
        name=Name(property="Name", limit=256),
        immutable=frozenset({"EventSourceName"}),
        resets={"Description": ""},
        facets=(Facet(properties=frozenset({"Policy"}), apply=_bus_policy),),
        tagging=Tagging(target="{made[Arn]}"),
    ),
    Kind(
        type="AWS::Scheduler::Schedule",
        service="scheduler",
        create_call=Call("CreateSchedule"),
        update_call=Call("UpdateSchedule", _IN_GROUP),
        delete_call=Call("DeleteSchedule", _IN_GROUP),
        read_call=Call("GetSchedule", _IN_GROUP),
        whole_update=True,
        ref="{p[Name]}",
        attributes={"Arn": "{answer[Arn]}"},
        name=Name(property="Name", limit=64),
        defaults={"GroupName": "default"},
        immutable=frozenset({"GroupName"}),
    ),
    Kind(
        type="AWS::Scheduler::ScheduleGroup",
        service="scheduler",
        create_call=Call("CreateScheduleGroup"),
        delete_call=Call("DeleteScheduleGroup", {"Name": "{id}"}),
        read_call=Call("GetScheduleGroup", {"Name": "{p[Name]}"}),
        ref="{p[Name]}",
        attributes={
            "Arn": "{answer[Arn]}",
            "CreationDate": "{answer[CreationDate]}",
            "LastModificationDate": "{answer[LastModificationDate]}",
            "State": "{answer[State]}",
        },
        name=Name(property="Name", limit=64),
        tagging=Tagging(target="{made[Arn]}"),
    ),
)
