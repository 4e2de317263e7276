"""What `cdk bootstrap` and `cdk synth` add of their own: image repository and metadata."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from serverless_ai_local.aws.provider import Context, Made
from serverless_ai_local.aws.resources.calls import as_json, call, fitted
from serverless_ai_local.aws.resources.kind import Call, Facet, Kind, Properties
from serverless_ai_local.aws.resources.naming import Name
from serverless_ai_local.aws.resources.tagging import Tagging

_REPOSITORY: Final = "AWS::ECR::Repository"


@dataclass(frozen=True, slots=True)
class Metadata:
    """`AWS::CDK::Metadata`: usage statistics in a template, nothing in the cloud."""

    type: str = "AWS::CDK::Metadata"
    taggable: bool = False

    def replaces(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
        return False

    def create(self, context: Context, name: str, properties: Mapping[str, Any]) -> Made:
        return Made(physical_id=f"{context.stack}-{name}")

    def update(
        self, context: Context, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any]
    ) -> Made:
        return Made(physical_id=physical_id)

    def delete(self, context: Context, physical_id: str, properties: Mapping[str, Any]) -> None:
        return


def _lifecycle(context: Context, made: Made, old: Properties, new: Properties) -> None:
    about = {"repositoryName": made.physical_id}
    if "LifecyclePolicy" in new:
        policy = {"lifecyclePolicyText": new["LifecyclePolicy"]["LifecyclePolicyText"]}
        fitted(context, "ecr", "PutLifecyclePolicy", about | policy, _REPOSITORY)
    else:
        call(context, "ecr", "DeleteLifecyclePolicy", about)


def _policy(context: Context, made: Made, old: Properties, new: Properties) -> None:
    about = {"repositoryName": made.physical_id}
    if "RepositoryPolicyText" in new:
        policy = {"policyText": as_json(new["RepositoryPolicyText"])}
        fitted(context, "ecr", "SetRepositoryPolicy", about | policy, _REPOSITORY)
    else:
        call(context, "ecr", "DeleteRepositoryPolicy", about)


def _mutability(context: Context, made: Made, old: Properties, new: Properties) -> None:
    wanted = {"imageTagMutability": new.get("ImageTagMutability", "MUTABLE")}
    call(context, "ecr", "PutImageTagMutability", {"repositoryName": made.physical_id, **wanted})


def _scanning(context: Context, made: Made, old: Properties, new: Properties) -> None:
    wanted = {"imageScanningConfiguration": new.get("ImageScanningConfiguration", {"ScanOnPush": False})}
    fitted(
        context,
        "ecr",
        "PutImageScanningConfiguration",
        {"repositoryName": made.physical_id, **wanted},
        _REPOSITORY,
    )


PROVIDERS: Final = (
    Metadata(),
    Kind(
        type=_REPOSITORY,
        service="ecr",
        create_call=Call("CreateRepository"),
        delete_call=Call("DeleteRepository", {"repositoryName": "{id}", "force": "{p[EmptyOnDelete]}"}),
        defaults={"EmptyOnDelete": "false"},
        aside=frozenset({"EmptyOnDelete"}),
        ref="{p[RepositoryName]}",
        attributes={
            "Arn": "arn:aws:ecr:{context.region}:{context.account}:repository/{id}",
            "RepositoryUri": "{context.account}.dkr.ecr.{context.region}.amazonaws.com/{id}",
        },
        name=Name(property="RepositoryName", limit=256, lower=True),
        immutable=frozenset({"EncryptionConfiguration"}),
        facets=(
            Facet(properties=frozenset({"LifecyclePolicy"}), apply=_lifecycle),
            Facet(properties=frozenset({"RepositoryPolicyText"}), apply=_policy),
            Facet(properties=frozenset({"ImageTagMutability"}), apply=_mutability, in_create=True),
            Facet(properties=frozenset({"ImageScanningConfiguration"}), apply=_scanning, in_create=True),
        ),
        tagging=Tagging(target="arn:aws:ecr:{context.region}:{context.account}:repository/{id}"),
    ),
)
