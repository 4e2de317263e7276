"""A log group that goes with its stack."""

from __future__ import annotations

from typing import cast

from aws_cdk import ArnFormat, RemovalPolicy, Stack, aws_kms, aws_logs
from constructs import Construct


def log_group(
    scope: Construct, id: str, *, retention_days: int, key: aws_kms.IKey | None
) -> aws_logs.LogGroup:
    """A log group kept for `retention_days` (one of CloudWatch's values), removed with the stack."""
    group = aws_logs.LogGroup(scope, id, encryption_key=key, removal_policy=RemovalPolicy.DESTROY)
    # The construct takes the days as an enum of words; the resource takes the number that the settings hold.
    cast(aws_logs.CfnLogGroup, group.node.default_child).retention_in_days = retention_days
    return group


def log_group_arn(group: aws_logs.ILogGroup) -> str:
    """The ARN without the `:*` that CloudFormation's own attribute ends in."""
    return Stack.of(group).format_arn(
        service="logs",
        resource="log-group",
        resource_name=group.log_group_name,
        arn_format=ArnFormat.COLON_RESOURCE_NAME,
    )
