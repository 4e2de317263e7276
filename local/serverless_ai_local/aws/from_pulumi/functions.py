"""Lambda: functions, permissions, asynchronous invocation, event sources."""

from __future__ import annotations

import hashlib
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final

from serverless_ai_local.aws.from_pulumi.existing import arn_name, described
from serverless_ai_local.aws.from_pulumi.translation import (
    TAG_LIST,
    AutoName,
    Translation,
    block,
    capital,
    each,
    only,
)
from serverless_ai_local.aws.provider import Context, Made
from serverless_ai_local.aws.resources.calls import call
from serverless_ai_local.doors.pulumi.assets import Archive
from serverless_ai_local.doors.pulumi.clouds import CloudError
from serverless_ai_local.doors.pulumi.values import UNKNOWN, Values

UNRESERVED: Final = -1
_PATH: Final = "arn:aws:apigateway:{context.region}:lambda:path"
INVOCATIONS: Final = _PATH + "/2015-03-31/functions/{a[Arn]}/invocations"
STREAMING: Final = _PATH + "/2021-11-15/functions/{a[Arn]}/response-streaming-invocations"
CODE: Final = "code, s3_bucket and s3_key, image_uri"


def _file_systems(value: Any) -> list[Any]:
    """Terraform has one."""
    return [capital(value)]


def _properties(given: dict[str, Any]) -> dict[str, Any]:
    """`Code` out of its parts; Terraform's -1 means that nothing is reserved."""
    code = {
        name: given.pop(name)
        for name in ("S3Bucket", "S3Key", "S3ObjectVersion", "ImageUri")
        if name in given
    }
    archive = given.pop("Archive", None)
    if isinstance(archive, Archive):
        code = _staged(archive, given.get("FunctionName"))
    elif archive is UNKNOWN:
        code = {"S3Bucket": UNKNOWN, "S3Key": UNKNOWN}
    if not code:
        raise CloudError(f"a function needs one of {CODE}")
    if given.get("ReservedConcurrentExecutions") == UNRESERVED:
        del given["ReservedConcurrentExecutions"]
    return {**given, "Code": code}


def _staged(archive: Archive, function: Any) -> dict[str, str]:
    """Where the zip lies while the function is made: a bucket of its own, the same for the same code."""
    who = hashlib.sha256(str(function).encode()).hexdigest()
    return {"S3Bucket": f"pulumi-code-{who[:24]}-{archive.digest[:24]}", "S3Key": f"{archive.digest}.zip"}


@contextmanager
def _uploaded(context: Context, inputs: Values, properties: Values) -> Generator[None]:
    """Lambda copies its code when it is told of it: the bucket is there for that moment only."""
    archive = inputs.get("code")
    if not isinstance(archive, Archive) or not archive.members:
        yield
        return
    bucket, key = properties["Code"]["S3Bucket"], properties["Code"]["S3Key"]
    place = {} if context.region == "us-east-1" else {"LocationConstraint": context.region}
    configuration = {"CreateBucketConfiguration": place} if place else {}
    call(context, "s3", "CreateBucket", {"Bucket": bucket, **configuration})
    try:
        call(context, "s3", "PutObject", {"Bucket": bucket, "Key": key, "Body": archive.zip()})
        yield
    finally:
        call(context, "s3", "DeleteObject", {"Bucket": bucket, "Key": key})
        call(context, "s3", "DeleteBucket", {"Bucket": bucket})


def _fact(name: str) -> Any:
    def read(context: Context, made: Made, properties: Values) -> Any:
        about = {"FunctionName": made.physical_id}
        return call(context, "lambda", "GetFunctionConfiguration", about).get(name)

    return read


def _read(context: Context, name: str) -> Values:
    found = described(context, "lambda", "GetFunctionConfiguration", {"FunctionName": name})
    arn = found["FunctionArn"]
    invoke_arn = INVOCATIONS.format(context=context, a={"Arn": arn})
    return {
        "arn": arn,
        "name": arn_name(arn),
        "invokeArn": invoke_arn,
        "role": found.get("Role"),
        "handler": found.get("Handler"),
        "runtime": found.get("Runtime"),
        "timeout": found.get("Timeout"),
        "memorySize": found.get("MemorySize"),
    }


_ON: Final = block({"destination": "Destination"})

