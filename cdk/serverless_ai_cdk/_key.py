"""A customer's key, opened to the AWS services that must use it for a pattern."""

from __future__ import annotations

from aws_cdk import Stack, aws_iam, aws_kms
from constructs import Construct


def let_logs_use(scope: Construct, key: aws_kms.IKey) -> None:
    """Let CloudWatch Logs encrypt the log groups of this account and region."""
    stack = Stack.of(scope)
    groups = f"arn:{stack.partition}:logs:{stack.region}:{stack.account}:log-group:*"
    _let(
        key,
        service=f"logs.{stack.region}.amazonaws.com",
        actions=["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"],
        # The group itself cannot stand here: it refers to the key.
        conditions={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": groups}},
    )


def let_events_use(scope: Construct, key: aws_kms.IKey) -> None:
    """Let EventBridge put dead letters of this account into an encrypted queue."""
    _let(
        key,
        service="events.amazonaws.com",
        actions=["kms:Decrypt", "kms:GenerateDataKey"],
        conditions={"StringEquals": {"aws:SourceAccount": Stack.of(scope).account}},
    )


def let_topics_use(scope: Construct, key: aws_kms.IKey) -> None:
    """Let SNS put messages of this account's topics into an encrypted queue."""
    _let(
        key,
        service="sns.amazonaws.com",
        actions=["kms:Decrypt", "kms:GenerateDataKey"],
        conditions={"StringEquals": {"aws:SourceAccount": Stack.of(scope).account}},
    )


def _let(
    key: aws_kms.IKey, *, service: str, actions: list[str], conditions: dict[str, dict[str, str]]
) -> None:
    """Add to the key's policy; CDK leaves the policy of an imported key as it is."""
    key.add_to_resource_policy(
        aws_iam.PolicyStatement(
            principals=[aws_iam.ServicePrincipal(service)],
            actions=actions,
            resources=["*"],  # in a key's policy: this key
            conditions=conditions,
        )
    )
