"""The control plane of collections and their groups, a fake: the operations that deployments make.

Everything is there at once: what takes AWS minutes takes a call here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from werkzeug.wrappers import Response

from serverless_ai_local.aws.api import ApiError, Call, Operations
from serverless_ai_local.aws.calls import parameters, reply
from serverless_ai_local.aws.opensearch.estate import NEXTGEN, Collection, Estate, Group, new_id, now
from serverless_ai_local.aws.opensearch.policies import invalid

_NAME: Final = re.compile(r"[a-z][a-z0-9-]{2,31}")
_STANDBY: Final = ("ENABLED", "DISABLED")
_LIMITS: Final = ("Indexing", "Search")


def check_name(name: Any) -> str:
    """Of a policy, a group or a collection."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise invalid(
            f"Value '{name}' at 'name' failed to satisfy constraint: Member must satisfy regular "
            "expression pattern: [a-z][a-z0-9-]+ and have length of 3 to 32"
        )
    return name


class CollectionControl:
    """The operations, over one estate."""

    def __init__(self, estate: Estate) -> None:
        self._estate = estate

    def operations(self) -> Operations:
        """What this answers."""
        handlers = {
            "CreateCollection": self._create,
            "BatchGetCollection": self._get,
            "ListCollections": self._list,
            "UpdateCollection": self._update,
            "DeleteCollection": self._delete,
            "CreateCollectionGroup": self._create_group,
            "BatchGetCollectionGroup": self._get_groups,
            "UpdateCollectionGroup": self._update_group,
            "DeleteCollectionGroup": self._delete_group,
            "TagResource": self._tag,
            "UntagResource": self._untag,
            "ListTagsForResource": self._list_tags,
        }
        return {("aoss", name): handler for name, handler in handlers.items()}

    def _create(self, call: Call) -> Response:
        given = parameters(call)
        name = check_name(given.get("name"))
        with self._estate.lock:
            if any(one.name == name for one in self._here(call)):
                raise ApiError("ConflictException", f"Collection with name {name} already exists")
            made = self._collection(call, name, given)
            self._estate.collections[made.id] = made
            self._estate.tags[made.arn] = _by_key(given.get("tags", []))
        detail = {**self._detail(made), "status": "CREATING"}
        return reply({"createCollectionDetail": _without_endpoints(detail)})

    def _collection(self, call: Call, name: str, given: Mapping[str, Any]) -> Collection:
        kind = given.get("type", "TIMESERIES")
        if kind != "VECTORSEARCH":
            raise invalid(f"the local cloud has collections of type VECTORSEARCH only, got {kind}")
        group = self._group_named(call.region, given.get("collectionGroupName"))
        standby = given.get("standbyReplicas", group.standby if group else "ENABLED")
        if standby not in _STANDBY or (group and standby != group.standby):
            raise invalid(f"standbyReplicas of the collection and of its group differ: {standby}")
        made_id, moment = new_id(), now()
        return Collection(
            id=made_id,
            arn=f"arn:aws:aoss:{call.region}:{call.account}:collection/{made_id}",
            name=name,
            region=call.region,
            type=kind,
            standby=standby,
            key=self._key(call.region, name, given.get("encryptionConfig") or {}),
            description=str(given.get("description", "")),
            group=group.name if group else "",
            nextgen=bool(group and group.generation == NEXTGEN),
            protection=str(given.get("deletionProtection", "DISABLED")),
            vectors=dict(given.get("vectorOptions") or {}),
            created=moment,
            modified=moment,
        )

    def _key(self, region: str, name: str, config: Mapping[str, Any]) -> str:
        if config.get("aWSOwnedKey"):
            return "auto"
        key = config.get("kmsKeyArn") or self._estate.key_of(region, name)
        if key is None:
            raise invalid(
                f"No matching security policy of encryption type found for collection name: {name}. "
                "Please create security policy of encryption type for this collection."
            )
        return str(key)

    def _get(self, call: Call) -> Response:
        found, missing = _asked(parameters(call), self._here(call))
        return reply(
            {
                "collectionDetails": [self._detail(one) for one in found],
                "collectionErrorDetails": missing,
            }
        )

    def _list(self, call: Call) -> Response:
        shown = ("id", "name", "status", "arn", "kmsKeyArn", "collectionGroupName")
        details = [self._detail(one) for one in self._here(call)]
        return reply(
            {"collectionSummaries": [{name: one[name] for name in shown if name in one} for one in details]}
        )

    def _update(self, call: Call) -> Response:
        given = parameters(call)
        one = self._one(call, given)
        one.description = str(given.get("description", one.description))
        one.protection = str(given.get("deletionProtection", one.protection))
        one.vectors = dict(given.get("vectorOptions") or one.vectors)
        one.modified = now()
        return reply({"updateCollectionDetail": _without_endpoints(self._detail(one))})

    def _delete(self, call: Call) -> Response:
        with self._estate.lock:
            one = self._one(call, parameters(call))
            if one.protection == "ENABLED":
                raise invalid(f"Collection {one.name} has deletion protection enabled")
            del self._estate.collections[one.id]
            self._estate.tags.pop(one.arn, None)
        return reply({"deleteCollectionDetail": {"id": one.id, "name": one.name, "status": "DELETING"}})

    def _create_group(self, call: Call) -> Response:
        given = parameters(call)
        name, standby = check_name(given.get("name")), given.get("standbyReplicas")
        generation = given.get("generation", "CLASSIC")
        if standby not in _STANDBY or generation not in ("CLASSIC", NEXTGEN):
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
            self._estate.tags[made.arn] = _by_key(given.get("tags", []))
        return reply({"createCollectionGroupDetail": self._group_detail(made)})

    def _get_groups(self, call: Call) -> Response:
        found, missing = _asked(parameters(call), self._groups(call))
        details = [
            {**self._group_detail(one), "numberOfCollections": len(self._members(one))} for one in found
        ]
        return reply({"collectionGroupDetails": details, "collectionGroupErrorDetails": missing})

    def _update_group(self, call: Call) -> Response:
        given = parameters(call)
        one = self._group(call, given)
        one.description = str(given.get("description", one.description))
        one.limits = _limits(given["capacityLimits"]) if given.get("capacityLimits") else one.limits
        return reply({"updateCollectionGroupDetail": self._group_detail(one)})

    def _delete_group(self, call: Call) -> Response:
        with self._estate.lock:
            one = self._group(call, parameters(call))
            if self._members(one):
                raise ApiError("ConflictException", f"Collection group {one.name} still has collections")
            del self._estate.groups[one.id]
            self._estate.tags.pop(one.arn, None)
        return reply({})

    def _tag(self, call: Call) -> Response:
        given = parameters(call)
        self._tags_of(given).update(_by_key(given.get("tags", [])))
        return reply({})

    def _untag(self, call: Call) -> Response:
        given = parameters(call)
        tags = self._tags_of(given)
        for key in given.get("tagKeys", []):
            tags.pop(key, None)
        return reply({})

    def _list_tags(self, call: Call) -> Response:
        tags = self._tags_of(parameters(call))
        return reply({"tags": [{"key": key, "value": value} for key, value in tags.items()]})

    def _tags_of(self, given: Mapping[str, Any]) -> dict[str, str]:
        arn = str(given.get("resourceArn", ""))
        if arn not in self._estate.tags:
            raise _missing(f"Resource with ARN {arn} cannot be found")
        return self._estate.tags[arn]

    def _here(self, call: Call) -> list[Collection]:
        return [one for one in self._estate.collections.values() if one.region == call.region]

    def _groups(self, call: Call) -> list[Group]:
        return [one for one in self._estate.groups.values() if one.region == call.region]

    def _one(self, call: Call, given: Mapping[str, Any]) -> Collection:
        found = self._estate.collections.get(str(given.get("id")))
        if found is None or found.region != call.region:
            raise _missing(f"Collection with ID {given.get('id')} cannot be found")
        return found

    def _group(self, call: Call, given: Mapping[str, Any]) -> Group:
        found = self._estate.groups.get(str(given.get("id")))
        if found is None or found.region != call.region:
            raise _missing(f"Collection group with ID {given.get('id')} cannot be found")
        return found

    def _group_named(self, region: str, name: Any) -> Group | None:
        if not name:
            return None
        named = (one for one in self._estate.groups.values() if (one.region, one.name) == (region, name))
        found = next(named, None)
        if found is None:
            raise invalid(f"Collection group with name {name} cannot be found")
        return found

    def _members(self, group: Group) -> list[Collection]:
        return [
            one
            for one in self._estate.collections.values()
            if (one.region, one.group) == (group.region, group.name)
        ]

    def _detail(self, one: Collection) -> dict[str, Any]:
        endpoint = self._estate.endpoint(one)
        return {
            "id": one.id,
            "name": one.name,
            "status": "ACTIVE",
            "type": one.type,
            "description": one.description,
            "arn": one.arn,
            "kmsKeyArn": one.key,
            "standbyReplicas": one.standby,
            "deletionProtection": one.protection,
            **({"vectorOptions": one.vectors} if one.vectors else {}),
            **({"collectionGroupName": one.group} if one.group else {}),
            "createdDate": one.created,
            "lastModifiedDate": one.modified,
            "collectionEndpoint": endpoint,
            "dashboardEndpoint": f"{endpoint}/_dashboards",
        }

    def _group_detail(self, one: Group) -> dict[str, Any]:
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


