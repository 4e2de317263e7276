"""The values of the table: what is needed, where, and how a row is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Parameters = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Need:
    """One IAM action on one resource, with the condition keys of the service."""

    action: str
    resource: str
    context: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a call goes."""

    region: str
    account: str

    def arn(self, service: str, resource: str) -> str:
        """ARN of a resource here."""
        return f"arn:aws:{service}:{self.region}:{self.account}:{resource}"


Rule = Callable[[Parameters, Place], list[Need]]
"""From the parameters of a call to all it needs."""


def anywhere(action: str) -> Rule:
    """An action that has no resource."""
    return lambda parameters, place: [Need(action=action, resource="*")]


def on(action: str, service: str, resource: str) -> Rule:
    """An action on one resource; `resource` is a format over the parameters, e.g. `table/{TableName}`."""

    def rule(parameters: Parameters, place: Place) -> list[Need]:
        return [Need(action=action, resource=place.arn(service, resource.format_map(parameters)))]

    return rule


def nothing(parameters: Parameters, place: Place) -> list[Need]:
    """An operation that every identity may call."""
    return []
