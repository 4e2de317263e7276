"""Pulumi's AWS resources on the local cloud: what the Pulumi door asks for every `aws:` token."""

from serverless_ai_local.aws.from_pulumi.cloud import AwsCloud

CLOUD = AwsCloud()

__all__ = ["CLOUD", "AwsCloud"]
