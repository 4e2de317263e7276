"""Events to a function or a queue: a rule on the default bus, a schedule, each with a dead-letter queue."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import pulumi
import pulumi_aws as aws

from serverless_ai_patterns.aws import delivery, policy
from serverless_ai_pulumi.aws._function import grant, service_role
from serverless_ai_pulumi.aws._place import Place


def bus_rule(
    name: str,
    pattern: Mapping[str, Any],
    function: aws.lambda_.Function,
    dead_letters: aws.sqs.Queue,
    *,
    opts: pulumi.ResourceOptions,
) -> aws.cloudwatch.EventRule:
    """Events of the default bus that match `pattern` go to `function`.

    The policy of `dead_letters` must let the rule send to it (`queue_policy`).
    """
    rule = aws.cloudwatch.EventRule(name, event_pattern=json.dumps(pattern), opts=opts)
    permission = aws.lambda_.Permission(
        f"{name}-permission",
        action="lambda:InvokeFunction",
        function=function.name,
        principal="events.amazonaws.com",
        source_arn=rule.arn,
        opts=opts,
    )
    aws.cloudwatch.EventTarget(
        f"{name}-target",
        rule=rule.name,
        arn=function.arn,
        retry_policy=aws.cloudwatch.EventTargetRetryPolicyArgs(
            maximum_event_age_in_seconds=delivery.EVENT_AGE_S,
            maximum_retry_attempts=delivery.DELIVERY_RETRIES,
        ),
        dead_letter_config=aws.cloudwatch.EventTargetDeadLetterConfigArgs(arn=dead_letters.arn),
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[permission])),
    )
    return rule


def rule_to_queue(
    name: str,
    pattern: pulumi.Output[Mapping[str, Any]],
    queue: aws.sqs.Queue,
    dead_letters: aws.sqs.Queue,
    *,
    opts: pulumi.ResourceOptions,
) -> aws.cloudwatch.EventRule:
    """Events of the default bus that match `pattern` go to `queue`.

    The policies of both queues must let the rule send to them (`queue_policy`).
    """
    rule = aws.cloudwatch.EventRule(name, event_pattern=pattern.apply(json.dumps), opts=opts)
    aws.cloudwatch.EventTarget(
        f"{name}-target",
        rule=rule.name,
        arn=queue.arn,
        dead_letter_config=aws.cloudwatch.EventTargetDeadLetterConfigArgs(arn=dead_letters.arn),
        opts=opts,
    )
    return rule


def schedule(
    name: str,
    expression: str,
    message: str,
    function: aws.lambda_.Function,
    dead_letters: aws.sqs.Queue,
    *,
    key_arn: pulumi.Input[str] | None,
    opts: pulumi.ResourceOptions,
) -> aws.scheduler.Schedule:
    """`function` is called at `expression` (UTC) with `message`, by a role that may do nothing else."""
    may = function.arn.apply(policy.invoke_function)
    turn = _Turn(expression, message, function.arn, may)
    return _schedule(name, turn, dead_letters, key_arn=key_arn, opts=opts)


def schedule_to_queue(
    name: str,
    expression: str,
    message: str,
    queue: aws.sqs.Queue,
    dead_letters: aws.sqs.Queue,
    *,
    key_arn: pulumi.Input[str] | None,
    opts: pulumi.ResourceOptions,
) -> aws.scheduler.Schedule:
    """`message` is sent to `queue` at `expression` (UTC), by a role that may do nothing else."""
    may = queue.arn.apply(lambda arn: policy.send_to("SendMessages", arn))
    turn = _Turn(expression, message, queue.arn, may)
    return _schedule(name, turn, dead_letters, key_arn=key_arn, opts=opts)


class _Turn(NamedTuple):
    expression: str
    message: str
    target_arn: pulumi.Output[str]
    may: pulumi.Output[policy.Statement]
    """What its role must be allowed to do to the target."""


def _schedule(
    name: str,
    turn: _Turn,
    dead_letters: aws.sqs.Queue,
    *,
    key_arn: pulumi.Input[str] | None,
    opts: pulumi.ResourceOptions,
) -> aws.scheduler.Schedule:
    role = service_role(
        f"{name}-role",
        "scheduler.amazonaws.com",
        conditions=dead_letters.arn.apply(
            lambda arn: {"StringEquals": {"aws:SourceAccount": Place.of(arn).account}}
        ),
        opts=opts,
    )
    granted = grant(
        f"{name}-policy",
        role,
        pulumi.Output.all(turn.may, dead_letters.arn, "" if key_arn is None else key_arn).apply(
            lambda made: _statements(*made)
        ),
        opts=opts,
    )
    return aws.scheduler.Schedule(
        name,
        schedule_expression=turn.expression,
        flexible_time_window=aws.scheduler.ScheduleFlexibleTimeWindowArgs(mode="OFF"),
        target=aws.scheduler.ScheduleTargetArgs(
            arn=turn.target_arn,
            role_arn=role.arn,
            input=delivery.schedule_input(turn.message),
            retry_policy=aws.scheduler.ScheduleTargetRetryPolicyArgs(
                maximum_event_age_in_seconds=delivery.EVENT_AGE_S,
                maximum_retry_attempts=delivery.DELIVERY_RETRIES,
            ),
            dead_letter_config=aws.scheduler.ScheduleTargetDeadLetterConfigArgs(arn=dead_letters.arn),
        ),
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[granted])),
    )


def _statements(may: policy.Statement, dead_letters_arn: str, key_arn: str) -> list[policy.Statement]:
    granted = [may, policy.send_to("SendDeadLetters", dead_letters_arn)]
    if key_arn:
        granted.append(policy.use_key(key_arn, region=Place.of(dead_letters_arn).region, services=["sqs"]))
    return granted
