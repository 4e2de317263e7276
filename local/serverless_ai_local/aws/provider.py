"""What a resource type is: create, update and delete, in CloudFormation's words, for both doors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, kw_only=True, slots=True)
class Made:
    """A resource after it was made: what `Ref` and `Fn::GetAtt` return."""

    physical_id: str
    attributes: Mapping[str, Any] = field(default_factory=dict[str, Any])


class ResourceError(Exception):
    """A resource could not be made; the text is the cloud's own reason, or names what is unknown."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Context:
    """What a provider may use: SDK clients that talk to the local services as administrator."""

    client: Callable[[str], Any]
    """`client("lambda")`: a botocore client of this region and endpoint."""
    account: str
    region: str
    stack: str
    """Name of the stack, for generated physical names."""
    endpoint: str
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    """Tags of the stack, for every resource that takes tags; its own `Tags` win."""
    old_tags: Mapping[str, str] = field(default_factory=dict[str, str])
    """In an update: the tags of the stack that it has."""


class Provider(Protocol):
    """One resource type. Properties arrive resolved (no intrinsics); an unknown one raises `ResourceError`.

    A provider with a `taggable` of False is not updated when only the tags of its stack change.
    """

    @property
    def type(self) -> str:
        """CloudFormation type name, e.g. `AWS::SQS::Queue`."""
        ...

    def replaces(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
        """Whether this change needs a new resource (create, then delete the old one)."""
        ...

    def create(self, context: Context, name: str, properties: Mapping[str, Any]) -> Made: ...

    def update(
        self, context: Context, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any]
    ) -> Made: ...

    def delete(self, context: Context, physical_id: str, properties: Mapping[str, Any]) -> None: ...
