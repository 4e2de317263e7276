"""A storage account for the Functions host, the function's package, and queues; nobody has its keys."""

from __future__ import annotations

import pulumi
from pulumi_azure_native import storage

from serverless_ai_pulumi.azure._key import Encryption, after
from serverless_ai_pulumi.azure._place import Place

PACKAGE = "package"
"""The container that a function's code is published into."""


def storage_account(
    name: str, place: Place, *, use: str = "", encryption: Encryption | None, opts: pulumi.ResourceOptions
) -> storage.StorageAccount:
    """Entra tokens only, TLS 1.2, no public blobs. `use` tells a pattern's second account from its first."""
    identity = None
    if encryption is not None:
        identity = storage.IdentityArgs(
            type=storage.IdentityType.USER_ASSIGNED, user_assigned_identities=[encryption.identity.id]
        )
    return storage.StorageAccount(
        name,
        resource_group_name=place.group,
        account_name=place.packed_for(use),
        kind=storage.Kind.STORAGE_V2,
        sku=storage.SkuArgs(name=storage.SkuName.STANDARD_LRS),
        allow_blob_public_access=False,
        allow_cross_tenant_replication=False,
        allow_shared_key_access=False,
        default_to_o_auth_authentication=True,
        enable_https_traffic_only=True,
        is_local_user_enabled=False,
        minimum_tls_version=storage.MinimumTlsVersion.TLS1_2,
        identity=identity,
        encryption=encryption.for_storage if encryption else None,
        opts=after(encryption, opts),
    )


def container(
    name: str,
    container_name: str,
    place: Place,
    account: storage.StorageAccount,
    *,
    opts: pulumi.ResourceOptions,
) -> storage.BlobContainer:
    return storage.BlobContainer(
        name,
        resource_group_name=place.group,
        account_name=account.name,
        container_name=container_name,
        public_access=storage.PublicAccess.NONE,
        opts=opts,
    )


def queue(
    name: str,
    queue_name: str,
    place: Place,
    account: storage.StorageAccount,
    *,
    opts: pulumi.ResourceOptions,
) -> storage.Queue:
    return storage.Queue(
        name, resource_group_name=place.group, account_name=account.name, queue_name=queue_name, opts=opts
    )


def blob_service(account: storage.StorageAccount) -> pulumi.Output[str]:
    """URL of the account's blobs, without a slash at its end."""
    return account.primary_endpoints.apply(lambda urls: urls.blob.rstrip("/"))


def queue_service(account: storage.StorageAccount) -> pulumi.Output[str]:
    """URL of the account's queues, without a slash at its end."""
    return account.primary_endpoints.apply(lambda urls: urls.queue.rstrip("/"))


def queue_url(account: storage.StorageAccount, made: storage.Queue) -> pulumi.Output[str]:
    return pulumi.Output.concat(queue_service(account), "/", made.name)
