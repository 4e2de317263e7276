"""S3 buckets of users' documents: private, TLS only, kept when the stack goes."""

from __future__ import annotations

from aws_cdk import Duration, RemovalPolicy, aws_kms, aws_s3
from constructs import Construct

from serverless_ai_cdk._acknowledge import acknowledge

ABANDONED_UPLOADS_DAYS = 7
"""After so many days the parts of an upload that was never completed are deleted: they cost, and nobody sees
them."""


def bucket(
    scope: Construct,
    id: str,
    *,
    key: aws_kms.IKey | None,
    removal_policy: RemovalPolicy,
    events: bool = False,
    keep_days: int = 0,
) -> aws_s3.Bucket:
    """A bucket; `events` sends what happens in it to EventBridge, `keep_days` deletes objects of that age."""
    made = aws_s3.Bucket(
        scope,
        id,
        encryption=aws_s3.BucketEncryption.KMS if key else aws_s3.BucketEncryption.S3_MANAGED,
        encryption_key=key,
        bucket_key_enabled=True if key else None,
        block_public_access=aws_s3.BlockPublicAccess.BLOCK_ALL,
        object_ownership=aws_s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
        enforce_ssl=True,
        minimum_tls_version=1.2,
        lifecycle_rules=[
            aws_s3.LifecycleRule(
                abort_incomplete_multipart_upload_after=Duration.days(ABANDONED_UPLOADS_DAYS),
                expiration=Duration.days(keep_days) if keep_days else None,
            )
        ],
        removal_policy=removal_policy,
    )
    if events:
        # Given as a property, the CDK would make a custom resource to switch it on.
        resource = made.node.default_child
        assert isinstance(resource, aws_s3.CfnBucket)
        resource.notification_configuration = aws_s3.CfnBucket.NotificationConfigurationProperty(
            event_bridge_configuration=aws_s3.CfnBucket.EventBridgeConfigurationProperty(
                event_bridge_enabled=True
            )
        )
    acknowledge(
        made,
        "AwsSolutions-S1",
        "Who reads and writes objects is in CloudTrail's data events; access logs need a second bucket",
    )
    return made
