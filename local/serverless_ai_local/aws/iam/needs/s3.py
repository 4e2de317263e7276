"""S3: objects, and listing a bucket."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import unquote

from serverless_ai_local.aws.iam.needs.base import Need, Parameters, Place, Rule


def _object(action: str) -> Rule:
    def rule(parameters: Parameters, place: Place) -> list[Need]:
        name = f"{action}Version" if parameters.get("VersionId") else action
        return [Need(action=name, resource=f"arn:aws:s3:::{parameters['Bucket']}/{parameters['Key']}")]

    return rule


def _put(parameters: Parameters, place: Place) -> list[Need]:
    """A write that depends on what is there tells of it (S3 user guide, conditional writes)."""
    resource = f"arn:aws:s3:::{parameters['Bucket']}/{parameters['Key']}"
    actions = ["s3:PutObject", *(["s3:GetObject"] if parameters.get("IfMatch") else [])]
    return [Need(action=action, resource=resource) for action in actions]


def _bucket(action: str) -> Rule:
    def rule(parameters: Parameters, place: Place) -> list[Need]:
        context: dict[str, Sequence[str]] = {}
        if parameters.get("Prefix") is not None:
            context["s3:prefix"] = [str(parameters["Prefix"])]
        return [Need(action=action, resource=f"arn:aws:s3:::{parameters['Bucket']}", context=context)]

    return rule


def _copy(parameters: Parameters, place: Place) -> list[Need]:
    source, _, version = unquote(str(parameters["CopySource"])).lstrip("/").partition("?versionId=")
    read = "s3:GetObjectVersion" if version else "s3:GetObject"
    write = f"arn:aws:s3:::{parameters['Bucket']}/{parameters['Key']}"
    return [Need(action=read, resource=f"arn:aws:s3:::{source}"), Need(action="s3:PutObject", resource=write)]


def _delete_many(parameters: Parameters, place: Place) -> list[Need]:
    bucket = parameters["Bucket"]
    keys = [str(one["Key"]) for one in parameters["Delete"]["Objects"]]
    return [Need(action="s3:DeleteObject", resource=f"arn:aws:s3:::{bucket}/{key}") for key in keys]


RULES: Final[Mapping[tuple[str, str], Rule]] = {
    ("s3", "GetObject"): _object("s3:GetObject"),
    ("s3", "HeadObject"): _object("s3:GetObject"),
    ("s3", "DeleteObject"): _object("s3:DeleteObject"),
    ("s3", "DeleteObjects"): _delete_many,
    ("s3", "CopyObject"): _copy,
    ("s3", "PutObject"): _put,
    ("s3", "CompleteMultipartUpload"): _put,
    **{("s3", name): _object("s3:PutObject") for name in ("CreateMultipartUpload", "UploadPart")},
    ("s3", "AbortMultipartUpload"): _object("s3:AbortMultipartUpload"),
    **{("s3", name): _bucket("s3:ListBucket") for name in ("ListObjects", "ListObjectsV2", "HeadBucket")},
    ("s3", "GetBucketLocation"): _bucket("s3:GetBucketLocation"),
}
