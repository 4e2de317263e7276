"""Events to a function or a queue: a rule on the default bus, a schedule, each with a dead-letter queue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    _let_rule_send(dead_letters, "AllowRule", rule)
    if key:
        let_events_use(scope, key)
    return rule


def rule_to_queue(
    scope: Construct,
    id: str,
    queue: aws_sqs.Queue,
    dead_letters: aws_sqs.Queue,
    *,
    pattern: Mapping[str, Any],
    key: aws_kms.IKey | None,
) -> aws_events.CfnRule:
    """Events of the default bus that match `pattern` (as EventBridge writes it) go to `queue`."""
    rule_type = aws_events.CfnRule
    rule = rule_type(
        scope,
        id,
        event_pattern=dict(pattern),
        state="ENABLED",
        targets=[
            rule_type.TargetProperty(
                id="Queue",
                arn=queue.queue_arn,
                dead_letter_config=rule_type.DeadLetterConfigProperty(arn=dead_letters.queue_arn),
            )
        ],
    )
    for target in (queue, dead_letters):
        _let_rule_send(target, f"Allow{id}", rule)
    if key:
        let_events_use(scope, key)
    return rule


def schedule_to_queue(
    scope: Construct,
    id: str,
    queue: aws_sqs.Queue,
    dead_letters: aws_sqs.Queue,
    *,
    expression: str,
    message: str,
    key: aws_kms.IKey | None,
) -> aws_scheduler.CfnSchedule:
    """`message` is sent to `queue` at `expression` (UTC), by a role that may do nothing else."""
    statements = [
        policy.send_to("SendMessages", queue.queue_arn),
        policy.send_to("SendDeadLetters", dead_letters.queue_arn),
    ]
    return _schedule(
        scope,
        id,
        queue.queue_arn,
        dead_letters,
        statements,
        expression=expression,
        message=message,
        key=key,
    )


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
    statements = [
        policy.invoke_function(function.function_arn),
        policy.send_to("SendDeadLetters", dead_letters.queue_arn),
    ]
    return _schedule(
        scope,
        id,
        function.function_arn,
        dead_letters,
        statements,
        expression=expression,
        message=message,
        key=key,
    )


def _schedule(
    scope: Construct,
    id: str,
    target_arn: str,
    dead_letters: aws_sqs.Queue,
    statements: Sequence[policy.Statement],
    *,
    expression: str,
    message: str,
    key: aws_kms.IKey | None,
) -> aws_scheduler.CfnSchedule:
    stack = Stack.of(scope)
    role = service_role(
        scope,
        f"{id}Role",
        "scheduler.amazonaws.com",
        [*statements, *([policy.use_key(key.key_arn, region=stack.region, services=["sqs"])] if key else [])],
        conditions={"StringEquals": {"aws:SourceAccount": stack.account}},
    )
    schedule_type = aws_scheduler.CfnSchedule
    return schedule_type(
        scope,
        id,
        schedule_expression=expression,
        flexible_time_window=schedule_type.FlexibleTimeWindowProperty(mode="OFF"),
        target=schedule_type.TargetProperty(
            arn=target_arn,
            role_arn=role.role_arn,
            input=delivery.schedule_input(message),
            retry_policy=schedule_type.RetryPolicyProperty(
                maximum_event_age_in_seconds=delivery.EVENT_AGE_S,
                maximum_retry_attempts=delivery.DELIVERY_RETRIES,
            ),
            dead_letter_config=schedule_type.DeadLetterConfigProperty(arn=dead_letters.queue_arn),
        ),
    )


def _let_rule_send(queue: aws_sqs.Queue, sid: str, rule: aws_events.CfnRule) -> None:
    queue.add_to_resource_policy(
        aws_iam.PolicyStatement(
            sid=sid,
            principals=[aws_iam.ServicePrincipal("events.amazonaws.com")],
            actions=["sqs:SendMessage"],
            resources=[queue.queue_arn],
            conditions={"ArnEquals": {"aws:SourceArn": rule.attr_arn}},
        )
    )
