"""What a function is built from: its source in a bucket, who builds it, and where the image goes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pulumi
import pulumi_gcp as gcp

from serverless_ai_patterns import bundle
from serverless_ai_patterns.gcp.policy import BUILD_SOURCES, only_buckets
from serverless_ai_pulumi.gcp._bucket import private_bucket
from serverless_ai_pulumi.gcp._identity import account, on_project
from serverless_ai_pulumi.gcp._names import unique
from serverless_ai_pulumi.gcp._place import Place

CLOUD = "gcp"
UNUSED_AFTER = f"{7 * 24 * 3600}s"


class Build(NamedTuple):
    """The parts that a function's build configuration names."""

    bucket: gcp.storage.Bucket
    source: gcp.storage.BucketObject
    repository: gcp.artifactregistry.Repository
    builder: gcp.serviceaccount.Account
    granted: list[pulumi.Resource]


def build_of(
    name: str,
    pattern: str,
    *,
    place: Place,
    key: pulumi.Input[str] | None,
    extra: Mapping[str, Path] | None = None,
    opts: pulumi.ResourceOptions,
) -> Build:
    """Source and builder of the handler of `pattern`; the project's default service accounts are not used.

    `extra`: files of the user's own that are put beside the handler's, path -> file.
    """
    bucket = private_bucket(name, "source", place=place, key=key, opts=opts)
    repository = _repository(name, place, key, opts)
    builder = account(name, "build", "builds the function", opts=opts)
    sources = bucket.name.apply(lambda made: only_buckets((made, BUILD_SOURCES)))
    granted: list[pulumi.Resource] = [
        on_project(
            f"{name}-build-logs", builder, "roles/logging.logWriter", project=place.project, opts=opts
        ),
        on_project(
            f"{name}-build-source",
            builder,
            "roles/storage.objectViewer",
            project=place.project,
            condition=sources,
            opts=opts,
        ),
        gcp.artifactregistry.RepositoryIamMember(
            f"{name}-build-image",
            repository=repository.name,
            location=place.region,
            role="roles/artifactregistry.writer",
            member=builder.member,
            opts=opts,
        ),
    ]
    return Build(bucket, _source(name, pattern, bucket, extra or {}, opts), repository, builder, granted)


def _source(
    name: str,
    pattern: str,
    bucket: gcp.storage.Bucket,
    extra: Mapping[str, Path],
    opts: pulumi.ResourceOptions,
) -> gcp.storage.BucketObject:
    files = bundle.bundle(pattern, CLOUD, extra=extra)
    return gcp.storage.BucketObject(
        f"{name}-zip",
        bucket=bucket.name,
        # A function is built anew when its source has another name, and only then.
        name=f"{pattern}-{bundle.digest(pattern, CLOUD, extra=extra)}.zip",
        source=pulumi.AssetArchive({path: pulumi.FileAsset(str(file)) for path, file in files.items()}),
        opts=opts,
    )


def _repository(
    name: str, place: Place, key: pulumi.Input[str] | None, opts: pulumi.ResourceOptions
) -> gcp.artifactregistry.Repository:
    return gcp.artifactregistry.Repository(
        f"{name}-images",
        repository_id=unique(name, "images"),
        location=place.region,
        format="DOCKER",
        cleanup_policies=[
            gcp.artifactregistry.RepositoryCleanupPolicyArgs(
                id="images-of-earlier-deployments",
                action="DELETE",
                condition=gcp.artifactregistry.RepositoryCleanupPolicyConditionArgs(
                    tag_state="UNTAGGED", older_than=UNUSED_AFTER
                ),
            )
        ],
        kms_key_name=key,
        opts=opts,
    )
