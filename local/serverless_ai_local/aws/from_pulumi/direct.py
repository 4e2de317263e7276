"""Resource types that CloudFormation does not have: there they are part of another one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from typing import Any, TypeVar

from serverless_ai_local.aws.from_pulumi.existing import arn_name
from serverless_ai_local.aws.from_pulumi.kind import generated
from serverless_ai_local.aws.from_pulumi.place import context_for
from serverless_ai_local.aws.from_pulumi.translation import AutoName, InputError, python_name
from serverless_ai_local.aws.provider import Context, ResourceError
from serverless_ai_local.doors.pulumi.clouds import CloudError, Live, Target
from serverless_ai_local.doors.pulumi.values import Values
from serverless_ai_local.graph import Resource

T = TypeVar("T")
PartOf = Callable[[Sequence[Resource], Values], list[Resource]]


@dataclass(frozen=True, slots=True)
class Direct:
    """A `Kind` made by the service's own operations."""

    token: str
    _: KW_ONLY
    inputs: Sequence[str]
    make: Callable[[Context, Values], Live]
    remove: Callable[[Context, Live, Values], None]
    change: Callable[[Context, Live, Values], Live] | None = None
    """None: every change makes a new one."""
    fixed: Sequence[str] = ()
    """Inputs whose change makes a new one."""
    name: AutoName | None = None
    unique: Sequence[str] = ()
    validate: Callable[[Values], object] = dict
    """Raises `CloudError` for an input that cannot be translated."""
    part_of: PartOf = lambda resources, inputs: list(resources)
    """The graph with this resource put into the one that it is part of there."""

    def defaults(self, name: str, inputs: Values, random: Callable[[int], str]) -> Mapping[str, Any]:
        return generated(self.name, name, inputs, random)

    def check(self, inputs: Values) -> None:
        for key in inputs:
            if key not in (*self.inputs, "region"):
                supported = ", ".join(sorted(map(python_name, self.inputs)))
                raise InputError(
                    python_name(key), f"is not supported on the local cloud; supported: {supported}"
                )
        self.validate(inputs)

    def replaces(self, old: Values, new: Values) -> bool:
        fixed = (*self.fixed, "region") if self.change is not None else (*self.inputs, "region")
        return any(old.get(key) != new.get(key) for key in fixed)

    def collides(self, old: Values, new: Values) -> bool:
        return bool(self.unique) and all(old.get(key) == new.get(key) for key in self.unique)

    def create(self, target: Target, name: str, inputs: Values) -> Live:
        return _called(lambda: self.make(context_for(target, inputs), inputs))

    def update(self, target: Target, live: Live, old: Values, new: Values) -> Live:
        change = self.change
        if change is None:
            return live  # only its provider's settings changed
        return _called(lambda: change(context_for(target, new), live, new))

    def delete(self, target: Target, live: Live, inputs: Values) -> None:
        _called(lambda: self.remove(context_for(target, inputs), live, inputs))

    def read(self, target: Target, id: str) -> Live:  # noqa: A002 - Pulumi's word
        raise CloudError(f"{self.token}: existing ones cannot be read on the local cloud")


def _called(work: Callable[[], T]) -> T:
    try:
        return work()
    except ResourceError as error:
        raise CloudError(str(error)) from error


def member(type_: str, property_: str, input_: str, list_: str, item: Callable[[Values], Any]) -> PartOf:
    """It is an item of list `list_` of the resource of `type_` whose `property_` is what `input_` says."""

    def put(resources: Sequence[Resource], inputs: Values) -> list[Resource]:
        return [
            _with(one, list_, item(inputs))
            if one.type == type_ and one.properties.get(property_) == arn_name(str(inputs[input_]))
            else one
            for one in resources
        ]

    return put


def setting(type_: str, property_: str, input_: str, setting_: str, value: Callable[[Values], Any]) -> PartOf:
    """It is the property `setting_` of the resource of `type_` whose `property_` is what `input_` says."""

    def put(resources: Sequence[Resource], inputs: Values) -> list[Resource]:
        return [
            replace(one, properties={**one.properties, setting_: value(inputs)})
            if one.type == type_ and one.properties.get(property_) == inputs[input_]
            else one
            for one in resources
        ]

    return put


def _with(resource: Resource, list_: str, item: Any) -> Resource:
    return replace(
        resource, properties={**resource.properties, list_: [*resource.properties.get(list_, ()), item]}
    )
