"""A Lambda function: code from the bundle, role, log group, and where events go that it cannot answer."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import pulumi
import pulumi_aws as aws

from serverless_ai_patterns import bundle
from serverless_ai_patterns.aws import delivery, policy
from serverless_ai_patterns.function_settings import FunctionSettings

CLOUD = "aws"


@dataclass(frozen=True, kw_only=True, slots=True)
class VpcPlacement:
    """Where in your VPC the function runs. It needs a way out to Bedrock: endpoints or a NAT gateway."""

    subnet_ids: pulumi.Input[Sequence[pulumi.Input[str]]]
    security_group_ids: pulumi.Input[Sequence[pulumi.Input[str]]]


class Place(NamedTuple):
    """Partition, region and account of a deployment."""

    partition: str
    region: str
    account: str

    @classmethod
    def of(cls, arn: str) -> Place:
        """Read off the ARN of a regional resource: no call, and right for an explicit provider too."""
        _, partition, _, region, account, *_ = arn.split(":")
        return cls(partition=partition, region=region, account=account)


def log_group(
    name: str, retention_days: int, *, key_arn: pulumi.Input[str] | None, opts: pulumi.ResourceOptions
) -> aws.cloudwatch.LogGroup:
    """A log group with a retention; a key's policy must let CloudWatch Logs use it."""
    return aws.cloudwatch.LogGroup(name, retention_in_days=retention_days, kms_key_id=key_arn, opts=opts)


def service_role(
    name: str,
    service: str,
    *,
    conditions: pulumi.Input[Mapping[str, Any]] | None = None,
    opts: pulumi.ResourceOptions,
) -> aws.iam.Role:
    """A role that only `service` may assume, e.g. `lambda.amazonaws.com`."""
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
    """The inline policy of `role`: exactly these statements."""
    document = statements.apply(lambda granted: json.dumps(policy.document(granted)))
    return aws.iam.RolePolicy(name, role=role.name, policy=document, opts=opts)


def function(
    name: str,
    pattern: str,
    settings: FunctionSettings,
    *,
    role: aws.iam.Role,
    granted: aws.iam.RolePolicy,
    log_group: aws.cloudwatch.LogGroup,
    variables: pulumi.Input[Mapping[str, pulumi.Input[str]]],
    vpc: VpcPlacement | None,
    key_arn: pulumi.Input[str] | None,
    opts: pulumi.ResourceOptions,
) -> aws.lambda_.Function:
    """The handler of `pattern` as a function. It waits for its policy: its first call is already allowed."""
    files = bundle.bundle(pattern, CLOUD)
    return aws.lambda_.Function(
        name,
        runtime="python3.13",
        architectures=["arm64"],
        handler=bundle.handler(pattern, CLOUD),
        code=pulumi.AssetArchive({path: pulumi.FileAsset(str(file)) for path, file in files.items()}),
        role=role.arn,
        memory_size=settings.memory_mb,
        timeout=settings.timeout_s,
        reserved_concurrent_executions=settings.max_concurrency,
        environment=aws.lambda_.FunctionEnvironmentArgs(variables=variables),
        logging_config=aws.lambda_.FunctionLoggingConfigArgs(log_format="JSON", log_group=log_group.name),
        tracing_config=aws.lambda_.FunctionTracingConfigArgs(mode="Active"),
        vpc_config=None if vpc is None else _vpc_config(vpc),
        kms_key_arn=key_arn,
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[granted])),
    )


def _vpc_config(vpc: VpcPlacement) -> aws.lambda_.FunctionVpcConfigArgs:
    return aws.lambda_.FunctionVpcConfigArgs(
        subnet_ids=vpc.subnet_ids, security_group_ids=vpc.security_group_ids
    )


def on_failure(
    name: str, function: aws.lambda_.Function, dead_letters: aws.sqs.Queue, *, opts: pulumi.ResourceOptions
) -> aws.lambda_.FunctionEventInvokeConfig:
    """Events that fail after every retry go to `dead_letters`, with their reason."""
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
