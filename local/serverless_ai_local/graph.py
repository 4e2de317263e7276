"""A deployment as a graph of resources: what both doors make, and what pictures and prices are made from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError as GraphCycleError
from graphlib import TopologicalSorter
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Resource:
    """One resource that was made. `type` and `properties` are CloudFormation's, whichever door it came by."""

    name: str
    """Logical id (CloudFormation) or name (Pulumi)."""
    type: str
    properties: Mapping[str, Any] = field(default_factory=dict[str, Any])
    physical_id: str = ""
    depends_on: tuple[str, ...] = ()
    """Names of the resources it refers to."""


class CycleError(ValueError):
    """Some things depend on each other in a circle; the text and `names` say which."""

    def __init__(self, names: list[str]) -> None:
        super().__init__(" -> ".join(names))
        self.names = names


def creation_order(dependencies: Mapping[str, Iterable[str]]) -> list[str]:
    """Names such that each comes after all it depends on, always in the same order. Raises `CycleError`."""
    try:
        return list(TopologicalSorter(dependencies).static_order())
    except GraphCycleError as error:
        raise CycleError(list(error.args[1])) from error
