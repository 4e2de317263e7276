"""A log bucket of the pattern's own, and the way of its lines into it."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
import pulumi_gcp as gcp

from serverless_ai_pulumi.gcp._names import unique
from serverless_ai_pulumi.gcp._place import Place


def log_bucket(
    name: str,
    *,
    retention_days: int,
    place: Place,
    key: pulumi.Input[str] | None,
    opts: pulumi.ResourceOptions,
) -> gcp.logging.ProjectBucketConfig:
    """A log bucket kept for `retention_days` (1 to 3650); Google keeps a deleted one for seven days more."""
    encryption = None if key is None else gcp.logging.ProjectBucketConfigCmekSettingsArgs(kms_key_name=key)
    return gcp.logging.ProjectBucketConfig(
        f"{name}-logs",
        bucket_id=unique(name, "logs"),
        project=place.project,
        location=place.region,
        retention_days=retention_days,
        cmek_settings=encryption,
        opts=opts,
    )


def routed(
    name: str,
    filters: Sequence[str],
    into: gcp.logging.ProjectBucketConfig,
    *,
    opts: pulumi.ResourceOptions,
) -> None:
    """Lines that one of `filters` matches go into the bucket, and not also into the project's default one.

    Log-based metrics see them all the same.
    """
    matching = " OR ".join(f"({one})" for one in filters)
    sink = gcp.logging.ProjectSink(
        f"{name}-logs-sink",
        name=unique(name, "logs"),
        destination=pulumi.Output.concat("logging.googleapis.com/", into.id),
        filter=matching,
        unique_writer_identity=True,
        opts=opts,
    )
    gcp.logging.ProjectExclusion(
        f"{name}-logs-elsewhere",
        name=unique(name, "logs"),
        description=f"{name} has a log bucket of its own",
        filter=matching,
        # First the new way, then the end of the old one: no line is lost between them.
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[sink])),
    )
