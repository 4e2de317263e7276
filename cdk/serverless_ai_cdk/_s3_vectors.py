"""S3 Vectors: a bucket of vectors with an index for each embedding model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aws_cdk import RemovalPolicy, aws_kms, aws_s3vectors
from constructs import Construct

from serverless_ai_patterns.aws import s3_vectors as shared
from serverless_ai_patterns.aws.policy import Statement


@dataclass(frozen=True, kw_only=True, slots=True)
class S3VectorsParts:
    """What was made, and what roles need."""

    bucket: aws_s3vectors.CfnVectorBucket
    indexes: Mapping[str, aws_s3vectors.CfnIndex]
    """By name."""

    @property
    def places(self) -> Mapping[str, str]:
        """Index -> ARN."""
        return {name: index.attr_index_arn for name, index in self.indexes.items()}

    @property
    def read(self) -> Sequence[Statement]:
        return shared.read(list(self.places.values()))

    @property
    def write(self) -> Sequence[Statement]:
        return shared.write(list(self.places.values()))

    def let_in(self, *, readers: Sequence[str], writers: Sequence[str]) -> None:
        """Nothing to do: the roles' own policies admit them."""


def s3_vectors(
    scope: Construct,
    id: str,
    indexes: Mapping[str, int],
    *,
    key: aws_kms.IKey | None,
    removal_policy: RemovalPolicy,
) -> S3VectorsParts:
    """A vector bucket with an index for each name in `indexes`, whose value is its dimension.

    What cannot be changed in an index makes a new one, whose vectors a `resync` has to make anew.
    """
    bucket = aws_s3vectors.CfnVectorBucket(
        scope,
        id,
        encryption_configuration=aws_s3vectors.CfnVectorBucket.EncryptionConfigurationProperty(
            sse_type="aws:kms", kms_key_arn=key.key_arn
        )
        if key
        else None,
    )
    bucket.apply_removal_policy(removal_policy)
    made = {
        name: _index(scope, f"{id}{name}", bucket, name, dimension) for name, dimension in indexes.items()
    }
    for one in made.values():
        one.apply_removal_policy(removal_policy)
    return S3VectorsParts(bucket=bucket, indexes=made)


def _index(
    scope: Construct, id: str, bucket: aws_s3vectors.CfnVectorBucket, name: str, dimension: int
) -> aws_s3vectors.CfnIndex:
    return aws_s3vectors.CfnIndex(
        scope,
        id,
        vector_bucket_arn=bucket.attr_vector_bucket_arn,
        index_name=name,
        data_type=shared.DATA_TYPE,
        dimension=dimension,
        distance_metric=shared.DISTANCE,
        metadata_configuration=aws_s3vectors.CfnIndex.MetadataConfigurationProperty(
            non_filterable_metadata_keys=list(shared.NOT_FILTERABLE)
        ),
    )
