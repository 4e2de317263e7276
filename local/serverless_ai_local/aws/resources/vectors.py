"""Vector buckets of S3 and their indexes."""

from __future__ import annotations

from typing import Final

from serverless_ai_local.aws.resources.kind import Call, Kind
from serverless_ai_local.aws.resources.naming import Name
from serverless_ai_local.aws.resources.tagging import Tagging

_SERVICE: Final = "s3vectors"


def _last(arn: str) -> str:
    return arn.rpartition("/")[2]


BUCKET: Final = Kind(
    type="AWS::S3Vectors::VectorBucket",
    service=_SERVICE,
    create_call=Call("CreateVectorBucket"),
    delete_call=Call("DeleteVectorBucket", {"vectorBucketArn": "{id}"}),
    read_call=Call("GetVectorBucket", {"vectorBucketArn": "{id}"}),
    ref="{answer[vectorBucketArn]}",
    attributes={"VectorBucketArn": "{answer[vectorBucket][vectorBucketArn]}"},
    name=Name(property="VectorBucketName", limit=63, lower=True, of_id=_last),
    immutable=frozenset({"EncryptionConfiguration"}),
    tagging=Tagging(target="{id}"),
)
INDEX: Final = Kind(
    type="AWS::S3Vectors::Index",
    service=_SERVICE,
    create_call=Call("CreateIndex"),
    delete_call=Call("DeleteIndex", {"indexArn": "{id}"}),
    read_call=Call("GetIndex", {"indexArn": "{id}"}),
    ref="{answer[indexArn]}",
    attributes={"IndexArn": "{answer[index][indexArn]}"},
    name=Name(property="IndexName", limit=63, lower=True, of_id=_last),
    immutable=frozenset(
        {
            "DataType",
            "Dimension",
            "DistanceMetric",
            "EncryptionConfiguration",
            "MetadataConfiguration",
            "VectorBucketArn",
            "VectorBucketName",
        }
    ),
    tagging=Tagging(target="{id}"),
)
KINDS: Final = (BUCKET, INDEX)
