"""Collections of OpenSearch Serverless, their groups and their policies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from serverless_ai_local.aws.from_pulumi.translation import (
    TAG_LIST,
    AutoName,
    Convert,
    InputError,
    Translation,
    block,
    capital,
)
from serverless_ai_local.aws.provider import Context, Made
from serverless_ai_local.aws.resources.calls import call
from serverless_ai_local.doors.pulumi.values import Values

_LONGEST: Final = 32


def _only(convert: Convert) -> Convert:
    """The one block of a list, which Terraform writes all blocks as."""

    def convert_one(given: Any) -> Any:
        if len(given) != 1:
            raise InputError("", f"takes one block, got {len(given)}")
        return convert(given[0])

    return convert_one


def _version(family: str) -> Callable[[Context, Made, Values], Any]:
    def read(context: Context, made: Made, properties: Values) -> Any:
        about = {"type": properties["Type"], "name": properties["Name"]}
        found = call(context, "opensearchserverless", f"Get{family}Policy", about)
        return found[f"{family.lower()}PolicyDetail"]["policyVersion"]

    return read


def _policy(family: str) -> Translation:
    return Translation(
        f"aws:opensearch/serverless{family}Policy:Serverless{family}Policy",
        f"AWS::OpenSearchServerless::{family}Policy",
        inputs={"description": "Description", "name": "Name", "policy": "Policy", "type": "Type"},
        id="{p[Name]}",
        outputs={"policyVersion": _version(family)},
        name=AutoName(limit=_LONGEST, lower=True),
        unique=("name", "type"),
    )


ROWS: Final = (
    _policy("Access"),
    _policy("Security"),
    Translation(
        "aws:opensearch/serverlessCollectionGroup:ServerlessCollectionGroup",
        "AWS::OpenSearchServerless::CollectionGroup",
        inputs={
            "capacityLimits": ("CapacityLimits", _only(capital)),
            "description": "Description",
            "generation": "Generation",
            "name": "Name",
            "standbyReplicas": "StandbyReplicas",
            "tags": TAG_LIST,
        },
        outputs={"arn": "{a[Arn]}"},
        name=AutoName(limit=_LONGEST, lower=True),
    ),
    Translation(
        "aws:opensearch/serverlessCollection:ServerlessCollection",
        "AWS::OpenSearchServerless::Collection",
        inputs={
            "collectionGroupName": "CollectionGroupName",
            "description": "Description",
            "encryptionConfigs": (
                "EncryptionConfig",
                _only(block({"awsOwnedKey": "AWSOwnedKey", "kmsKeyArn": "KmsKeyArn"})),
            ),
            "name": "Name",
            "standbyReplicas": "StandbyReplicas",
            "tags": TAG_LIST,
            "timeouts": None,
            "type": "Type",
            "vectorOptions": ("VectorOptions", _only(capital)),
        },
        outputs={
            "arn": "{a[Arn]}",
            "collectionEndpoint": "{a[CollectionEndpoint]}",
            "dashboardEndpoint": "{a[DashboardEndpoint]}",
            "kmsKeyArn": "{a[KmsKeyArn]}",
        },
        name=AutoName(limit=_LONGEST, lower=True),
    ),
)
