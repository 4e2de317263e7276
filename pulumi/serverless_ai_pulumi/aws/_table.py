"""One DynamoDB table a pattern: on demand, with expiry and point-in-time recovery."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from serverless_ai_runtime.adapters.aws.dynamodb import EXPIRES, KEY


def table(
    name: str, *, key_arn: pulumi.Input[str] | None, opts: pulumi.ResourceOptions
) -> aws.dynamodb.Table:
    """The table of a pattern's memory. Deleted with the stack: it holds only what expires anyway."""
    encryption = None
    if key_arn is not None:
        encryption = aws.dynamodb.TableServerSideEncryptionArgs(enabled=True, kms_key_arn=key_arn)
    return aws.dynamodb.Table(
        name,
        billing_mode="PAY_PER_REQUEST",
        attributes=[aws.dynamodb.TableAttributeArgs(name=KEY, type="S")],
        hash_key=KEY,
        ttl=aws.dynamodb.TableTtlArgs(attribute_name=EXPIRES, enabled=True),
        point_in_time_recovery=aws.dynamodb.TablePointInTimeRecoveryArgs(enabled=True),
        server_side_encryption=encryption,
        opts=opts,
    )
