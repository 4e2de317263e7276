"""The table of a pattern's transient state: sessions, budgets, events already seen."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from serverless_ai_runtime.adapters.aws.dynamodb import EXPIRES, KEY


def state_table(
    name: str, *, key_arn: pulumi.Input[str] | None, opts: pulumi.ResourceOptions
) -> aws.dynamodb.Table:
    """On demand, records expire, restorable to any second of 35 days; removed with the stack."""
    encryption = None
    if key_arn is not None:
        encryption = aws.dynamodb.TableServerSideEncryptionArgs(enabled=True, kms_key_arn=key_arn)
    return aws.dynamodb.Table(
        name,
        attributes=[aws.dynamodb.TableAttributeArgs(name=KEY, type="S")],
        hash_key=KEY,
        ttl=aws.dynamodb.TableTtlArgs(attribute_name=EXPIRES, enabled=True),
        billing_mode="PAY_PER_REQUEST",
        server_side_encryption=encryption,
        point_in_time_recovery=aws.dynamodb.TablePointInTimeRecoveryArgs(enabled=True),
        opts=opts,
    )
