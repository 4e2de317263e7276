"""S3 Vectors: a bucket or an index, by its ARN or by its name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from serverless_ai_local.aws.iam.needs.base import Need, Parameters, Place, Rule

SERVICE: Final = "s3vectors"


def _bucket(action: str) -> Rule:
    def rule(parameters: Parameters, place: Place) -> list[Need]:
        return [Need(action=f"{SERVICE}:{action}", resource=_bucket_arn(parameters, place))]

    return rule


def _index(action: str) -> Rule:
    def rule(parameters: Parameters, place: Place) -> list[Need]:
        return [Need(action=f"{SERVICE}:{action}", resource=_index_arn(parameters, place))]

    return rule


def _query(parameters: Parameters, place: Place) -> list[Need]:
    """Filters and metadata show what is stored, and need the permission to read it as well."""
    arn = _index_arn(parameters, place)
    needs = [Need(action=f"{SERVICE}:QueryVectors", resource=arn)]
    if parameters.get("filter") or parameters.get("returnMetadata"):
        needs.append(Need(action=f"{SERVICE}:GetVectors", resource=arn))
    return needs


def _listed(parameters: Parameters, place: Place) -> list[Need]:
    arn = _index_arn(parameters, place)
    needs = [Need(action=f"{SERVICE}:ListVectors", resource=arn)]
    if parameters.get("returnData") or parameters.get("returnMetadata"):
        needs.append(Need(action=f"{SERVICE}:GetVectors", resource=arn))
    return needs


def _bucket_arn(parameters: Parameters, place: Place) -> str:
    arn = parameters.get("vectorBucketArn")
    return str(arn) if arn else place.arn(SERVICE, f"bucket/{parameters['vectorBucketName']}")


def _index_arn(parameters: Parameters, place: Place) -> str:
    arn = parameters.get("indexArn")
    return str(arn) if arn else f"{_bucket_arn(parameters, place)}/index/{parameters['indexName']}"


def _tagged(action: str) -> Rule:
    return lambda parameters, place: [
        Need(action=f"{SERVICE}:{action}", resource=str(parameters["resourceArn"]))
    ]


RULES: Final[Mapping[tuple[str, str], Rule]] = {
    **{
        (SERVICE, name): _bucket(name)
        for name in ("CreateVectorBucket", "GetVectorBucket", "DeleteVectorBucket", "ListIndexes")
    },
    **{
        (SERVICE, name): _index(name)
        for name in ("CreateIndex", "GetIndex", "DeleteIndex", "PutVectors", "GetVectors", "DeleteVectors")
    },
    **{(SERVICE, name): _tagged(name) for name in ("TagResource", "UntagResource", "ListTagsForResource")},
    (SERVICE, "QueryVectors"): _query,
    (SERVICE, "ListVectors"): _listed,
    (SERVICE, "ListVectorBuckets"): lambda parameters, place: [
        Need(action=f"{SERVICE}:ListVectorBuckets", resource=place.arn(SERVICE, "bucket/*"))
    ],
}
