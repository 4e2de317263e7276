"""Firestore databases, the settings of their fields, and vector indexes."""

from __future__ import annotations

from typing import Any, Final

from serverless_ai_local.gcp import types
from serverless_ai_local.gcp.registry import Deployed, Registry
from serverless_ai_local.gcp.resources.row import (
    ABANDON,
    ResourceError,
    Row,
    Setting,
    Values,
    found,
    nested,
)
from serverless_ai_local.gcp.services.vectors import MOST_DIMENSIONS


def _protected(registry: Registry, deployed: Deployed) -> None:
    if deployed.inputs.get("deleteProtectionState") == "DELETE_PROTECTION_ENABLED":
        raise ResourceError(
            f"Database {deployed.id} cannot be deleted: it has delete protection; deploy it once with "
            "DELETE_PROTECTION_DISABLED"
        )


def _check_index(setting: Setting, inputs: Values) -> None:
    """Vector indexes alone: nothing here asks for another."""
    database = f"projects/{setting.project}/databases/{inputs.get('database', '(default)')}"
    found(setting, types.DATABASE, database, "Database")
    fields: list[dict[str, Any]] = inputs["fields"]
    last: dict[str, Any] = fields[-1].get("vectorConfig", {}) if fields else {}
    shapes = [one.keys() for one in fields]
    if shapes != [{"fieldPath", "order"}] * (len(fields) - 1) + [{"fieldPath", "vectorConfig"}]:
        raise ResourceError("fields must be ordered ones and, as the last, one with vector_config, here")
    if last.get("dimension") not in range(1, MOST_DIMENSIONS + 1) or "flat" not in last:
        raise ResourceError(f"vector_config must be flat and of a dimension from 1 to {MOST_DIMENSIONS}")
    for other in setting.registry.all(types.INDEX):
        if other.uid != setting.uid and other.project == setting.project and _same(other.inputs, inputs):
            raise ResourceError("index already exists")


def _same(one: Values, other: Values) -> bool:
    return all(
        one.get(name) == other.get(name) for name in ("database", "collection", "queryScope", "fields")
    )


ROWS: Final = (
    Row(
        types.DATABASE,
        inputs={
            **nested("name", "locationId", "type", "pointInTimeRecoveryEnablement", "deleteProtectionState"),
            "concurrencyMode": None,
            "cmekConfig": nested("kmsKeyName"),
        },
        id="projects/{project}/databases/{name}",
        outputs=lambda setting, inputs: {"uid": setting.uid, "etag": setting.uid},
        fixed=("name", "locationId", "cmekConfig"),
        auto="name",
        deletion=ABANDON,
        may_go=_protected,
        defaults={"deleteProtectionState": "DELETE_PROTECTION_DISABLED", "concurrencyMode": "PESSIMISTIC"},
    ),
    Row(
        types.FIELD,
        inputs={
            **nested("database", "collection", "field"),
            "ttlConfig": nested("state"),
            "indexConfig": {"indexes": nested("order", "arrayConfig", "queryScope")},
        },
        id="projects/{project}/databases/{database}/collectionGroups/{collection}/fields/{field}",
        outputs=lambda setting, inputs: {
            "name": f"projects/{setting.project}/databases/{inputs['database']}"
            f"/collectionGroups/{inputs['collection']}/fields/{inputs['field']}"
        },
        fixed=("database", "collection", "field"),
    ),
    Row(
        types.INDEX,
        inputs={
            **nested("database", "collection", "queryScope", "apiScope"),
            "fields": {**nested("fieldPath", "order"), "vectorConfig": {"dimension": None, "flat": {}}},
        },
        id="{name}",
        outputs=lambda setting, inputs: {
            "name": f"projects/{setting.project}/databases/{inputs.get('database', '(default)')}"
            f"/collectionGroups/{inputs['collection']}/indexes/{setting.uid}"
        },
        fixed=None,
        check=_check_index,
        defaults={"database": "(default)", "queryScope": "COLLECTION", "apiScope": "ANY_API"},
    ),
)
