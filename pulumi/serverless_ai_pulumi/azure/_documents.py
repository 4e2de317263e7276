"""Where documents are: an account of its own for them, apart from the host's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pulumi
from pulumi_azure_native import storage

from serverless_ai_patterns.azure import events
from serverless_ai_patterns.azure.event_pipeline import KEPT_DAYS, RESULTS, UPLOADS
from serverless_ai_pulumi.azure._key import Encryption
from serverless_ai_pulumi.azure._place import Place
from serverless_ai_pulumi.azure._storage import blob_service, container, storage_account

_DEFAULT: Final = "default"
"""The only name that an account's blob service and its policy can have."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Documents:
    """The account, and its containers. `undelivered`: events that Event Grid could not put into the queue."""

    account: storage.StorageAccount
    uploads: storage.BlobContainer | None
    results: storage.BlobContainer
    undelivered: storage.BlobContainer

    @property
    def url(self) -> pulumi.Output[str]:
        """Of the account's blobs."""
        return blob_service(self.account)

    def url_of(self, made: storage.BlobContainer) -> pulumi.Output[str]:
        return pulumi.Output.concat(self.url, "/", made.name)


def documents(
    name: str,
    place: Place,
    *,
    uploads: bool,
    results_prefix: str,
    keep_days: int,
    force_destroy: bool,
    encryption: Encryption | None,
    opts: pulumi.ResourceOptions,
) -> Documents:
    """Uploads and results in one account, as `documents_account` makes it."""
    account = documents_account(name, place, force_destroy=force_destroy, encryption=encryption, opts=opts)
    results = container(f"{name}-results", RESULTS, place, account, opts=opts)
    if keep_days:
        _expiry(f"{name}-expiry", place, account, f"{RESULTS}/{results_prefix}", keep_days, opts=opts)
    return Documents(
        account=account,
        uploads=container(f"{name}-uploads", UPLOADS, place, account, opts=opts) if uploads else None,
        results=results,
        undelivered=container(f"{name}-undelivered", events.UNDELIVERED, place, account, opts=opts),
    )


def documents_account(
    name: str,
    place: Place,
    *,
    force_destroy: bool,
    encryption: Encryption | None,
    opts: pulumi.ResourceOptions,
) -> storage.StorageAccount:
    """Deleted blobs can be had back for 14 days. The account cannot be deleted unless `force_destroy`."""
    kept = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(protect=not force_destroy))
    account = storage_account(name, place, use="docs", encryption=encryption, opts=kept)
    days = storage.DeleteRetentionPolicyArgs(enabled=True, days=KEPT_DAYS)
    storage.BlobServiceProperties(
        f"{name}-recovery",
        resource_group_name=place.group,
        account_name=account.name,
        blob_services_name=_DEFAULT,
        delete_retention_policy=days,
        container_delete_retention_policy=days,
        opts=opts,
    )
    return account


def _expiry(
    name: str,
    place: Place,
    account: storage.StorageAccount,
    prefix: str,
    days: int,
    *,
    opts: pulumi.ResourceOptions,
) -> storage.ManagementPolicy:
    """Delete blobs whose container and name begin with `prefix` so many days after they were written."""
    old = storage.DateAfterModificationArgs(days_after_modification_greater_than=days)
    rule = storage.ManagementPolicyRuleArgs(
        name="expire",
        enabled=True,
        type=storage.RuleType.LIFECYCLE,
        definition=storage.ManagementPolicyDefinitionArgs(
            actions=storage.ManagementPolicyActionArgs(
                base_blob=storage.ManagementPolicyBaseBlobArgs(delete=old)
            ),
            filters=storage.ManagementPolicyFilterArgs(blob_types=["blockBlob"], prefix_match=[prefix]),
        ),
    )
    return storage.ManagementPolicy(
        name,
        resource_group_name=place.group,
        account_name=account.name,
        management_policy_name=_DEFAULT,
        policy=storage.ManagementPolicySchemaArgs(rules=[rule]),
        opts=opts,
    )
