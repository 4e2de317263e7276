"""Built-in roles that a deployment assigns, each on one resource: what it is for, and its id.

Which of them the handler's calls need is said beside the calls, in the runtime's adapters; the others are the
platform's own needs. Ids: MicrosoftDocs/azure-docs, built-in-roles.md of 2026-04-09, read 2026-11-24.
"""

from __future__ import annotations

import re
import uuid
from typing import Final, NamedTuple

from serverless_ai_runtime.adapters.azure import (
    ai,
    ai_search,
    blobs,
    cosmos,
    cosmos_vectors,
    foundry,
    queue,
    topics,
)

_SUBSCRIPTION: Final = re.compile(r"/subscriptions/([^/]+)/", re.IGNORECASE)


class Role(NamedTuple):
    """A role of Azure's own."""

    name: str
    id: str
    use: str
    """Which calls need it."""


HOST_BLOBS: Final = Role(
    "Storage Blob Data Owner",
    "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
    "The Functions host keeps leases and its package in containers that it makes itself",
)
USE_QUEUE: Final = Role(
    queue.USE_ROLE,
    "974c5e8b-45b9-4653-ba55-5f855dd0fb88",
    "The Functions host takes, hides and deletes messages of a queue, and the timer puts them in",
)
SEND_MESSAGES: Final = Role(
    queue.SEND_ROLE,
    "c6a89b2d-59bc-44d0-9896-0f6e12d7b80a",
    "Events, results and dead letters are put into a queue",
)
READ_BLOBS: Final = Role(
    blobs.READ_ROLE,
    "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1",
    "What was uploaded is read",
)
WRITE_BLOBS: Final = Role(
    blobs.WRITE_ROLE,
    "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
    "Results are written, and Event Grid puts into a container what it could not deliver",
)
SEND_EVENTS: Final = Role(
    topics.SEND_ROLE,
    "d5a91429-5739-47e2-a06b-3470a27159e7",
    "What is done is announced on a topic",
)
CALL_MODEL: Final = Role(
    foundry.ROLE,
    "5e0bd9bd-7b93-4f28-af87-19fc36ad61bd",
    "Chat completions and embeddings of the account's deployments",
)
USE_AI: Final = Role(
    ai.ROLE,
    "a97b65f3-24c7-4388-baec-2e87135dc908",
    "Documents, images, speech and text are analysed; the account has no keys that the role could read",
)
WRITE_TELEMETRY: Final = Role(
    "Monitoring Metrics Publisher",
    "3913510d-42f4-4e42-8a64-420c390055eb",
    "Logs and traces reach Application Insights, which takes no key",
)
READ_SECRET: Final = Role(
    "Key Vault Secrets User",
    "4633458b-17de-408a-b874-0445c86b69e6",
    "An app setting is filled in from a secret",
)
USE_KEY: Final = Role(
    "Key Vault Crypto Service Encryption User",
    "e147488a-f6f5-4113-8e2d-b22465e65bf6",
    "A service wraps what it keeps with your key",
)
READ_INDEX: Final = Role(
    ai_search.READ_ROLE,
    "1407120a-92aa-4202-b7e9-c0e197c71c8f",
    "Chunks are searched",
)
WRITE_INDEX: Final = Role(
    ai_search.WRITE_ROLE,
    "8ebe5a00-799e-43f5-93ac-243d3dce84a7",
    "Chunks are written and deleted",
)
DEFINE_INDEX: Final = Role(
    ai_search.DEFINE_ROLE,
    "7ca78c08-252a-4471-8644-bb5ff32d4ba0",
    "The first write makes the index, which is no resource of its own; the service has no keys to read",
)

USE_RECORDS: Final = Role(
    cosmos.DATA_ROLE,
    "00000000-0000-0000-0000-000000000002",
    "Records and vectors are read and written; of each Cosmos DB account's own data plane, not of Azure RBAC",
)

SEARCH_VECTORS: Final = Role(
    cosmos_vectors.READ_ROLE,
    "00000000-0000-0000-0000-000000000001",
    "Vectors are searched; of the data plane, as `USE_RECORDS`",
)


def definition_id(scope: str, role: Role) -> str:
    """The role as seen from the subscription of resource `scope`."""
    return (
        f"/subscriptions/{subscription_of(scope)}/providers/Microsoft.Authorization/roleDefinitions/{role.id}"
    )


def assignment_name(scope: str, principal_id: str, role_id: str) -> str:
    """The GUID an assignment is named by: the same for the same grant, another one for any other."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{scope.lower()}|{principal_id.lower()}|{role_id.lower()}"))


def subscription_of(resource_id: str) -> str:
    """Raises ValueError for what is not a resource's id."""
    match = _SUBSCRIPTION.match(resource_id)
    if match is None:
        raise ValueError(f"a resource id begins with /subscriptions/ID/; got {resource_id!r}")
    return match[1]
