"""Firestore databases and the settings of their fields."""

from __future__ import annotations

from typing import Final

from serverless_ai_local.gcp import types
from serverless_ai_local.gcp.registry import Deployed, Registry
from serverless_ai_local.gcp.resources.row import ABANDON, ResourceError, Row, nested


def _protected(registry: Registry, deployed: Deployed) -> None:
    if deployed.inputs.get("deleteProtectionState") == "DELETE_PROTECTION_ENABLED":
        raise ResourceError(
            f"Database {deployed.id} cannot be deleted: it has delete protection; deploy it once with "
            "DELETE_PROTECTION_DISABLED"
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
)
