"""The control plane of collection groups, a fake: the operations that deployments make."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from werkzeug.wrappers import Response

from serverless_ai_local.aws.api import ApiError, Call, Operations
from serverless_ai_local.aws.calls import parameters, reply
from serverless_ai_local.aws.opensearch.estate import NEXTGEN, Collection, Estate, Group, new_id, now
from serverless_ai_local.aws.opensearch.policies import invalid
from serverless_ai_local.aws.opensearch.requests import STANDBY, asked_for, check_name, missing, tags_by_key

_LIMITS: Final = ("Indexing", "Search")


class GroupControl:
    """The operations, over one estate."""

    def __init__(self, estate: Estate) -> None:
        self._estate = estate

    def operations(self) -> Operations:
        """What this answers."""
        return {
            ("aoss", "CreateCollectionGroup"): self._create,
            ("aoss", "BatchGetCollectionGroup"): self._get,
            ("aoss", "ListCollectionGroups"): self._list,
            ("aoss", "UpdateCollectionGroup"): self._update,
            ("aoss", "DeleteCollectionGroup"): self._delete,
        }

    def _create(self, call: Call) -> Response:
        given = parameters(call)
        name, standby = check_name(given.get("name")), given.get("standbyReplicas")
        generation = given.get("generation", "CLASSIC")
        if standby not in STANDBY or generation not in ("CLASSIC", NEXTGEN):
            raise invalid(f"standbyReplicas or generation of the group cannot be: {standby}, {generation}")
        if generation == NEXTGEN and standby != "ENABLED":
            raise invalid("standbyReplicas must be ENABLED for collection groups of generation NEXTGEN")
        made_id = new_id()
        made = Group(
            id=made_id,
            arn=f"arn:aws:aoss:{call.region}:{call.account}:collection-group/{made_id}",
            name=name,
            region=call.region,
            standby=standby,
            generation=generation,
            description=str(given.get("description", "")),
            limits=_limits(given.get("capacityLimits") or {}),
            created=now(),
        )
        with self._estate.lock:
            if any(one.name == name for one in self._groups(call)):
                raise ApiError("ConflictException", f"Collection group with name {name} already exists")
            self._estate.groups[made_id] = made
            self._estate.tags[made.arn] = tags_by_key(given.get("tags", []))
        return reply({"createCollectionGroupDetail": _detail(made)})

    def _get(self, call: Call) -> Response:
        found, unknown = asked_for(parameters(call), self._groups(call))
        details = [{**_detail(one), "numberOfCollections": len(self._members(one))} for one in found]
        return reply({"collectionGroupDetails": details, "collectionGroupErrorDetails": unknown})

    def _update(self, call: Call) -> Response:
        given = parameters(call)
        one = self._group(call, given)
        one.description = str(given.get("description", one.description))
        one.limits = _limits(given["capacityLimits"]) if given.get("capacityLimits") else one.limits
        return reply({"updateCollectionGroupDetail": _detail(one)})

    def _delete(self, call: Call) -> Response:
        with self._estate.lock:
            one = self._group(call, parameters(call))
            if self._members(one):
                raise ApiError("ConflictException", f"Collection group {one.name} still has collections")
            del self._estate.groups[one.id]
            self._estate.tags.pop(one.arn, None)
        return reply({})

    def _groups(self, call: Call) -> list[Group]:
        return [one for one in self._estate.groups.values() if one.region == call.region]

    def _group(self, call: Call, given: Mapping[str, Any]) -> Group:
        found = self._estate.groups.get(str(given.get("id")))
        if found is None or found.region != call.region:
            raise missing(f"Collection group with ID {given.get('id')} cannot be found")
        return found

    def _members(self, group: Group) -> list[Collection]:
        return [
            one
            for one in self._estate.collections.values()
            if (one.region, one.group) == (group.region, group.name)
        ]

    def _list(self, call: Call) -> Response:
        shown = ("id", "arn", "name", "createdDate", "capacityLimits")
        details = [
            {**_detail(one), "numberOfCollections": len(self._members(one))} for one in self._groups(call)
        ]
        kept = (*shown, "numberOfCollections")
        return reply({"collectionGroupSummaries": [{name: one[name] for name in kept} for one in details]})


def _detail(one: Group) -> dict[str, Any]:
    return {
        "id": one.id,
        "arn": one.arn,
        "name": one.name,
        "standbyReplicas": one.standby,
        "description": one.description,
        "createdDate": one.created,
        "capacityLimits": one.limits,
        "generation": one.generation,
    }


def _limits(given: Mapping[str, Any]) -> dict[str, Any]:
    limits = dict(given)
    for half in _LIMITS:
        least, most = limits.get(f"min{half}CapacityInOCU", 0), limits.get(f"max{half}CapacityInOCU", 1)
        if least < 0 or most < 1 or least > most:
            raise invalid(f"capacityLimits of {half.lower()} cannot be {least} to {most} OCU")
    return limits
