"""Policies that hang on other things: one document, attached to each of its targets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from serverless_ai_local.aws.provider import Context, Made, ResourceError
from serverless_ai_local.aws.resources.calls import MissingError, as_json
from serverless_ai_local.aws.resources.naming import Name, physical_name

Properties = Mapping[str, Any]
DOCUMENT = "PolicyDocument"


@dataclass(frozen=True, slots=True)
class Target:
    """A property that lists what the policy hangs on, and the calls that hang it there."""

    property: str
    attach: Callable[[Context, str, str, str], None]
    """(context, target, policy name, document as JSON)."""
    detach: Callable[[Context, str, str], None]
    """(context, target, policy name)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Attachment:
    """A `Provider` of such a policy."""

    type: str
    targets: tuple[Target, ...]
    name: Name | None = None
    """The property that names the policy, if it has a name."""

    @property
    def taggable(self) -> bool:
        """A policy has no tags."""
        return False

    def replaces(self, old: Properties, new: Properties) -> bool:
        """Only another name does; targets come and go."""
        return self.name is not None and old.get(self.name.property) != new.get(self.name.property)

    def create(self, context: Context, name: str, properties: Properties) -> Made:
        """Attach it to every target; if one refuses it, it hangs nowhere."""
        self._check(properties)
        made_up = physical_name(self.name or Name(property="", limit=128), context.stack, name, properties)
        physical_id = str(properties.get(self.name.property, made_up)) if self.name else made_up
        try:
            self._attach(context, physical_id, properties)
        except Exception:
            self.delete(context, physical_id, properties)
            raise
        return Made(physical_id=physical_id)

    def update(self, context: Context, physical_id: str, old: Properties, new: Properties) -> Made:
        """Attach it as it is now, and take it off what it no longer hangs on."""
        self._check(new)
        self._attach(context, physical_id, new)
        for target in self.targets:
            for thing in old.get(target.property, []):
                if thing not in new.get(target.property, []):
                    _detach(context, target, thing, physical_id)
        return Made(physical_id=physical_id)

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        """Take it off everything."""
        for target in self.targets:
            for thing in properties.get(target.property, []):
                _detach(context, target, thing, physical_id)

    def _attach(self, context: Context, physical_id: str, properties: Properties) -> None:
        document = as_json(properties[DOCUMENT])
        for target in self.targets:
            for thing in properties.get(target.property, []):
                target.attach(context, thing, physical_id, document)

    def _check(self, properties: Properties) -> None:
        known = {DOCUMENT, *(target.property for target in self.targets)}
        known |= {self.name.property} if self.name else set[str]()
        unknown = sorted(properties.keys() - known)
        if unknown:
            raise ResourceError(
                f"Encountered unsupported property {self.type}.{', '.join(unknown)}; "
                f"supported: {', '.join(sorted(known))}"
            )
        if DOCUMENT not in properties:
            raise ResourceError(f"{self.type} needs {DOCUMENT}")
        if not any(properties.get(target.property) for target in self.targets):
            raise ResourceError(f"{self.type} needs one of {', '.join(t.property for t in self.targets)}")


def _detach(context: Context, target: Target, thing: str, name: str) -> None:
    try:
        target.detach(context, thing, name)
    except MissingError:
        return
