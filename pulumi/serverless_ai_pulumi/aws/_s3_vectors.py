"""S3 Vectors: a bucket of vectors with an index for each embedding model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from serverless_ai_patterns.aws import s3_vectors as shared
from serverless_ai_patterns.aws.policy import Statement


@dataclass(frozen=True, kw_only=True, slots=True)
class S3VectorsParts:
    """What was made, and what roles need."""

    bucket: aws.s3.VectorsVectorBucket
    indexes: Mapping[str, aws.s3.VectorsIndex]
    """By name."""

    @property
    def places(self) -> Mapping[str, pulumi.Output[str]]:
        """Index -> ARN."""
        return {name: index.index_arn for name, index in self.indexes.items()}

    @property
    def read(self) -> pulumi.Output[list[Statement]]:
        return pulumi.Output.all(*self.places.values()).apply(shared.read)

    @property
    def write(self) -> pulumi.Output[list[Statement]]:
        return pulumi.Output.all(*self.places.values()).apply(shared.write)

    def let_in(self, *, readers: Sequence[pulumi.Input[str]], writers: Sequence[pulumi.Input[str]]) -> None:
        """Nothing to do: the roles' own policies admit them."""


def s3_vectors(
    name: str,
    indexes: Mapping[str, int],
    *,
    bucket_name: pulumi.Input[str],
    key_arn: pulumi.Input[str] | None,
    force_destroy: bool,
    opts: pulumi.ResourceOptions,
) -> S3VectorsParts:
    """A vector bucket with an index for each name in `indexes`, whose value is its dimension."""
    encryption = aws.s3.VectorsVectorBucketEncryptionConfigurationArgs(
        sse_type="aws:kms", kms_key_arn=key_arn
    )
    bucket = aws.s3.VectorsVectorBucket(
        name,
        vector_bucket_name=bucket_name,
        encryption_configurations=None if key_arn is None else [encryption],
        force_destroy=force_destroy,
        opts=opts,
    )
    made = {
        index: aws.s3.VectorsIndex(
            f"{name}-{index}",
            vector_bucket_name=bucket.vector_bucket_name,
            index_name=index,
            data_type=shared.DATA_TYPE,
            dimension=dimension,
            distance_metric=shared.DISTANCE,
            metadata_configuration=aws.s3.VectorsIndexMetadataConfigurationArgs(
                non_filterable_metadata_keys=list(shared.NOT_FILTERABLE)
            ),
            opts=opts,
        )
        for index, dimension in indexes.items()
    }
    return S3VectorsParts(bucket=bucket, indexes=made)
