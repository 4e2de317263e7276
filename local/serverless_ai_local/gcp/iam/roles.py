"""What the predefined roles allow of what is asked here, one row a role with its source.

A role holds more in the cloud: a permission that no local service asks for is left out, and a grant by it
would show nothing. A role that is not here cannot be granted here; a custom role is what it says.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

_REFERENCE: Final = "https://cloud.google.com/iam/docs/roles-permissions/{service}, read 2026-11"


class Role(NamedTuple):
    permissions: frozenset[str]
    source: str


def _role(service: str, *permissions: str) -> Role:
    return Role(frozenset(permissions), _REFERENCE.format(service=service))


PREDEFINED: Final[Mapping[str, Role]] = {
    "roles/aiplatform.user": _role("aiplatform", "aiplatform.endpoints.predict"),
    "roles/alloydb.databaseUser": _role("alloydb", "alloydb.users.login"),
    "roles/artifactregistry.writer": _role(
        "artifactregistry",
        "artifactregistry.repositories.downloadArtifacts",
        "artifactregistry.repositories.uploadArtifacts",
    ),
    "roles/datastore.user": _role(
        "datastore",
        "datastore.entities.create",
        "datastore.entities.delete",
        "datastore.entities.get",
        "datastore.entities.list",
        "datastore.entities.update",
    ),
    "roles/datastore.viewer": _role("datastore", "datastore.entities.get", "datastore.entities.list"),
    "roles/eventarc.eventReceiver": _role("eventarc", "eventarc.events.receiveEvent"),
    "roles/logging.logWriter": _role("logging", "logging.logEntries.create"),
    "roles/pubsub.publisher": _role("pubsub", "pubsub.topics.publish"),
    "roles/pubsub.subscriber": _role(
        "pubsub",
        "pubsub.snapshots.seek",
        "pubsub.subscriptions.consume",
        "pubsub.topics.attachSubscription",
    ),
    "roles/run.invoker": _role("run", "run.jobs.run", "run.routes.invoke"),
    "roles/secretmanager.secretAccessor": _role("secretmanager", "secretmanager.versions.access"),
    "roles/serviceusage.serviceUsageConsumer": _role("serviceusage", "serviceusage.services.use"),
    "roles/storage.objectViewer": _role("storage", "storage.objects.get", "storage.objects.list"),
}
