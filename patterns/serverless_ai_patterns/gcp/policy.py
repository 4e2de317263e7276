"""What the identities of a pattern may do on Google Cloud, as data: permissions, roles, conditions.

What a call needs is named beside the call, in the runtime's adapters; here it meets what a pattern made.
A custom role is made where the predefined one allows more than the calls need: `roles/aiplatform.user` may
also create and delete endpoints, `roles/datastore.user` may also list and delete everything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from serverless_ai_runtime.adapters.gcp import alloydb, firestore, firestore_vectors, storage, vertex

PREDICT: Final = vertex.PERMISSIONS
"""It holds for every model of the project: IAM cannot name one, the organisation policy
`constraints/vertexai.allowedModels` can. Embedding models need no other permission."""

RECORDS: Final = firestore.PERMISSIONS
SCANNED_RECORDS: Final = firestore.PERMISSIONS + firestore.SCAN_PERMISSIONS
READ_VECTORS: Final = firestore_vectors.READ_PERMISSIONS
WRITE_VECTORS: Final = firestore_vectors.WRITE_PERMISSIONS
"""They hold for a whole database: IAM cannot name a collection."""
READ_OBJECTS: Final = storage.READ_PERMISSIONS
WRITE_OBJECTS: Final = storage.WRITE_PERMISSIONS

# Every predefined role that a pattern grants, and what for: the written list that tests hold us to.
ROLES: Final[Mapping[str, str]] = {
    "roles/run.invoker": "call one service: its only permissions are run.routes.invoke and run.jobs.run",
    "roles/pubsub.publisher": "publish to one topic: its only permission is pubsub.topics.publish",
    "roles/pubsub.subscriber": "Pub/Sub moves a dead letter out of one subscription",
    "roles/artifactregistry.writer": "the build pushes into the pattern's own repository",
    "roles/logging.logWriter": "the build writes its log; logs have no narrower resource than the project",
    "roles/secretmanager.secretAccessor": "read one secret's versions: of its permissions only "
    "secretmanager.versions.access is one on a secret",
    "roles/storage.objectViewer": "the build reads its source, from buckets that the condition names",
}
PIPELINE_ROLES: Final[Mapping[str, str]] = {
    "roles/eventarc.eventReceiver": "take events for triggers; triggers have no narrower resource",
}
"""What the event pipeline grants beside those."""
ALLOYDB_ROLES: Final[Mapping[str, str]] = {
    "roles/alloydb.databaseUser": "log in to AlloyDB as oneself: its only permission is alloydb.users.login",
    "roles/serviceusage.serviceUsageConsumer": "a login counts as a use of the project's AlloyDB API",
}
"""What a vector store on AlloyDB grants; both have no narrower resource than the project."""
ALLOYDB_LOGIN: Final = alloydb.READ_PERMISSIONS
NEVER: Final = ("allUsers", "allAuthenticatedUsers")
"""Members that mean anyone: no pattern is open."""


class Condition(NamedTuple):
    """An IAM condition of a grant on the project, in CEL."""

    title: str
    expression: str


def only_database(project: str, database: str) -> Condition:
    """Documents of this database only. Source: https://cloud.google.com/firestore/docs/manage-databases,
    "Configure per-database access permissions", 2026-11.
    """
    return Condition("only-own-database", f'resource.name == "projects/{project}/databases/{database}"')


def only_buckets(prefixes: Sequence[str]) -> Condition:
    """Buckets, and what is in them, whose names begin with one of `prefixes`."""
    tests = [f'resource.name.startsWith("projects/_/buckets/{prefix}")' for prefix in prefixes]
    return Condition("only-source-buckets", " || ".join(tests))


BUILD_SOURCES: Final = "gcf-v2-sources-"
"""Cloud Run functions copies a function's source into a bucket of this prefix and builds from there. Source:
https://cloud.google.com/functions/docs/building, 2026-11."""


def check_member(member: str) -> str:
    """`member`, unless it means anyone; raises ValueError."""
    kind, _, name = member.partition(":")
    if not kind or not name:  # those that mean anyone have no name after their kind
        raise ValueError(
            f"invokers must be members such as group:chat@example.com or serviceAccount:..., and never "
            f"{' or '.join(NEVER)}; got {member!r}"
        )
    return member