def _without_endpoints(detail: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in detail.items() if not name.endswith("Endpoint")}


def _limits(given: Mapping[str, Any]) -> dict[str, Any]:
    limits = dict(given)
    for half in _LIMITS:
        least, most = limits.get(f"min{half}CapacityInOCU", 0), limits.get(f"max{half}CapacityInOCU", 1)
        if least < 0 or most < 1 or least > most:
            raise invalid(f"capacityLimits of {half.lower()} cannot be {least} to {most} OCU")
    return limits


def _asked(given: Mapping[str, Any], there: Iterable[Any]) -> tuple[list[Any], list[dict[str, Any]]]:
    """Those with the ids or names of a request, and what is said of those that are not there."""
    if bool(given.get("ids")) == bool(given.get("names")):
        raise invalid("You must specify either ids or names")
    by = "id" if given.get("ids") else "name"
    known = {getattr(one, by): one for one in there}
    wanted = given.get("ids") or given["names"]
    missing = [
        {by: one, "errorCode": "NOT_FOUND", "errorMessage": f"The specified {by} is not found"}
        for one in wanted
        if one not in known
    ]
    return [known[one] for one in wanted if one in known], missing


def _missing(text: str) -> ApiError:
    return ApiError("ResourceNotFoundException", text, 404)


def _by_key(tags: list[Mapping[str, str]]) -> dict[str, str]:
    return {tag["key"]: tag["value"] for tag in tags}
