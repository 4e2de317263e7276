"""The control plane of policies, a fake: encryption and network policies, and policies of data access."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from werkzeug.wrappers import Response

from serverless_ai_local.aws.api import ApiError, Call, Operations
from serverless_ai_local.aws.calls import parameters, reply
from serverless_ai_local.aws.opensearch import policies
from serverless_ai_local.aws.opensearch.estate import Estate, Policy, new_version, now
from serverless_ai_local.aws.opensearch.policies import invalid
from serverless_ai_local.aws.opensearch.requests import check_name

_KINDS: Final = {"Security": ("encryption", "network"), "Access": ("data",)}


class PolicyControl:
    """The operations, over one estate."""

    def __init__(self, estate: Estate) -> None:
        self._estate = estate

    def operations(self) -> Operations:
        """What this answers."""
        verbs: Mapping[str, Callable[[Call, str], Response]] = {
            "Create": self._create,
            "Get": self._get,
            "Update": self._update,
            "Delete": self._delete,
        }
        named = {
            ("aoss", f"{verb}{family}Policy"): _bound(handler, family)
            for family in _KINDS
            for verb, handler in verbs.items()
        }
        lists = {("aoss", f"List{family}Policies"): _bound(self._list, family) for family in _KINDS}
        return {**named, **lists}

    def _create(self, call: Call, family: str) -> Response:
        given = parameters(call)
        kind, name = _kind(given, family), check_name(given.get("name"))
        document, moment = policies.read(kind, str(given.get("policy"))), now()
        made = Policy(
            kind=kind,
            name=name,
            region=call.region,
            document=document,
            description=str(given.get("description", "")),
            version=new_version(),
            created=moment,
            modified=moment,
        )
        with self._estate.lock:
            key = (call.region, kind, name)
            if key in self._estate.policies:
                raise ApiError("ConflictException", f"Policy with name {name} and type {kind} already exists")
            self._estate.policies[key] = made
        return _detail(made, family)

    def _get(self, call: Call, family: str) -> Response:
        return _detail(self._one(call, parameters(call), family), family)

    def _list(self, call: Call, family: str) -> Response:
        kind = _kind(parameters(call), family)
        with self._estate.lock:
            found = [
                one for one in self._estate.policies.values() if (one.region, one.kind) == (call.region, kind)
            ]
        summaries = [
            {name: value for name, value in _shown(one).items() if name != "policy"} for one in found
        ]
        return reply({f"{family.lower()}PolicySummaries": summaries})

    def _update(self, call: Call, family: str) -> Response:
        given = parameters(call)
        with self._estate.lock:
            one = self._one(call, given, family)
            if given.get("policyVersion") != one.version:
                raise invalid("Policy version specified in the request does not match the current one")
            if given.get("policy"):
                one.document = policies.read(one.kind, str(given["policy"]))
            one.description = str(given.get("description", one.description))
            one.version, one.modified = new_version(), now()
        return _detail(one, family)

    def _delete(self, call: Call, family: str) -> Response:
        with self._estate.lock:
            one = self._one(call, parameters(call), family)
            del self._estate.policies[(one.region, one.kind, one.name)]
        return reply({})

    def _one(self, call: Call, given: Mapping[str, Any], family: str) -> Policy:
        kind, name = _kind(given, family), str(given.get("name"))
        found = self._estate.policies.get((call.region, kind, name))
        if found is None:
            text = f"Policy with name {name} and type {kind} is not found"
            raise ApiError("ResourceNotFoundException", text, 404)
        return found


def _bound(handler: Callable[[Call, str], Response], family: str) -> Callable[[Call], Response]:
    return lambda call: handler(call, family)


def _kind(given: Mapping[str, Any], family: str) -> str:
    kind = given.get("type")
    if kind not in _KINDS[family]:
        raise invalid(f"type must be one of {', '.join(_KINDS[family])}, got {kind}")
    return str(kind)


def _detail(one: Policy, family: str) -> Response:
    return reply({f"{family.lower()}PolicyDetail": _shown(one)})


def _shown(one: Policy) -> dict[str, Any]:
    return {
        "type": one.kind,
        "name": one.name,
        "policyVersion": one.version,
        "description": one.description,
        "policy": one.document,
        "createdDate": one.created,
        "lastModifiedDate": one.modified,
    }
