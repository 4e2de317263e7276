"""What Google's services tell Eventarc: its attributes, which triggers match, and the CloudEvent itself.

Source of the forms: https://cloud.google.com/eventarc/docs/cloudevents, read 2026-11.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from serverless_ai_local.gcp import types
from serverless_ai_local.gcp.registry import Deployed
from serverless_ai_local.gcp.services.document_event import event_data
from serverless_ai_local.gcp.services.documents import Document
from serverless_ai_local.gcp.services.storage import Stored

FINALIZED: Final = "google.cloud.storage.object.v1.finalized"
DELETED: Final = "google.cloud.storage.object.v1.deleted"
WRITTEN: Final = "google.cloud.firestore.document.v1.written"
AUDIT_LOG: Final = "google.cloud.audit.log.v1.written"
ADMINISTRATOR: Final = "administrator@local"
# Of what is made here, the methods that Cloud Audit Logs records unasked (admin activity).
METHODS: Final[Mapping[str, tuple[str, str]]] = {
    types.ACCOUNT: ("iam.googleapis.com", "google.iam.admin.v1.CreateServiceAccount"),
    types.BUCKET: ("storage.googleapis.com", "storage.buckets.create"),
    types.CUSTOM_ROLE: ("iam.googleapis.com", "google.iam.admin.v1.CreateRole"),
    types.SECRET: (
        "secretmanager.googleapis.com",
        "google.cloud.secretmanager.v1.SecretManagerService.CreateSecret",
    ),
    types.SECRET_VERSION: (
        "secretmanager.googleapis.com",
        "google.cloud.secretmanager.v1.SecretManagerService.AddSecretVersion",
    ),
    types.SUBSCRIPTION: ("pubsub.googleapis.com", "google.pubsub.v1.Subscriber.CreateSubscription"),
    types.TOPIC: ("pubsub.googleapis.com", "google.pubsub.v1.Publisher.CreateTopic"),
}


class Happening(NamedTuple):
    """Something that triggers may ask for."""

    said: Mapping[str, str]
    """Attributes that triggers match."""
    headers: Mapping[str, str]
    """Of the CloudEvent in binary mode."""
    body: bytes
    by_pubsub: str = ""
    """The service whose own account must be allowed to publish, if it tells by Pub/Sub."""

    def fits(self, criteria: list[dict[str, str]]) -> bool:
        """Whether it meets all criteria of a trigger."""
        return all(_fits(self.said.get(one["attribute"]), one) for one in criteria)


def object_finalized(stored: Stored) -> Happening:
    return _of_object(FINALIZED, stored)


def object_deleted(stored: Stored) -> Happening:
    """Also of a generation that was written over: the next one's own event may come before it, or after.

    Source: https://cloud.google.com/storage/docs/pubsub-notifications (OBJECT_DELETE), read 2026-11-27.
    """
    return _of_object(DELETED, stored)


def _of_object(kind: str, stored: Stored) -> Happening:
    about = {"bucket": stored.bucket}
    source = f"//storage.googleapis.com/projects/_/buckets/{stored.bucket}"
    headers = _headers(kind, source, "application/json", about)
    body = json.dumps(stored.wire()).encode()
    return Happening({"type": kind, **about}, headers, body, "storage.googleapis.com")


def document_written(
    database: Deployed, name: str, before: Document | None, after: Document | None
) -> Happening:
    """`name`: projects/P/databases/D/documents/C/I."""
    path = name.partition("/documents/")[2]
    about = {
        "database": database.id.rpartition("/")[2],
        "document": path,
        "location": str(database.inputs["locationId"]),
        "namespace": "(default)",
        "project": database.project,
    }
    headers = {
        **_headers(WRITTEN, f"//firestore.googleapis.com/{database.id}", "application/protobuf", about),
        "ce-subject": f"documents/{path}",
    }
    body = event_data(after.wire(name) if after else None, before.wire(name) if before else None)
    return Happening({"type": WRITTEN, **about}, headers, body)


def call_recorded(made: Deployed) -> Happening | None:
    """Of what the administrator has made; None where nothing is recorded."""
    if made.token not in METHODS:
        return None
    service, method = METHODS[made.token]
    about = {"serviceName": service, "methodName": method, "resourceName": made.id}
    moment, log = _now(), f"projects/{made.project}/logs/cloudaudit.googleapis.com%2Factivity"
    entry: dict[str, Any] = {
        "protoPayload": {
            "@type": "type.googleapis.com/google.cloud.audit.AuditLog",
            **about,
            "authenticationInfo": {"principalEmail": ADMINISTRATOR},
        },
        "insertId": uuid.uuid4().hex[:12],
        "logName": log,
        "severity": "NOTICE",
        "timestamp": moment,
    }
    source = f"//cloudaudit.googleapis.com/projects/{made.project}/logs/activity"
    named = {key.lower(): text for key, text in about.items()}
    headers = _headers(AUDIT_LOG, source, "application/json", named)
    return Happening({"type": AUDIT_LOG, **about}, headers, json.dumps(entry).encode())


def _headers(kind: str, source: str, content_type: str, about: Mapping[str, str]) -> dict[str, str]:
    return {
        "content-type": content_type,
        "ce-specversion": "1.0",
        "ce-id": str(uuid.uuid4()),
        "ce-type": kind,
        "ce-source": source,
        "ce-time": _now(),
        **{f"ce-{name}": value for name, value in about.items()},
    }


def _now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


def _fits(value: str | None, criterion: Mapping[str, str]) -> bool:
    """By equality, or by a pattern of path segments: `{name}` and `*` are one, `**` and `{name=**}` many."""
    if value is None:
        return False
    wanted = criterion["value"]
    if criterion.get("operator") != "match-path-pattern":
        return value == wanted
    segments = [_SEGMENTS.get(_plain(one), re.escape(one)) for one in wanted.split("/")]
    return re.fullmatch("/".join(segments), value) is not None


_SEGMENTS: Final = {"*": "[^/]+", "**": ".+"}


def _plain(segment: str) -> str:
    if segment.startswith("{") and segment.endswith("}"):
        return segment[1:-1].partition("=")[2] or "*"
    return segment
