"""A log group that goes with its stack."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws


def log_group(
    name: str, *, retention_days: int, key_arn: pulumi.Input[str] | None, opts: pulumi.ResourceOptions
) -> aws.cloudwatch.LogGroup:
    """A log group kept for `retention_days` (one of CloudWatch's values)."""
    return aws.cloudwatch.LogGroup(name, retention_in_days=retention_days, kms_key_id=key_arn, opts=opts)
