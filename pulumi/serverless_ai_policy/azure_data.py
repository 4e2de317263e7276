"""Rules for Azure: storage, records, vaults, topics, and where events end that nobody could answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from serverless_ai_policy.checks import all_of, must_be, must_be_set
from serverless_ai_policy.rule import Each, Finding, Resource, Rule, Stack, Whole
from serverless_ai_policy.values import at, is_set, known, known_at

STORAGE: Final = ("azure-native:storage:StorageAccount",)
QUEUE: Final = "azure-native:storage:Queue"
RECORDS: Final = ("azure-native:cosmosdb:DatabaseAccount",)
VAULT: Final = ("azure-native:keyvault:Vault",)
TOPIC: Final = ("azure-native:eventgrid:Topic",)
SUBSCRIPTIONS: Final = (
    "azure-native:eventgrid:TopicEventSubscription",
    "azure-native:eventgrid:EventSubscription",
    "azure-native:eventgrid:SystemTopicEventSubscription",
)
LOGS: Final = {
    "azure-native:operationalinsights:Workspace": "features.disableLocalAuth",
    "azure-native:applicationinsights:Component": "disableLocalAuth",
}

TAKES_MESSAGES: Final = (
    "974c5e8b-45b9-4653-ba55-5f855dd0fb88",
    "8a0f0c08-91a1-4084-bc3d-661d67233fed",
)
"""Storage Queue Data Contributor and Message Processor: whoever has one on a queue is a trigger."""
POISON: Final = "-poison"
"""Added to a queue's name where the Functions host puts what failed five times. Source:
https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-queue-trigger#poison-messages."""


def _takes_no_key(resource: Resource) -> Iterator[str]:
    yield from must_be(LOGS[resource.kind], True)(resource)


def _buries(resource: Resource) -> Iterator[str]:
    here = ("deadLetterDestination", "deadLetterWithResourceIdentity.deadLetterDestination")
    if not any(is_set(at(resource.props, path)) for path in here):
        yield "an event that cannot be delivered is dropped"


def _triggers_bury(stack: Stack) -> Iterator[Finding]:
    queues = {queue.urn: _name(queue) for queue in stack.of(QUEUE)}
    for queue in stack.of(QUEUE):
        poison = f"{queues[queue.urn]}{POISON}"
        assigned = stack.referring(queue, "scope", "azure-native:authorization:RoleAssignment")
        if poison not in queues.values() and any(map(_takes_messages, assigned)):
            yield Finding(queue, f"there is no queue {poison}")


def _name(queue: Resource) -> str:
    # A program says `queueName`; of a queue that is made, the provider answers `name`.
    return str(known(queue.props.get("queueName", queue.props.get("name")), "queueName"))


def _takes_messages(assignment: Resource) -> bool:
    return str(known_at(assignment.props, "roleDefinitionId")).endswith(TAKES_MESSAGES)


def _expires(resource: Resource) -> Iterator[str]:
    # Vectors are kept for as long as there is what they were made of.
    if is_set(at(resource.props, "resource.vectorEmbeddingPolicy")):
        return
    # Not `must_be_set`: -1 turns expiry on, for the records that say when.
    if known_at(resource.props, "resource.defaultTtl") is None:
        yield "resource.defaultTtl is not set"


