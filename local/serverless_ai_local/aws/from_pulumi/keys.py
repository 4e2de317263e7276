"""KMS keys and aliases, secrets and their values, SSM parameters."""

from __future__ import annotations

from typing import Any, Final

from serverless_ai_local.aws.from_pulumi import existing
from serverless_ai_local.aws.from_pulumi.direct import Direct
from serverless_ai_local.aws.from_pulumi.translation import TAG_LIST, AutoName, Translation, document, only
from serverless_ai_local.aws.provider import Context, Made
from serverless_ai_local.aws.resources.calls import call
from serverless_ai_local.doors.pulumi.clouds import CloudError, Live
from serverless_ai_local.doors.pulumi.values import Values


def _named(given: dict[str, Any]) -> dict[str, Any]:
    """An alias begins so; Pulumi's names need not."""
    name = given.get("AliasName")
    if isinstance(name, str) and not name.startswith("alias/"):
        return {**given, "AliasName": f"alias/{name}"}
    return given


def _put_value(context: Context, inputs: Values) -> Live:
    parameters = {"SecretId": inputs["secretId"]}
    for input_, parameter in (
        ("secretString", "SecretString"),
        ("secretBinary", "SecretBinary"),
        ("versionStages", "VersionStages"),
    ):
        if input_ in inputs:
            parameters[parameter] = inputs[input_]
    made = call(context, "secretsmanager", "PutSecretValue", parameters)
    outputs = {"arn": made["ARN"], "secretArn": made["ARN"], "versionId": made["VersionId"]}
    return Live(id=f"{made['ARN']}|{made['VersionId']}", outputs=outputs)


def _keep_value(context: Context, live: Live, inputs: Values) -> None:
    """A value goes with its secret, or when newer ones push it out: there is no call that deletes one."""


def _one_value(inputs: Values) -> None:
    if ("secretString" in inputs) == ("secretBinary" in inputs):
        raise CloudError("give secret_string or secret_binary")


def _parameter(given: dict[str, Any]) -> dict[str, Any]:
    values = [given.pop(name) for name in ("Value", "InsecureValue") if name in given]
    if len(values) != 1:
        raise CloudError("give value or insecure_value")
    return {**given, "Value": values[0]}


def _parameter_arn(context: Context, made: Made, properties: Values) -> str:
    """A name that is a path has its slash already."""
    name = made.physical_id.removeprefix("/")
    return f"arn:aws:ssm:{context.region}:{context.account}:parameter/{name}"


ROWS: Final = (
    Translation(
        "aws:kms/key:Key",
        "AWS::KMS::Key",
        inputs={
            "customerMasterKeySpec": "KeySpec",
            "deletionWindowInDays": "PendingWindowInDays",
            "description": "Description",
            "enableKeyRotation": "EnableKeyRotation",
            "isEnabled": "Enabled",
            "keyUsage": "KeyUsage",
            "multiRegion": "MultiRegion",
            "policy": ("KeyPolicy", document),
            "rotationPeriodInDays": "RotationPeriodInDays",
            "tags": TAG_LIST,
        },
        outputs={"arn": "{a[Arn]}", "keyId": "{id}"},
        read=existing.key,
    ),
    Translation(
        "aws:kms/alias:Alias",
        "AWS::KMS::Alias",
        inputs={"name": "AliasName", "targetKeyId": "TargetKeyId"},
        outputs={"arn": "arn:aws:kms:{context.region}:{context.account}:{id}", "name": "{id}"},
        name=AutoName(limit=250),
        prepare=_named,
    ),
    Translation(
        "aws:secretsmanager/secret:Secret",
        "AWS::SecretsManager::Secret",
        inputs={
            "description": "Description",
            "kmsKeyId": "KmsKeyId",
            "name": "Name",
            # The local cloud forgets at once: there is nobody to recover it for.
            "recoveryWindowInDays": None,
            "replicas": (None, only([])),
            "tags": TAG_LIST,
        },
        outputs={"arn": "{id}"},
        name=AutoName(limit=512),
        read=existing.secret,
    ),
    Translation(
        "aws:ssm/parameter:Parameter",
        "AWS::SSM::Parameter",
        inputs={
            "allowedPattern": "AllowedPattern",
            "dataType": "DataType",
            "description": "Description",
            "insecureValue": "InsecureValue",
            "keyId": "KeyId",
            "name": "Name",
            "tags": TAG_LIST,
            "tier": "Tier",
            "type": "Type",
            "value": "Value",
        },
        outputs={"arn": _parameter_arn},
        name=AutoName(limit=1011),
        prepare=_parameter,
    ),
)

DIRECT: Final = (
    Direct(
        "aws:secretsmanager/secretVersion:SecretVersion",
        inputs=("secretBinary", "secretId", "secretString", "versionStages"),
        make=_put_value,
        remove=_keep_value,
        validate=_one_value,
    ),
)
