"""Events to a function: a rule on the default bus and a schedule, each with a dead-letter queue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aws_cdk import Stack, aws_events, aws_iam, aws_kms, aws_lambda, aws_scheduler, aws_sqs
from constructs import Construct

from serverless_ai_cdk._function import service_role
from serverless_ai_cdk._key import let_events_use
from serverless_ai_patterns.aws import delivery, policy


def bus_rule(
    scope: Construct,
    id: str,
    function: aws_lambda.Function,
    dead_letters: aws_sqs.Queue,
    *,
    pattern: Mapping[str, Any],
    key: aws_kms.IKey | None,
) -> aws_events.CfnRule:
    """Events of the default bus that match `pattern` (as EventBridge writes it) go to `function`."""
    rule_type = aws_events.CfnRule
    rule = rule_type(
        scope,
        id,
        event_pattern=dict(pattern),
        state="ENABLED",
        targets=[
            rule_type.TargetProperty(
                id="Function",
                arn=function.function_arn,
                retry_policy=rule_type.RetryPolicyProperty(
                    maximum_event_age_in_seconds=delivery.EVENT_AGE_S,
                    maximum_retry_attempts=delivery.DELIVERY_RETRIES,
                ),
                dead_letter_config=rule_type.DeadLetterConfigProperty(arn=dead_letters.queue_arn),
            )
        ],
    )
    events = aws_iam.ServicePrincipal("events.amazonaws.com")
    function.add_permission(f"{id}Permission", principal=events, source_arn=rule.attr_arn)
    dead_letters.add_to_resource_policy(
        aws_iam.PolicyStatement(
            sid="AllowRule",
            principals=[events],
            actions=["sqs:SendMessage"],
            resources=[dead_letters.queue_arn],
            conditions={"ArnEquals": {"aws:SourceArn": rule.attr_arn}},
        )
    )
    if key:
        let_events_use(scope, key)
    return rule


def schedule(
    scope: Construct,
    id: str,
    function: aws_lambda.Function,
    dead_letters: aws_sqs.Queue,
    *,
    expression: str,
    message: str,
    key: aws_kms.IKey | None,
) -> aws_scheduler.CfnSchedule:
    """`function` is called at `expression` (UTC) with `message`, by a role that may do nothing else."""
    stack = Stack.of(scope)
    statements = [
        policy.invoke_function(function.function_arn),
        policy.send_to("SendDeadLetters", dead_letters.queue_arn),
        *([policy.use_key(key.key_arn, region=stack.region)] if key else []),
    ]
    role = service_role(
        scope,
        f"{id}Role",
        "scheduler.amazonaws.com",
        statements,
        conditions={"StringEquals": {"aws:SourceAccount": stack.account}},
    )
    schedule_type = aws_scheduler.CfnSchedule
    return schedule_type(
        scope,
        id,
        schedule_expression=expression,
        flexible_time_window=schedule_type.FlexibleTimeWindowProperty(mode="OFF"),
        target=schedule_type.TargetProperty(
            arn=function.function_arn,
            role_arn=role.role_arn,
            input=delivery.schedule_input(message),
            retry_policy=schedule_type.RetryPolicyProperty(
                maximum_event_age_in_seconds=delivery.EVENT_AGE_S,
                maximum_retry_attempts=delivery.DELIVERY_RETRIES,
            ),
            dead_letter_config=schedule_type.DeadLetterConfigProperty(arn=dead_letters.queue_arn),
        ),
    )
