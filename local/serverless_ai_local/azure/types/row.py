"""A row of the table of resource types: what names a resource, what may be said of it, what comes out."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from serverless_ai_local.azure.place import SUBSCRIPTION, TENANT
from serverless_ai_local.plain import is_list, is_mapping

GROUP: Final = "resourceGroupName"
_PARENT: Final = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Making:
    """A resource that is being made or changed."""

    endpoint: str
    """URL of the local cloud."""
    id: str
    name: str
    inputs: Mapping[str, Any]
    before: Mapping[str, Any]
    """Its outputs so far; empty for a new one."""

    def guid(self, what: str) -> str:
        """A GUID that stays for as long as the resource does: the same `what` of `before`, or a new one."""
        return str(self.before.get(what) or uuid.uuid4())


Outputs = Callable[[Making], Mapping[str, Any]]


def no_outputs(making: Making) -> Mapping[str, Any]:
    return {}


@dataclass(frozen=True, kw_only=True, slots=True)
class Type:
    """One type. `inputs` are dotted paths, through lists as well; `x.*` stands for all that is in x."""

    kind: str
    path: str
    """Type in a resource's id, its parents' names in braces: `Microsoft.Web/sites/{name}/config`."""
    named_by: str
    """Input with its name."""
    inputs: Sequence[str]
    fixed: Sequence[str] = ()
    """Inputs whose change makes a new one, beside its name and its parents."""
    located: bool = False
    defaults: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Inputs that the SDK fills in by itself: nothing acts on them, so that no other value is taken."""
    fixed_name: str = ""
    """The only name it can have, which no input says."""
    outputs: Outputs = no_outputs
    """What Azure computes, by wire name."""

    def name(self, inputs: Mapping[str, Any]) -> str:
        return self.fixed_name or str(inputs[self.named_by])

    def id(self, inputs: Mapping[str, Any]) -> str:
        """The resource's id, as Azure Resource Manager writes it."""
        if self.path == "resourceGroups":
            return f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{self.name(inputs)}"
        scope = str(inputs.get("scope", "")) if self.path.startswith("{scope}") else ""
        if not scope:
            scope = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{inputs[GROUP]}"
        provider, *words = self.path.removeprefix("{scope}/").split("/")
        filled = [_PARENT.sub(lambda found: str(inputs[found[1]]), word) for word in words]
        return "/".join((scope, "providers", provider, *filled, self.name(inputs)))

    @property
    def arm_type(self) -> str:
        """`Microsoft.Web/sites/config`: as `type` comes out."""
        if self.path == "resourceGroups":
            return "Microsoft.Resources/resourceGroups"
        words = self.path.removeprefix("{scope}/").split("/")
        return "/".join(word for word in words if not word.startswith("{") and word != "default")

    def identity_inputs(self) -> tuple[str, ...]:
        """Inputs that make another resource of it when they change."""
        own = (self.named_by,) if self.named_by else ()
        parents = tuple(one for one in _PARENT.findall(self.path) if one not in own)
        located = ("location",) if self.located else ()
        return (*own, *parents, GROUP, *located, *self.fixed)

    def unsupported(self, inputs: Mapping[str, Any]) -> Iterator[str]:
        """Dotted paths of inputs that the local cloud does not know."""
        located = ("location",) if self.located else ()
        allowed = {self.named_by, GROUP, *_PARENT.findall(self.path), *located, *self.inputs}
        for path, value in _outside(inputs, "", allowed):
            if path not in self.defaults or value != self.defaults[path]:
                yield path


def _outside(value: Any, at: str, allowed: set[str]) -> Iterator[tuple[str, Any]]:
    if at in allowed or f"{at}.*" in allowed:
        return
    inner = not at or any(one.startswith(f"{at}.") for one in allowed)
    if inner and is_mapping(value):
        for key, item in value.items():
            yield from _outside(item, f"{at}.{key}" if at else key, allowed)
    elif inner and is_list(value):
        for item in value:
            yield from _outside(item, at, allowed)
    else:
        yield at, value


def identity(making: Making) -> dict[str, Any] | None:
    """`identity` as it comes out: ids of user-assigned identities go in as a list and come out as a map."""
    given = making.inputs.get("identity")
    if given is None:
        return None
    before: Mapping[str, Any] = making.before.get("identity") or {}
    made: dict[str, Any] = {"type": given.get("type")}
    if "SystemAssigned" in str(given.get("type")):
        made |= {"principalId": str(before.get("principalId") or uuid.uuid4()), "tenantId": TENANT}
    if given.get("userAssignedIdentities"):
        made["userAssignedIdentities"] = {one: {} for one in given["userAssignedIdentities"]}
    return made