RULES: Final = (
    Rule(
        id="azure-storage-local-auth",
        reason="The account's keys open every blob and queue in it, without a name in the log",
        mend="allow_shared_key_access=False, is_local_user_enabled=False",
        looks=Each(
            STORAGE, all_of(must_be("allowSharedKeyAccess", False), must_be("isLocalUserEnabled", False))
        ),
        also=("CKV_AZURE_244",),
    ),
    Rule(
        id="azure-storage-tls",
        reason="Messages must not cross the network in the clear, nor under broken TLS",
        mend="enable_https_traffic_only=True, minimum_tls_version=MinimumTlsVersion.TLS1_2",
        looks=Each(
            STORAGE,
            all_of(must_be("enableHttpsTrafficOnly", True), must_be("minimumTlsVersion", "TLS1_2", "TLS1_3")),
        ),
        also=("Azure.Storage.SecureTransfer", "Azure.Storage.MinTLS", "CKV_AZURE_44"),
    ),
    Rule(
        id="azure-storage-public",
        reason="One container that is public by mistake shows its blobs to everybody",
        mend="allow_blob_public_access=False",
        looks=Each(STORAGE, must_be("allowBlobPublicAccess", False)),
        also=("Azure.Storage.BlobPublicAccess", "CKV_AZURE_190"),
    ),
    Rule(
        id="azure-container-public",
        reason="What is in a public container is everybody's",
        mend="public_access=PublicAccess.NONE",
        looks=Each(("azure-native:storage:BlobContainer",), must_be("publicAccess", "None")),
        also=("CKV_AZURE_34",),
    ),
    Rule(
        id="azure-queue-dead-letters",
        reason="The Functions host may not make the queue for what failed: its identity has rights on queues "
        "that are there",
        mend="A Queue of the trigger's queue_name with -poison at its end",
        looks=Whole(_triggers_bury),
    ),
    Rule(
        id="azure-records-local-auth",
        reason="The account's keys open every record in it, without a name in the log",
        mend="disable_local_auth=True, disable_key_based_metadata_write_access=True",
        looks=Each(
            RECORDS,
            all_of(must_be("disableLocalAuth", True), must_be("disableKeyBasedMetadataWriteAccess", True)),
        ),
        also=("Azure.Cosmos.DisableLocalAuth", "CKV_AZURE_132"),
    ),
    Rule(
        id="azure-records-tls",
        reason="Records must not cross the network under broken TLS",
        mend="minimal_tls_version=MinimalTlsVersion.TLS12",
        looks=Each(RECORDS, must_be("minimalTlsVersion", "Tls12")),
    ),
    Rule(
        id="azure-records-recovery",
        reason="What a faulty program writes over is gone without it",
        mend="backup_policy=ContinuousModeBackupPolicyArgs(...)",
        looks=Each(RECORDS, must_be("backupPolicy.type", "Continuous")),
    ),
    Rule(
        id="azure-records-expiry",
        reason="Sessions and budgets are of use for a day; without a TTL they are kept and paid for",
        mend="resource.default_ttl: -1, and each record says its own",
        looks=Each(("azure-native:cosmosdb:SqlResourceSqlContainer",), _expires),
    ),
    Rule(
        id="azure-vault-roles",
        reason="Access policies give the whole vault; a role gives one secret",
        mend="properties.enable_rbac_authorization=True",
        looks=Each(VAULT, must_be("properties.enableRbacAuthorization", True)),
    ),
    Rule(
        id="azure-vault-purge",
        reason="Whoever may delete a vault may destroy its secrets for good",
        mend="properties.enable_purge_protection=True",
        looks=Each(VAULT, must_be("properties.enablePurgeProtection", True)),
        also=("Azure.KeyVault.PurgeProtect", "CKV_AZURE_110"),
    ),
    Rule(
        id="azure-topic-local-auth",
        reason="A topic's key lets in whoever has it; a token says who published",
        mend="disable_local_auth=True; publishers have the role EventGrid Data Sender",
        looks=Each(TOPIC, must_be("disableLocalAuth", True)),
        also=("Azure.EventGrid.DisableLocalAuth",),
    ),
    Rule(
        id="azure-topic-tls",
        reason="Events must not cross the network under broken TLS",
        mend="minimum_tls_version_allowed=TlsVersion.TLS_VERSION_1_2",
        looks=Each(TOPIC, must_be("minimumTlsVersionAllowed", "1.2", "1.3")),
    ),
    Rule(
        id="azure-subscription-dead-letters",
        reason="Event Grid drops what it cannot deliver within a day, at once what is answered 401 or 403",
        mend="dead_letter_with_resource_identity and a container",
        looks=Each(SUBSCRIPTIONS, _buries),
    ),
    Rule(
        id="azure-subscription-retries",
        reason="How long an event is still worth an answer is for you to say",
        mend="retry_policy with max_delivery_attempts and event_time_to_live_in_minutes",
        looks=Each(
            SUBSCRIPTIONS,
            must_be_set("retryPolicy.maxDeliveryAttempts", "retryPolicy.eventTimeToLiveInMinutes"),
        ),
    ),
    Rule(
        id="azure-log-local-auth",
        reason="An instrumentation key is no secret: whoever has seen it writes into the logs",
        mend="disable_local_auth=True (of a workspace: in its features)",
        looks=Each(tuple(LOGS), _takes_no_key),
    ),
)
