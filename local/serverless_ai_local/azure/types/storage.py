"""Where things are kept: storage accounts with queues and containers, Cosmos DB, vaults."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from serverless_ai_local.azure import place
from serverless_ai_local.azure.types.row import Making, Type, identity

COSMOS_ACCOUNT: Final = "Microsoft.DocumentDB/databaseAccounts"
STORAGE_ACCOUNT: Final = "Microsoft.Storage/storageAccounts"
VAULT: Final = "Microsoft.KeyVault/vaults"


def _storage(making: Making) -> Mapping[str, Any]:
    return {
        "primaryEndpoints": {
            "blob": place.url(making.endpoint, place.BLOBS, making.name) + "/",
            "queue": place.url(making.endpoint, place.QUEUES, making.name) + "/",
        },
        "identity": identity(making),
        "provisioningState": "Succeeded",
    }


def _cosmos(making: Making) -> Mapping[str, Any]:
    return {
        "documentEndpoint": place.url(making.endpoint, place.COSMOS, making.name) + "/",
        "identity": identity(making),
        "provisioningState": "Succeeded",
    }


def _vault(making: Making) -> Mapping[str, Any]:
    properties = making.inputs["properties"]
    return {
        "properties": {
            **{key: value for key, value in properties.items() if key != "accessPolicies"},
            "vaultUri": place.url(making.endpoint, place.VAULTS, making.name) + "/",
        }
    }


def _secret(making: Making) -> Mapping[str, Any]:
    uri = place.url(making.endpoint, place.VAULTS, str(making.inputs["vaultName"]))
    version = making.guid("version").replace("-", "")
    return {
        "properties": {
            "secretUri": f"{uri}/secrets/{making.name}",
            "secretUriWithVersion": f"{uri}/secrets/{making.name}/{version}",
        }
    }


def _key(making: Making) -> Mapping[str, Any]:
    uri = place.url(making.endpoint, place.VAULTS, str(making.inputs["vaultName"]))
    version = making.guid("version").replace("-", "")
    return {
        "keyUri": f"{uri}/keys/{making.name}",
        "keyUriWithVersion": f"{uri}/keys/{making.name}/{version}",
    }


TYPES: Final = (
    Type(
        kind="storage:StorageAccount",
        path=STORAGE_ACCOUNT,
        named_by="accountName",
        inputs=(
            "kind",
            "sku.name",
            "allowBlobPublicAccess",
            "allowCrossTenantReplication",
            "allowSharedKeyAccess",
            "defaultToOAuthAuthentication",
            "enableHttpsTrafficOnly",
            "encryption.*",
            "identity.type",
            "identity.userAssignedIdentities",
            "isLocalUserEnabled",
            "minimumTlsVersion",
            "tags.*",
        ),
        fixed=("kind",),
        located=True,
        outputs=_storage,
    ),
    Type(
        kind="storage:Queue",
        path=f"{STORAGE_ACCOUNT}/{{accountName}}/queueServices/default/queues",
        named_by="queueName",
        inputs=("metadata.*",),
    ),
    Type(
        kind="storage:BlobContainer",
        path=f"{STORAGE_ACCOUNT}/{{accountName}}/blobServices/default/containers",
        named_by="containerName",
        inputs=("publicAccess", "metadata.*"),
    ),
    Type(
        kind="storage:BlobServiceProperties",
        path=f"{STORAGE_ACCOUNT}/{{accountName}}/blobServices",
        named_by="blobServicesName",
        inputs=("containerDeleteRetentionPolicy.*", "deleteRetentionPolicy.*"),
    ),
    Type(
        kind="storage:ManagementPolicy",
        path=f"{STORAGE_ACCOUNT}/{{accountName}}/managementPolicies",
        named_by="managementPolicyName",
        inputs=("policy.rules",),
    ),
    Type(
        kind="cosmosdb:DatabaseAccount",
        path=COSMOS_ACCOUNT,
        named_by="accountName",
        inputs=(
            "backupPolicy.*",
            "capabilities.name",
            "consistencyPolicy.defaultConsistencyLevel",
            "databaseAccountOfferType",
            "defaultIdentity",
            "disableKeyBasedMetadataWriteAccess",
            "disableLocalAuth",
            "identity.type",
            "identity.userAssignedIdentities",
            "keyVaultKeyUri",
            "kind",
            "locations.failoverPriority",
            "locations.locationName",
            "minimalTlsVersion",
            "tags.*",
        ),
        fixed=("kind", "databaseAccountOfferType"),
        defaults={"createMode": "Default"},
        located=True,
        outputs=_cosmos,
    ),
    Type(
        kind="cosmosdb:SqlResourceSqlDatabase",
        path=f"{COSMOS_ACCOUNT}/{{accountName}}/sqlDatabases",
        named_by="databaseName",
        inputs=("resource.id", "tags.*"),
        fixed=("resource",),
    ),
    Type(
        kind="cosmosdb:SqlResourceSqlContainer",
        path=f"{COSMOS_ACCOUNT}/{{accountName}}/sqlDatabases/{{databaseName}}/containers",
        named_by="containerName",
        inputs=(
            "resource.id",
            "resource.partitionKey.kind",
            "resource.partitionKey.paths",
            "resource.defaultTtl",
            "resource.indexingPolicy.*",
            "resource.fullTextPolicy.defaultLanguage",
            "resource.fullTextPolicy.fullTextPaths.language",
            "resource.fullTextPolicy.fullTextPaths.path",
            "resource.vectorEmbeddingPolicy.vectorEmbeddings.dataType",
            "resource.vectorEmbeddingPolicy.vectorEmbeddings.dimensions",
            "resource.vectorEmbeddingPolicy.vectorEmbeddings.distanceFunction",
            "resource.vectorEmbeddingPolicy.vectorEmbeddings.path",
            "tags.*",
        ),
    ),
    Type(
        kind="cosmosdb:SqlResourceSqlRoleAssignment",
        path=f"{COSMOS_ACCOUNT}/{{accountName}}/sqlRoleAssignments",
        named_by="roleAssignmentId",
        inputs=("principalId", "roleDefinitionId", "scope"),
    ),
    Type(
        kind="keyvault:Vault",
        path=VAULT,
        named_by="vaultName",
        inputs=(
            "properties.tenantId",
            "properties.sku.*",
            "properties.enablePurgeProtection",
            "properties.enableRbacAuthorization",
            "properties.enableSoftDelete",
            "properties.softDeleteRetentionInDays",
            "tags.*",
        ),
        defaults={
            "properties.enabledForDeployment": False,
            "properties.enabledForDiskEncryption": False,
            "properties.enabledForTemplateDeployment": False,
            "properties.publicNetworkAccess": "enabled",
        },
        located=True,
        outputs=_vault,
    ),
    Type(
        kind="keyvault:Secret",
        path=f"{VAULT}/{{vaultName}}/secrets",
        named_by="secretName",
        inputs=("properties.value", "properties.contentType", "tags.*"),
        outputs=_secret,
    ),
    Type(
        kind="keyvault:Key",
        path=f"{VAULT}/{{vaultName}}/keys",
        named_by="keyName",
        inputs=("properties.keySize", "properties.kty", "properties.keyOps", "tags.*"),
        outputs=_key,
    ),
)
