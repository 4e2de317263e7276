"""A Lambda function: its code from the bundle, its role, and where events go that it cannot answer."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pulumi
import pulumi_aws as aws

from serverless_ai_patterns import bundle
from serverless_ai_patterns.aws import delivery, policy
from serverless_ai_patterns.function_settings import FunctionSettings, WorkerSettings

CLOUD: Final = "aws"


@dataclass(frozen=True, kw_only=True, slots=True)
class VpcPlacement:
    """Where in your VPC a function runs. The subnets need a way out to the services that it calls."""

    subnet_ids: pulumi.Input[Sequence[pulumi.Input[str]]]
    security_group_ids: pulumi.Input[Sequence[pulumi.Input[str]]]


def service_role(
    name: str,
    service: str,
    *,
    conditions: pulumi.Input[Mapping[str, Any]] | None = None,
    opts: pulumi.ResourceOptions,
) -> aws.iam.Role:
    """A role that only `service` (e.g. `lambda.amazonaws.com`) assumes; it may do nothing yet."""
    trust: dict[str, Any] = {
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "sts:AssumeRole",
    }
    if conditions is not None:
        trust["Condition"] = conditions
    document = pulumi.Output.json_dumps({"Version": "2012-10-17", "Statement": [trust]})
    return aws.iam.Role(name, assume_role_policy=document, opts=opts)


def grant(
    name: str,
    role: aws.iam.Role,
    statements: pulumi.Output[list[policy.Statement]],
    *,
    opts: pulumi.ResourceOptions,
) -> aws.iam.RolePolicy:
    """Let `role` do exactly `statements`."""
    document = statements.apply(lambda granted: json.dumps(policy.document(granted)))
    return aws.iam.RolePolicy(name, role=role.name, policy=document, opts=opts)


def handler_function(
    name: str,
    *,
    pattern: str,
    settings: FunctionSettings | WorkerSettings,
    role: aws.iam.Role,
    granted: aws.iam.RolePolicy,
    log_group: aws.cloudwatch.LogGroup,
    environment: pulumi.Input[Mapping[str, pulumi.Input[str]]],
    vpc: VpcPlacement | None,
    key_arn: pulumi.Input[str] | None,
    extra: Mapping[str, Path] | None = None,
    opts: pulumi.ResourceOptions,
) -> aws.lambda_.Function:
    """The handler of `pattern`. It waits for what its role was granted: its first call is already allowed.

    `extra` are files of the user's beside the handler. What works on a queue is bounded by its event source
    mapping, anything else by reserved concurrency.
    """
    files = bundle.bundle(pattern, CLOUD, extra=extra)
    endpoint = isinstance(settings, FunctionSettings)
    return aws.lambda_.Function(
        name,
        code=pulumi.AssetArchive({path: pulumi.FileAsset(str(file)) for path, file in files.items()}),
        handler=bundle.handler(pattern, CLOUD),
        runtime="python3.13",
        architectures=["arm64"],
        memory_size=settings.memory_mb,
        timeout=settings.timeout_s,
        reserved_concurrent_executions=settings.max_concurrency if endpoint else None,
        environment=aws.lambda_.FunctionEnvironmentArgs(variables=environment),
        kms_key_arn=key_arn,
        logging_config=aws.lambda_.FunctionLoggingConfigArgs(log_format="JSON", log_group=log_group.name),
        tracing_config=aws.lambda_.FunctionTracingConfigArgs(mode="Active"),
        role=role.arn,
        vpc_config=_vpc_config(vpc) if vpc else None,
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[granted])),
    )


def on_failure(
    name: str, function: aws.lambda_.Function, dead_letters: aws.sqs.Queue, *, opts: pulumi.ResourceOptions
) -> aws.lambda_.FunctionEventInvokeConfig:
    """Events that fail after every retry go to `dead_letters`, with their reason.

    The function's role must be allowed to send there.
    """
    return aws.lambda_.FunctionEventInvokeConfig(
        name,
        function_name=function.name,
        maximum_retry_attempts=delivery.ASYNC_RETRIES,
        maximum_event_age_in_seconds=delivery.EVENT_AGE_S,
        destination_config=aws.lambda_.FunctionEventInvokeConfigDestinationConfigArgs(
            on_failure=aws.lambda_.FunctionEventInvokeConfigDestinationConfigOnFailureArgs(
                destination=dead_letters.arn
            )
        ),
        opts=opts,
    )


def _vpc_config(vpc: VpcPlacement) -> aws.lambda_.FunctionVpcConfigArgs:
    return aws.lambda_.FunctionVpcConfigArgs(
        subnet_ids=vpc.subnet_ids, security_group_ids=vpc.security_group_ids
    )
