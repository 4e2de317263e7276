"""A deployment as a graph of resources: what both doors hand to the engine, and what pictures and prices are made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Resource:
    """One resource that was made. `type` and `properties` are CloudFormation's, whichever door it came through."""

    name: str
    """Logical id (CloudFormation) or name (Pulumi)."""
    type: str
    properties: Mapping[str, Any] = field(default_factory=dict[str, Any])
    physical_id: str = ""
    depends_on: tuple[str, ...] = ()
    """Names of the resources it refers to."""
