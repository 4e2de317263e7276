"""Azure for Pulumi programs: each resource type by its row of the table, made by the resource manager."""

from __future__ import annotations

import difflib
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from serverless_ai_local import graph
from serverless_ai_local.azure.estate import part
from serverless_ai_local.azure.from_pulumi.arm import arm
from serverless_ai_local.azure.place import ADMINISTRATOR, LOCATION, SUBSCRIPTION, TENANT
from serverless_ai_local.azure.types import TABLE
from serverless_ai_local.azure.types.row import GROUP, Type
from serverless_ai_local.doors.pulumi.clouds import CloudError, Consequence, Kind, Live, Placed, Target
from serverless_ai_local.doors.pulumi.values import UNKNOWN, Values
from serverless_ai_local.plain import is_list, is_mapping

PACKAGE: Final = "azure-native"
SETTINGS: Final = ("location", "subscriptionId", "tenantId")
# Who signs in, and how, has no bearing on the local cloud.
HARMLESS: Final = frozenset(
    (
        "auxiliaryTenantIds",
        "clientId",
        "clientSecret",
        "disablePulumiPartnerId",
        "environment",
        "msiEndpoint",
        "partnerId",
        "useCli",
        "useMsi",
        "useOidc",
    )
)
_GUIDS: Final = frozenset(("authorization:RoleAssignment", "cosmosdb:SqlResourceSqlRoleAssignment"))
"""Types that are named by a GUID."""
_NAME_DIGITS: Final = 8
"""Hex digits after a generated name."""
_WORD: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class ArmKind:
    """A `Kind` out of a row of the table."""

    type: Type

    def defaults(self, name: str, inputs: Values, random: Callable[[int], str]) -> Mapping[str, Any]:
        """The generated name, if none was given."""
        named_by = self.type.named_by
        if not named_by or inputs.get(named_by) is not None:
            return {}
        return {named_by: _generated(self.type, name, random)}

    def check(self, inputs: Values) -> None:
        for path in self.type.unsupported(_known(inputs)):
            known = ", ".join(sorted(_python(one) for one in self.type.inputs if not one.startswith("tags")))
            raise CloudError(f"{_python(path)} is not supported on the local cloud; supported: {known}")

    def echo(self, inputs: Values) -> Values:
        """Ids of user-assigned identities go in as a list and come out as a map."""
        identity = part(inputs, "identity")
        ids = identity.get("userAssignedIdentities")
        if not is_list(ids):
            return inputs
        known = not any(one is UNKNOWN for one in ids)
        listed = {one: dict[str, Any]() for one in ids} if known else UNKNOWN
        return {**inputs, "identity": {**identity, "userAssignedIdentities": listed}}

    def replaces(self, old: Values, new: Values) -> bool:
        return any(old.get(key) != new.get(key) for key in self.type.identity_inputs())

    def collides(self, old: Values, new: Values) -> bool:
        return self.type.id(old).lower() == self.type.id(new).lower()

    def create(self, target: Target, name: str, inputs: Values) -> Live:
        return self._put(target, inputs)

    def update(self, target: Target, live: Live, old: Values, new: Values) -> Live:
        return self._put(target, new)

    def delete(self, target: Target, live: Live, inputs: Values) -> None:
        arm(target.endpoint).delete(live.id)

    def read(self, target: Target, id: str) -> Live:  # noqa: A002 - Pulumi's word
        return Live(id=id, outputs=arm(target.endpoint).get(id))

    def _put(self, target: Target, inputs: Values) -> Live:
        id_ = self.type.id(inputs)
        outputs = dict(arm(target.endpoint).put(id_, self.type.kind, inputs))
        if self.type.located:
            outputs["location"] = inputs.get("location") or target.settings["location"]
        return Live(id=id_, outputs=outputs)


def _generated(type_: Type, name: str, random: Callable[[int], str]) -> str:
    if type_.kind in _GUIDS:
        return str(uuid.UUID(random(32)))
    return f"{name}{random(_NAME_DIGITS)}"


def _known(values: Any) -> Any:
    """Without what only a real `up` will know."""
    if is_mapping(values):
        return {key: _known(value) for key, value in values.items() if value is not UNKNOWN}
    if is_list(values):
        return [_known(value) for value in values if value is not UNKNOWN]
    return values


def _python(path: str) -> str:
    return _WORD.sub("_", path).lower()


def _token(target: Target, arguments: Values) -> Values:
    return {"token": arm(target.endpoint).token(str(arguments.get("endpoint") or _MANAGEMENT))}


def _who(target: Target, arguments: Values) -> Values:
    return {
        "clientId": ADMINISTRATOR,
        "objectId": ADMINISTRATOR,
        "subscriptionId": SUBSCRIPTION,
        "tenantId": TENANT,
    }


_MANAGEMENT: Final = "https://management.azure.com/"
INVOKES: Final[Mapping[str, Callable[[Target, Values], Values]]] = {
    "azure-native:authorization:getClientConfig": _who,
    "azure-native:authorization:getClientToken": _token,
}


class AzureCloud:
    """What answers for `azure-native:`."""

    def settings(self, config: Values) -> Values:
        """`location`; a subscription or tenant must be the local one. Raises `CloudError` naming a key."""
        values = {key: value for key, value in config.items() if value is not UNKNOWN}
        unknown = sorted(values.keys() - HARMLESS - set(SETTINGS))
        if unknown:
            allowed = ", ".join((*SETTINGS, *sorted(HARMLESS)))
            raise CloudError(f"azure-native:{unknown[0]} is not supported locally; allowed: {allowed}")
        for key, own in (("subscriptionId", SUBSCRIPTION), ("tenantId", TENANT)):
            if values.get(key, own) != own:
                raise CloudError(f"azure-native:{key} of the local cloud is {own}, not {values[key]}")
        return {"location": str(values.get("location") or LOCATION)}

    def consequence(self, token: str, old: Values, new: Values) -> Consequence:
        """Nothing can be moved to another region."""
        located = TABLE[token.removeprefix(f"{PACKAGE}:")].located
        return "replace" if located and old.get("location") != new.get("location") else "none"

    def kind(self, token: str) -> Kind:
        """`CloudError` naming a type that is not in the table."""
        found = TABLE.get(token.removeprefix(f"{PACKAGE}:"))
        if found is None:
            near = difflib.get_close_matches(token, [f"{PACKAGE}:{kind}" for kind in TABLE], 5, 0.5)
            hint = ", ".join(near) or "none like it"
            raise CloudError(f"resource type {token} is not on the local cloud; there are: {hint}")
        return ArmKind(found)

    def invoke(self, target: Target, token: str, arguments: Values) -> Values:
        """`CloudError` naming a function that is not in the table."""
        if token not in INVOKES:
            known = ", ".join(sorted(INVOKES))
            raise CloudError(f"function {token} is not on the local cloud; there are: {known}")
        return INVOKES[token](target, arguments)

    def graph(self, resources: Sequence[Placed]) -> list[graph.Resource]:
        """In Pulumi's own words: its type, its inputs, and the id of Azure Resource Manager."""
        names = {one.name for one in resources}
        return [
            graph.Resource(
                name=one.name,
                type=one.token,
                properties={key: value for key, value in one.inputs.items() if key != GROUP},
                physical_id=one.live.id,
                depends_on=tuple(name for name in one.depends_on if name in names),
            )
            for one in resources
        ]
