"""A Lambda function: its code from the bundle, its role, and where events go that it cannot answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, cast

from aws_cdk import Duration, Stage, aws_ec2, aws_iam, aws_kms, aws_lambda, aws_logs, aws_sqs
from constructs import Construct

from serverless_ai_cdk._acknowledge import acknowledge, acknowledge_stars
from serverless_ai_patterns import bundle
from serverless_ai_patterns.aws import delivery, policy
from serverless_ai_patterns.function_settings import FunctionSettings, WorkerSettings

CLOUD: Final = "aws"
LATEST_RUNTIME: Final = "The handlers are tested on Python 3.13, which Lambda supports until 2029-06"


def service_role(
    scope: Construct,
    id: str,
    service: str,
    statements: Sequence[policy.Statement],
    *,
    conditions: Mapping[str, Mapping[str, str]] | None = None,
) -> aws_iam.Role:
    """A role that `service` (e.g. `lambda.amazonaws.com`) assumes and that may do exactly `statements`."""
    role = aws_iam.Role(
        scope,
        id,
        assumed_by=aws_iam.ServicePrincipal(service, conditions=conditions),
        inline_policies={"Allowed": aws_iam.PolicyDocument.from_json(policy.document(statements))},
    )
    acknowledge_stars(role, statements)
    return role


def handler_function(
    scope: Construct,
    id: str,
    *,
    pattern: str,
    settings: FunctionSettings | WorkerSettings,
    role: aws_iam.IRole,
    log_group: aws_logs.ILogGroup,
    environment: Mapping[str, str],
    extra: Mapping[str, Path] | None = None,
    key: aws_kms.IKey | None = None,
    vpc: aws_ec2.IVpc | None = None,
) -> aws_lambda.Function:
    """The handler of `pattern`. `role` must hold what it needs: nothing is added to it here.

    `extra` are files of the user's beside the handler. What works on a queue is bounded by its event source
    mapping, anything else by reserved concurrency.
    """
    endpoint = isinstance(settings, FunctionSettings)
    function = aws_lambda.Function(
        scope,
        id,
        code=_code(scope, pattern, extra or {}),
        handler=bundle.handler(pattern, CLOUD),
        runtime=aws_lambda.Runtime.PYTHON_3_13,
        architecture=aws_lambda.Architecture.ARM_64,
        memory_size=settings.memory_mb,
        timeout=Duration.seconds(settings.timeout_s),
        reserved_concurrent_executions=settings.max_concurrency if endpoint else None,
        environment=environment,
        environment_encryption=key,
        log_group=log_group,
        logging_format=aws_lambda.LoggingFormat.JSON,
        role=role,
        vpc=vpc,
    )
    # Given as a property, tracing would have the CDK add its own statements to the role.
    resource = cast(aws_lambda.CfnFunction, function.node.default_child)
    resource.tracing_config = aws_lambda.CfnFunction.TracingConfigProperty(mode="Active")
    for rule in ("AwsSolutions-L1", "Serverless-LambdaLatestVersion"):
        acknowledge(function, rule, LATEST_RUNTIME)
    return function


def on_failure(
    scope: Construct, id: str, function: aws_lambda.Function, dead_letters: aws_sqs.IQueue
) -> aws_lambda.CfnEventInvokeConfig:
    """Events that fail after every retry go to `dead_letters`, with their reason.

    The function's role must be allowed to send there.
    """
    acknowledge(
        function,
        "Serverless-LambdaDLQ",
        "The on-failure destination gets every failed event and, unlike a dead-letter queue, its reason",
    )
    config = aws_lambda.CfnEventInvokeConfig
    return config(
        scope,
        id,
        function_name=function.function_name,
        qualifier="$LATEST",
        maximum_retry_attempts=delivery.ASYNC_RETRIES,
        maximum_event_age_in_seconds=delivery.EVENT_AGE_S,
        destination_config=config.DestinationConfigProperty(
            on_failure=config.OnFailureProperty(destination=dead_letters.queue_arn)
        ),
    )


def _code(scope: Construct, pattern: str, extra: Mapping[str, Path]) -> aws_lambda.Code:
    """The bundle, staged inside the cloud assembly so that nothing is written beside the user's program."""
    assembly = cast(Stage, Stage.of(scope)).asset_outdir  # every stack is inside a stage
    own = f"-{bundle.digest(pattern, CLOUD, extra=extra)[:8]}" if extra else ""
    folder = bundle.stage(pattern, CLOUD, Path(assembly) / "handlers" / f"{pattern}{own}", extra=extra)
    return aws_lambda.Code.from_asset(str(folder))
