"""The table of Azure's resource types: what the Pulumi door may send, and what the services find."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from serverless_ai_local.azure.types import groups, services, storage
from serverless_ai_local.azure.types.row import Type

TABLE: Final[Mapping[str, Type]] = {one.kind: one for one in (*groups.TYPES, *storage.TYPES, *services.TYPES)}
"""By Pulumi's type without the package: `storage:Queue`."""
