"""The control plane of collections, a fake: the operations that deployments make.

Everything is there at once: what takes AWS minutes takes a call here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from werkzeug.wrappers import Response

from serverless_ai_local.aws.api import ApiError, Call, Operations
from serverless_ai_local.aws.calls import parameters, reply
from serverless_ai_local.aws.opensearch.estate import NEXTGEN, Collection, Estate, Group, new_id, now
from serverless_ai_local.aws.opensearch.policies import invalid
from serverless_ai_local.aws.opensearch.requests import STANDBY, asked_for, check_name, missing, tags_by_key


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
            self._estate.tags[made.arn] = tags_by_key(given.get("tags", []))
        detail = {**self._detail(made), "status": "CREATING"}
        return reply({"createCollectionDetail": _without_endpoints(detail)})

    def _collection(self, call: Call, name: str, given: Mapping[str, Any]) -> Collection:
        kind = given.get("type", "TIMESERIES")
        if kind != "VECTORSEARCH":
            raise invalid(f"the local cloud has collections of type VECTORSEARCH only, got {kind}")
        group = self._group_named(call.region, given.get("collectionGroupName"))
        standby = given.get("standbyReplicas", group.standby if group else "ENABLED")
        if standby not in STANDBY or (group and standby != group.standby):
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
        found, unknown = asked_for(parameters(call), self._here(call))
        return reply(
            {
                "collectionDetails": [self._detail(one) for one in found],
                "collectionErrorDetails": unknown,
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

    def _tag(self, call: Call) -> Response:
        given = parameters(call)
        self._tags_of(given).update(tags_by_key(given.get("tags", [])))
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
            raise missing(f"Resource with ARN {arn} cannot be found")
        return self._estate.tags[arn]

    def _here(self, call: Call) -> list[Collection]:
        return [one for one in self._estate.collections.values() if one.region == call.region]

    def _one(self, call: Call, given: Mapping[str, Any]) -> Collection:
        found = self._estate.collections.get(str(given.get("id")))
        if found is None or found.region != call.region:
            raise missing(f"Collection with ID {given.get('id')} cannot be found")
        return found

    def _group_named(self, region: str, name: Any) -> Group | None:
        if not name:
            return None
        named = (one for one in self._estate.groups.values() if (one.region, one.name) == (region, name))
        found = next(named, None)
        if found is None:
            raise invalid(f"Collection group with name {name} cannot be found")
        return found

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


def _without_endpoints(detail: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in detail.items() if not name.endswith("Endpoint")}
