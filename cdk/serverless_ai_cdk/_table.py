"""The table of a pattern's transient state: sessions, budgets, events already seen."""

from __future__ import annotations

from aws_cdk import RemovalPolicy, aws_dynamodb, aws_kms
from constructs import Construct

from serverless_ai_runtime.adapters.aws.dynamodb import EXPIRES, KEY


def state_table(scope: Construct, id: str, *, key: aws_kms.IKey | None) -> aws_dynamodb.Table:
    """On demand, records expire, restorable to any second of 35 days; removed with the stack.

    Not a `TableV2`: that one takes no key in a stack whose region is not known before deployment.
    """
    return aws_dynamodb.Table(
        scope,
        id,
        partition_key=aws_dynamodb.Attribute(name=KEY, type=aws_dynamodb.AttributeType.STRING),
        time_to_live_attribute=EXPIRES,
        billing_mode=aws_dynamodb.BillingMode.PAY_PER_REQUEST,
        encryption=aws_dynamodb.TableEncryption.CUSTOMER_MANAGED if key else None,
        encryption_key=key,
        point_in_time_recovery_specification=aws_dynamodb.PointInTimeRecoverySpecification(
            point_in_time_recovery_enabled=True
        ),
        removal_policy=RemovalPolicy.DESTROY,
    )