ROWS: Final = (
    Translation(
        "aws:lambda/function:Function",
        "AWS::Lambda::Function",
        inputs={
            "architectures": "Architectures",
            "code": "Archive",
            "codeSigningConfigArn": "CodeSigningConfigArn",
            "deadLetterConfig": ("DeadLetterConfig", capital),
            "description": "Description",
            "environment": ("Environment", block({"variables": "Variables"})),
            "ephemeralStorage": ("EphemeralStorage", capital),
            "fileSystemConfig": ("FileSystemConfigs", _file_systems),
            "handler": "Handler",
            "imageConfig": (
                "ImageConfig",
                block(
                    {
                        "commands": "Command",
                        "entryPoints": "EntryPoint",
                        "workingDirectory": "WorkingDirectory",
                    }
                ),
            ),
            "imageUri": "ImageUri",
            "kmsKeyArn": "KmsKeyArn",
            "layers": "Layers",
            "loggingConfig": ("LoggingConfig", capital),
            "memorySize": "MemorySize",
            "name": "FunctionName",
            "packageType": "PackageType",
            "publish": (None, only(False)),
            "reservedConcurrentExecutions": "ReservedConcurrentExecutions",
            "role": "Role",
            "runtime": "Runtime",
            "s3Bucket": "S3Bucket",
            "s3Key": "S3Key",
            "s3ObjectVersion": "S3ObjectVersion",
            "skipDestroy": (None, only(False)),
            "snapStart": ("SnapStart", block({"applyOn": "ApplyOn"})),
            # Only there to make a difference when the code does; the archive's own digest does that here.
            "sourceCodeHash": None,
            "tags": TAG_LIST,
            "timeout": "Timeout",
            "tracingConfig": ("TracingConfig", capital),
            "vpcConfig": (
                "VpcConfig",
                block(
                    {
                        "subnetIds": "SubnetIds",
                        "securityGroupIds": "SecurityGroupIds",
                        "ipv6AllowedForDualStack": "Ipv6AllowedForDualStack",
                    }
                ),
            ),
        },
        outputs={
            "arn": "{a[Arn]}",
            "codeSha256": _fact("CodeSha256"),
            "invokeArn": INVOCATIONS,
            "lastModified": _fact("LastModified"),
            "qualifiedArn": "{a[Arn]}:$LATEST",
            "responseStreamingInvokeArn": STREAMING,
            "sourceCodeSize": _fact("CodeSize"),
            "version": "$LATEST",
        },
        name=AutoName(),
        prepare=_properties,
        around=_uploaded,
        read=_read,
    ),
    Translation(
        "aws:lambda/permission:Permission",
        "AWS::Lambda::Permission",
        inputs={
            "action": "Action",
            "eventSourceToken": "EventSourceToken",
            "function": ("FunctionName", arn_name),
            "functionUrlAuthType": "FunctionUrlAuthType",
            "invokedViaFunctionUrl": "InvokedViaFunctionUrl",
            "principal": "Principal",
            "principalOrgId": "PrincipalOrgID",
            "sourceAccount": "SourceAccount",
            "sourceArn": "SourceArn",
            "statementId": "StatementId",
        },
        name=AutoName(input="statementId", limit=100),
        unique=("function", "statementId"),
    ),
    Translation(
        "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig",
        "AWS::Lambda::EventInvokeConfig",
        inputs={
            "destinationConfig": (
                "DestinationConfig",
                block({"onFailure": ("OnFailure", _ON), "onSuccess": ("OnSuccess", _ON)}),
            ),
            "functionName": ("FunctionName", arn_name),
            "maximumEventAgeInSeconds": "MaximumEventAgeInSeconds",
            "maximumRetryAttempts": "MaximumRetryAttempts",
            "qualifier": "Qualifier",
        },
        id="{p[FunctionName]}",
        unique=("functionName", "qualifier"),
        prepare=lambda given: {"Qualifier": "$LATEST", **given},
    ),
    Translation(
        "aws:lambda/eventSourceMapping:EventSourceMapping",
        "AWS::Lambda::EventSourceMapping",
        inputs={
            "batchSize": "BatchSize",
            "bisectBatchOnFunctionError": "BisectBatchOnFunctionError",
            "destinationConfig": (
                "DestinationConfig",
                block({"onFailure": ("OnFailure", block({"destinationArn": "Destination"}))}),
            ),
            "enabled": "Enabled",
            "eventSourceArn": "EventSourceArn",
            "filterCriteria": ("FilterCriteria", block({"filters": ("Filters", each(capital))})),
            "functionName": ("FunctionName", arn_name),
            "functionResponseTypes": "FunctionResponseTypes",
            "maximumBatchingWindowInSeconds": "MaximumBatchingWindowInSeconds",
            "maximumRecordAgeInSeconds": "MaximumRecordAgeInSeconds",
            "maximumRetryAttempts": "MaximumRetryAttempts",
            "parallelizationFactor": "ParallelizationFactor",
            "scalingConfig": ("ScalingConfig", capital),
            "startingPosition": "StartingPosition",
            "tags": TAG_LIST,
            "tumblingWindowInSeconds": "TumblingWindowInSeconds",
        },
        outputs={
            "arn": "{a[EventSourceMappingArn]}",
            "functionArn": "arn:aws:lambda:{context.region}:{context.account}:function:{p[FunctionName]}",
            "state": "Enabled",
            "uuid": "{id}",
        },
    ),
)
