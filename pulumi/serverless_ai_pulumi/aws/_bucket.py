"""S3 buckets of users' documents: private, TLS only, kept when they hold something."""

from __future__ import annotations

import json

import pulumi
import pulumi_aws as aws

ABANDONED_UPLOADS_DAYS = 7
"""After so many days the parts of an upload that was never completed are deleted: they cost, unseen."""


def bucket(
    name: str,
    *,
    key_arn: pulumi.Input[str] | None,
    force_destroy: bool,
    events: bool = False,
    keep_days: int = 0,
    opts: pulumi.ResourceOptions,
) -> aws.s3.Bucket:
    """A bucket; `events` sends what happens in it to EventBridge, `keep_days` deletes objects of that age.

    Without `force_destroy` a bucket that holds objects is not destroyed: the destroy fails and says so.
    """
    made = aws.s3.Bucket(name, force_destroy=force_destroy, opts=opts)
    _private(name, made, opts=opts)
    _encrypted(name, made, key_arn, opts=opts)
    _tidy(name, made, keep_days, opts=opts)
    if events:
        aws.s3.BucketNotification(f"{name}-events", bucket=made.bucket, eventbridge=True, opts=opts)
    return made


def _private(name: str, made: aws.s3.Bucket, *, opts: pulumi.ResourceOptions) -> None:
    aws.s3.BucketPublicAccessBlock(
        f"{name}-private",
        bucket=made.bucket,
        block_public_acls=True,
        block_public_policy=True,
        ignore_public_acls=True,
        restrict_public_buckets=True,
        opts=opts,
    )
    aws.s3.BucketOwnershipControls(
        f"{name}-owner",
        bucket=made.bucket,
        rule=aws.s3.BucketOwnershipControlsRuleArgs(object_ownership="BucketOwnerEnforced"),
        opts=opts,
    )
    aws.s3.BucketPolicy(f"{name}-policy", bucket=made.bucket, policy=made.arn.apply(_tls_only), opts=opts)


def _tls_only(arn: str) -> str:
    refused = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [arn, f"{arn}/*"],
    }
    statements = [
        {**refused, "Sid": "EnforceTls", "Condition": {"Bool": {"aws:SecureTransport": "false"}}},
        {**refused, "Sid": "EnforceTls12", "Condition": {"NumericLessThan": {"s3:TlsVersion": 1.2}}},
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def _encrypted(
    name: str, made: aws.s3.Bucket, key_arn: pulumi.Input[str] | None, *, opts: pulumi.ResourceOptions
) -> None:
    default = aws.s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs(
        sse_algorithm="AES256" if key_arn is None else "aws:kms", kms_master_key_id=key_arn
    )
    rule = aws.s3.BucketServerSideEncryptionConfigurationRuleArgs(
        apply_server_side_encryption_by_default=default, bucket_key_enabled=key_arn is not None
    )
    aws.s3.BucketServerSideEncryptionConfiguration(
        f"{name}-encryption", bucket=made.bucket, rules=[rule], opts=opts
    )


def _tidy(name: str, made: aws.s3.Bucket, keep_days: int, *, opts: pulumi.ResourceOptions) -> None:
    rule = aws.s3.BucketLifecycleConfigurationRuleArgs
    abort = aws.s3.BucketLifecycleConfigurationRuleAbortIncompleteMultipartUploadArgs(
        days_after_initiation=ABANDONED_UPLOADS_DAYS
    )
    everything = aws.s3.BucketLifecycleConfigurationRuleFilterArgs(prefix="")
    expiration = aws.s3.BucketLifecycleConfigurationRuleExpirationArgs(days=keep_days) if keep_days else None
    aws.s3.BucketLifecycleConfiguration(
        f"{name}-lifecycle",
        bucket=made.bucket,
        rules=[
            rule(
                id="tidy",
                status="Enabled",
                filter=everything,
                abort_incomplete_multipart_upload=abort,
                expiration=expiration,
            )
        ],
        opts=opts,
    )
