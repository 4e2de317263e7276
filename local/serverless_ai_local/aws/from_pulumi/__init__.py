"""Pulumi's AWS resources on the local cloud: what the Pulumi door asks for every `aws:` token."""

from __future__ import annotations

from collections.abc import Mapping

from serverless_ai_local.doors.pulumi.clouds import Cloud

REGION = "us-east-1"
ROOT = "test"


def cloud() -> Cloud:
    """What answers for `aws:`."""
    # Imported here: the environment is needed first, and boto3 takes its time.
    from serverless_ai_local.aws.from_pulumi.aws_cloud import AwsCloud  # noqa: PLC0415

    return AwsCloud()


def environment(inherited: Mapping[str, str], endpoint: str) -> dict[str, str]:
    """The same variables, but that an AWS SDK in the program finds the local cloud and no real account."""
    kept = {name: value for name, value in inherited.items() if not name.startswith("AWS_")}
    return {
        **kept,
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": ROOT,
        "AWS_SECRET_ACCESS_KEY": ROOT,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
