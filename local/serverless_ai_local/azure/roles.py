"""What the built-in roles that we assign allow on data: a row a role, with its source."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

_STORAGE: Final = "Microsoft.Storage/storageAccounts"
_QUEUE: Final = f"{_STORAGE}/queueServices/queues"
_MESSAGES: Final = f"{_QUEUE}/messages"
_BLOBS: Final = f"{_STORAGE}/blobServices/containers/blobs"
_SEARCH: Final = "Microsoft.Search/searchServices"
_COSMOS: Final = "Microsoft.DocumentDB/databaseAccounts"
_DOCS: Final = (
    "MicrosoftDocs/azure-docs, articles/role-based-access-control/built-in-roles/{0}.md; read 2026-11-24"
)


class Role(NamedTuple):
    """A built-in role: patterns of the data actions that it allows (`*` stands for any text)."""

    name: str
    data_actions: tuple[str, ...]
    source: str
    actions: tuple[str, ...] = ()
    """Actions on the resource itself that the local services check."""


ROLES: Final[Mapping[str, Role]] = {
    "b7e6dc6d-f1e8-4753-8033-0f276bb0955b": Role(
        "Storage Blob Data Owner",
        (f"{_BLOBS}/*",),
        _DOCS.format("storage"),
        (f"{_STORAGE}/blobServices/containers/*",),
    ),
    "ba92f5b4-2d11-453d-a403-e96b0029c9fe": Role(
        "Storage Blob Data Contributor",
        (f"{_BLOBS}/delete", f"{_BLOBS}/read", f"{_BLOBS}/write", f"{_BLOBS}/move/action",
         f"{_BLOBS}/add/action"),
        _DOCS.format("storage"),
        (f"{_STORAGE}/blobServices/containers/delete", f"{_STORAGE}/blobServices/containers/read",
         f"{_STORAGE}/blobServices/containers/write"),
    ),
    "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1": Role(
        "Storage Blob Data Reader",
        (f"{_BLOBS}/read",),
        _DOCS.format("storage"),
        (f"{_STORAGE}/blobServices/containers/read",),
    ),
    "974c5e8b-45b9-4653-ba55-5f855dd0fb88": Role(
        "Storage Queue Data Contributor",
        (f"{_MESSAGES}/delete", f"{_MESSAGES}/read", f"{_MESSAGES}/write", f"{_MESSAGES}/process/action"),
        _DOCS.format("storage"),
        (f"{_QUEUE}/delete", f"{_QUEUE}/read", f"{_QUEUE}/write"),
    ),
    "8a0f0c08-91a1-4084-bc3d-661d67233fed": Role(
        "Storage Queue Data Message Processor",
        (f"{_MESSAGES}/read", f"{_MESSAGES}/process/action"),
        _DOCS.format("storage"),
    ),
    "c6a89b2d-59bc-44d0-9896-0f6e12d7b80a": Role(
        "Storage Queue Data Message Sender", (f"{_MESSAGES}/add/action",), _DOCS.format("storage")
    ),
    "5e0bd9bd-7b93-4f28-af87-19fc36ad61bd": Role(
        "Cognitive Services OpenAI User",
        (
            "Microsoft.CognitiveServices/accounts/OpenAI/*/read",
            "Microsoft.CognitiveServices/accounts/OpenAI/deployments/chat/completions/action",
            "Microsoft.CognitiveServices/accounts/OpenAI/deployments/completions/action",
            "Microsoft.CognitiveServices/accounts/OpenAI/deployments/embeddings/action",
        ),
        _DOCS.format("ai-machine-learning"),
    ),
    "a97b65f3-24c7-4388-baec-2e87135dc908": Role(
        "Cognitive Services User",
        ("Microsoft.CognitiveServices/*",),
        _DOCS.format("ai-machine-learning"),
        (
            "Microsoft.CognitiveServices/*/read",
            "Microsoft.CognitiveServices/accounts/listkeys/action",
        ),
    ),
    "3913510d-42f4-4e42-8a64-420c390055eb": Role(
        "Monitoring Metrics Publisher", ("Microsoft.Insights/Telemetry/Write",), _DOCS.format("monitor")
    ),
    "4633458b-17de-408a-b874-0445c86b69e6": Role(
        "Key Vault Secrets User",
        ("Microsoft.KeyVault/vaults/secrets/getSecret/action",
         "Microsoft.KeyVault/vaults/secrets/readMetadata/action"),
        _DOCS.format("security"),
    ),
    "e147488a-f6f5-4113-8e2d-b22465e65bf6": Role(
        "Key Vault Crypto Service Encryption User",
        ("Microsoft.KeyVault/vaults/keys/read", "Microsoft.KeyVault/vaults/keys/wrap/action",
         "Microsoft.KeyVault/vaults/keys/unwrap/action"),
        _DOCS.format("security"),
    ),
    "d5a91429-5739-47e2-a06b-3470a27159e7": Role(
        "EventGrid Data Sender", ("Microsoft.EventGrid/events/send/action",), _DOCS.format("integration")
    ),
    "1407120a-92aa-4202-b7e9-c0e197c71c8f": Role(
        "Search Index Data Reader",
        (f"{_SEARCH}/indexes/documents/read",),
        _DOCS.format("ai-machine-learning"),
    ),
    "8ebe5a00-799e-43f5-93ac-243d3dce84a7": Role(
        "Search Index Data Contributor",
        (f"{_SEARCH}/indexes/documents/*",),
        _DOCS.format("ai-machine-learning"),
    ),
    "7ca78c08-252a-4471-8644-bb5ff32d4ba0": Role(
        "Search Service Contributor",
        (),
        "as its actions (Microsoft.Search/searchServices/*) are described, but for documents: "
        "https://learn.microsoft.com/azure/search/search-security-rbac; read 2026-11-27",
        (f"{_SEARCH}/indexes/read", f"{_SEARCH}/indexes/write", f"{_SEARCH}/indexes/delete"),
    ),
}  # fmt: skip
"""By the id of the definition."""

COSMOS_ROLES: Final[Mapping[str, Role]] = {
    "00000000-0000-0000-0000-000000000001": Role(
        "Cosmos DB Built-in Data Reader",
        (f"{_COSMOS}/readMetadata", f"{_COSMOS}/sqlDatabases/containers/items/read",
         f"{_COSMOS}/sqlDatabases/containers/executeQuery",
         f"{_COSMOS}/sqlDatabases/containers/readChangeFeed"),
        "https://learn.microsoft.com/azure/cosmos-db/nosql/reference-data-plane-security; read 2026-11-24",
    ),
    "00000000-0000-0000-0000-000000000002": Role(
        "Cosmos DB Built-in Data Contributor",
        (f"{_COSMOS}/readMetadata", f"{_COSMOS}/sqlDatabases/containers/*",
         f"{_COSMOS}/sqlDatabases/containers/items/*"),
        "https://learn.microsoft.com/azure/cosmos-db/nosql/reference-data-plane-security; read 2026-11-24",
    ),
}  # fmt: skip
"""Cosmos DB's own data plane has roles of its own, assigned in each account."""
