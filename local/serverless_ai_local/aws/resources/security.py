"""KMS keys, secrets and SSM parameters."""

from __future__ import annotations

import json
from typing import Any, Final

from serverless_ai_local.aws.provider import Context, Made, ResourceError
from serverless_ai_local.aws.resources.calls import as_json, call, fitted
from serverless_ai_local.aws.resources.kind import Call, Facet, Kind, Properties
from serverless_ai_local.aws.resources.naming import Name
from serverless_ai_local.aws.resources.tagging import Tagging

_KEY: Final = "AWS::KMS::Key"
_SECRET: Final = "AWS::SecretsManager::Secret"  # noqa: S105 - a type name


def _key_policy(context: Context, made: Made, old: Properties, new: Properties) -> None:
    policy = as_json(new["KeyPolicy"])
    parameters = {"KeyId": made.physical_id, "PolicyName": "default", "Policy": policy}
    call(context, "kms", "PutKeyPolicy", parameters)


def _rotation(context: Context, made: Made, old: Properties, new: Properties) -> None:
    about: dict[str, Any] = {"KeyId": made.physical_id}
    if str(new.get("EnableKeyRotation", False)).lower() != "true":
        call(context, "kms", "DisableKeyRotation", about)
        return
    if "RotationPeriodInDays" in new:
        about["RotationPeriodInDays"] = new["RotationPeriodInDays"]
    fitted(context, "kms", "EnableKeyRotation", about, _KEY)


def _enabled(context: Context, made: Made, old: Properties, new: Properties) -> None:
    on = str(new.get("Enabled", True)).lower() == "true"
    call(context, "kms", "EnableKey" if on else "DisableKey", {"KeyId": made.physical_id})


def _describe_key(context: Context, made: Made, old: Properties, new: Properties) -> None:
    about = {"KeyId": made.physical_id, "Description": new.get("Description", "")}
    call(context, "kms", "UpdateKeyDescription", about)


def _secret(context: Context, made: Made, old: Properties, new: Properties) -> None:
    value = _value(context, new)
    if value is not None:
        call(
            context, "secretsmanager", "PutSecretValue", {"SecretId": made.physical_id, "SecretString": value}
        )


def _value(context: Context, properties: Properties) -> str | None:
    """The text given or generated, None for a secret without a value. Both is a `ResourceError`."""
    if "SecretString" in properties and "GenerateSecretString" in properties:
        raise ResourceError(f"{_SECRET}: either SecretString or GenerateSecretString, not both")
    if "GenerateSecretString" not in properties:
        return properties.get("SecretString")
    asked = dict(properties["GenerateSecretString"])
    template, key = asked.pop("SecretStringTemplate", None), asked.pop("GenerateStringKey", None)
    if (template is None) != (key is None):
        raise ResourceError(f"{_SECRET}: SecretStringTemplate and GenerateStringKey go together")
    password = str(fitted(context, "secretsmanager", "GetRandomPassword", asked, _SECRET)["RandomPassword"])
    return password if template is None else json.dumps({**json.loads(template), key: password})


def _secret_name(arn: str) -> str:
    """The name within an ARN, which ends in `-` and six random characters."""
    return arn.split(":", 6)[-1][:-7]


KINDS: Final = (
    Kind(
        type=_KEY,
        service="kms",
        create_call=Call("CreateKey"),
        delete_call=Call(
            "ScheduleKeyDeletion", {"KeyId": "{id}", "PendingWindowInDays": "{p[PendingWindowInDays]}"}
        ),
        ref="{answer[KeyMetadata][KeyId]}",
        attributes={"Arn": "arn:aws:kms:{context.region}:{context.account}:key/{id}", "KeyId": "{id}"},
        renames={"KeyPolicy": "Policy"},
        defaults={"PendingWindowInDays": 30},
        aside=frozenset({"PendingWindowInDays"}),
        immutable=frozenset({"KeySpec", "KeyUsage", "MultiRegion", "Origin"}),
        documents=frozenset({"KeyPolicy"}),
        facets=(
            Facet(properties=frozenset({"KeyPolicy"}), apply=_key_policy, in_create=True),
            Facet(properties=frozenset({"Description"}), apply=_describe_key, in_create=True),
            Facet(properties=frozenset({"EnableKeyRotation", "RotationPeriodInDays"}), apply=_rotation),
            Facet(properties=frozenset({"Enabled"}), apply=_enabled),
        ),
        tagging=Tagging(target="{id}"),
    ),
    Kind(
        type="AWS::KMS::Alias",
        service="kms",
        create_call=Call("CreateAlias"),
        update_call=Call("UpdateAlias"),
        delete_call=Call("DeleteAlias", {"AliasName": "{id}"}),
        whole_update=True,
        ref="{p[AliasName]}",
        immutable=frozenset({"AliasName"}),
    ),
    Kind(
        type=_SECRET,
        service="secretsmanager",
        create_call=Call("CreateSecret"),
        update_call=Call("UpdateSecret", {"SecretId": "{id}"}),
        delete_call=Call("DeleteSecret", {"SecretId": "{id}", "ForceDeleteWithoutRecovery": True}),
        ref="{answer[ARN]}",
        attributes={"Id": "{id}"},
        name=Name(property="Name", limit=512, of_id=_secret_name),
        resets={"Description": ""},
        facets=(Facet(properties=frozenset({"SecretString", "GenerateSecretString"}), apply=_secret),),
        tagging=Tagging(target="{id}"),
    ),
    Kind(
        type="AWS::SSM::Parameter",
        service="ssm",
        create_call=Call("PutParameter"),
        update_call=Call("PutParameter", {"Name": "{id}", "Overwrite": True}),
        delete_call=Call("DeleteParameter", {"Name": "{id}"}),
        ref="{p[Name]}",
        attributes={"Type": "{p[Type]}", "Value": "{p[Value]}"},
        name=Name(property="Name", limit=1011),
        whole_update=True,
        tagging=Tagging(
            target="{id}",
            tag="AddTagsToResource",
            untag="RemoveTagsFromResource",
            about={"ResourceType": "Parameter"},
            by="ResourceId",
        ),
    ),
)
