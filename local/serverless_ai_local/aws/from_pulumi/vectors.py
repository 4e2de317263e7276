"""Vector buckets of S3 and their indexes."""

from __future__ import annotations

from typing import Any, Final

from serverless_ai_local.aws.from_pulumi.translation import (
    TAG_LIST,
    InputError,
    Rules,
    Translation,
    apply,
    block,
)
from serverless_ai_local.aws.provider import Context
from serverless_ai_local.aws.resources.calls import call
from serverless_ai_local.doors.pulumi.values import Values

_ENCRYPTION: Final[Rules] = {"sseType": "SseType", "kmsKeyArn": "KmsKeyArn"}


def _encryption(value: Any) -> dict[str, Any]:
    """A list of one, as the provider has it."""
    if len(value) != 1:
        raise InputError("", f"must have one element, got {len(value)}")
    return apply(_ENCRYPTION, value[0])


def _empty(context: Context, handle: str, inputs: Values) -> None:
    """`force_destroy`: a bucket's indexes go with it."""
    if inputs.get("forceDestroy"):
        listed = call(context, "s3vectors", "ListIndexes", {"vectorBucketArn": handle})
        for index in listed["indexes"]:
            call(context, "s3vectors", "DeleteIndex", {"indexArn": index["indexArn"]})


ROWS: Final = (
    Translation(
        "aws:s3/vectorsVectorBucket:VectorsVectorBucket",
        "AWS::S3Vectors::VectorBucket",
        inputs={
            "encryptionConfigurations": ("EncryptionConfiguration", _encryption),
            "forceDestroy": None,
            "tags": TAG_LIST,
            "vectorBucketName": "VectorBucketName",
        },
        id="{p[VectorBucketName]}",
        outputs={"vectorBucketArn": "{id}"},
        unique=("vectorBucketName",),
        before_delete=_empty,
    ),
    Translation(
        "aws:s3/vectorsIndex:VectorsIndex",
        "AWS::S3Vectors::Index",
        inputs={
            "dataType": "DataType",
            "dimension": "Dimension",
            "distanceMetric": "DistanceMetric",
            "encryptionConfigurations": ("EncryptionConfiguration", _encryption),
            "indexName": "IndexName",
            "metadataConfiguration": (
                "MetadataConfiguration",
                block({"nonFilterableMetadataKeys": "NonFilterableMetadataKeys"}),
            ),
            "tags": TAG_LIST,
            "vectorBucketName": "VectorBucketName",
        },
        outputs={"indexArn": "{id}"},
        unique=("vectorBucketName", "indexName"),
    ),
)
