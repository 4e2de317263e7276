"""Triggers of Eventarc."""

from __future__ import annotations

from typing import Any, Final

from serverless_ai_local.gcp import types
from serverless_ai_local.gcp.resources.row import ResourceError, Row, Setting, Values, found, nested
from serverless_ai_local.gcp.services.happenings import AUDIT_LOG, DELETED, FINALIZED, WRITTEN

TYPES: Final = (FINALIZED, DELETED, AUDIT_LOG, WRITTEN)
"""Of events that can be asked for here."""


def _check(setting: Setting, inputs: Values) -> None:
    criteria: list[dict[str, Any]] = inputs["matchingCriterias"]
    said = {one["attribute"]: one["value"] for one in criteria}
    if said.get("type") not in TYPES:
        raise ResourceError(f"matching_criterias: the type must be one of {', '.join(TYPES)} here")
    if said["type"] == WRITTEN:
        _check_database(setting, said.get("database", "(default)"), inputs)
    if said["type"] in (FINALIZED, DELETED):
        bucket = found(setting, types.BUCKET, said.get("bucket", ""), "Bucket")
        where = str(bucket.inputs["location"]).lower()
        if where != inputs["location"].lower():
            raise ResourceError(f"Bucket {bucket.id} is in {where}: its trigger must be in the same location")
    service = inputs["destination"]["cloudRunService"]
    names = [one.inputs["name"] for one in setting.registry.all(types.FUNCTION)]
    if service["service"] not in names:
        raise ResourceError(f"Cloud Run service {service['service']} was not found")


def _check_database(setting: Setting, name: str, inputs: Values) -> None:
    database = found(setting, types.DATABASE, f"projects/{setting.project}/databases/{name}", "Database")
    where = str(database.inputs["locationId"])
    if where != inputs["location"]:
        raise ResourceError(f"Database {name} is in {where}: its trigger must be in the same location")
    if inputs.get("eventDataContentType") != "application/protobuf":
        raise ResourceError("event_data_content_type must be application/protobuf for documents")


ROWS: Final = (
    Row(
        types.TRIGGER,
        inputs={
            **nested("name", "location", "serviceAccount", "eventDataContentType"),
            "matchingCriterias": nested("attribute", "value", "operator"),
            "destination": {"cloudRunService": nested("service", "region", "path")},
        },
        id="projects/{project}/locations/{location}/triggers/{name}",
        outputs=lambda setting, inputs: {"uid": setting.uid},
        fixed=("name", "location"),
        auto="name",
        check=_check,
    ),
)
