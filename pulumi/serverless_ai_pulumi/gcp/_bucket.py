"""Buckets that nobody but named accounts can reach."""

from __future__ import annotations

import pulumi
import pulumi_gcp as gcp

from serverless_ai_pulumi.gcp._names import unique
from serverless_ai_pulumi.gcp._place import Place

KEPT_S = 14 * 24 * 3600
"""How long an object that was deleted or written over can be had back (soft delete)."""


def private_bucket(
    name: str, use: str, *, place: Place, key: pulumi.Input[str] | None, opts: pulumi.ResourceOptions
) -> gcp.storage.Bucket:
    """For what can be made again at any time."""
    own = unique(name, use)
    return gcp.storage.Bucket(
        f"{name}-{use}",
        # Bucket names are shared by all of Google Cloud, which the project's id makes unique.
        name=place.project.apply(lambda project: f"{project}-{own}"),
        location=place.region,
        uniform_bucket_level_access=True,
        public_access_prevention="enforced",
        encryption=_encryption(key),
        opts=opts,
    )


def documents_bucket(
    name: str,
    use: str,
    *,
    place: Place,
    key: pulumi.Input[str] | None,
    keep_days: int = 0,
    force_destroy: bool,
    opts: pulumi.ResourceOptions,
) -> gcp.storage.Bucket:
    """For documents: what is deleted can be had back for a while. `keep_days` 0: they are kept."""
    own = unique(name, use)
    rule = gcp.storage.BucketLifecycleRuleArgs(
        action=gcp.storage.BucketLifecycleRuleActionArgs(type="Delete"),
        condition=gcp.storage.BucketLifecycleRuleConditionArgs(age=keep_days),
    )
    return gcp.storage.Bucket(
        f"{name}-{use}",
        name=place.project.apply(lambda project: f"{project}-{own}"),
        location=place.region,
        uniform_bucket_level_access=True,
        public_access_prevention="enforced",
        force_destroy=force_destroy,
        soft_delete_policy=gcp.storage.BucketSoftDeletePolicyArgs(retention_duration_seconds=KEPT_S),
        lifecycle_rules=[rule] if keep_days else None,
        encryption=_encryption(key),
        opts=opts,
    )


def _encryption(key: pulumi.Input[str] | None) -> gcp.storage.BucketEncryptionArgs | None:
    return None if key is None else gcp.storage.BucketEncryptionArgs(default_kms_key_name=key)


def used_by(
    name: str,
    use: str,
    bucket: gcp.storage.Bucket,
    role: gcp.projects.IAMCustomRole,
    identity: gcp.serviceaccount.Account,
    *,
    opts: pulumi.ResourceOptions,
) -> pulumi.Resource:
    """Let the function's account do what `role` allows with objects of `bucket`."""
    return gcp.storage.BucketIAMMember(
        f"{name}-function-{use}", bucket=bucket.name, role=role.name, member=identity.member, opts=opts
    )
