"""Pulumi's Google Cloud resources on the local cloud: what the door asks for every `gcp:` token."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from serverless_ai_local.doors.pulumi.clouds import Cloud
from serverless_ai_local.gcp.project import PROJECT, REGION

_REAL = ("GOOGLE_", "GCLOUD_", "CLOUDSDK_", "GCP_", "GCE_METADATA_")
"""Beginnings of variables that lead to a real project."""


def cloud() -> Cloud:
    """What answers for `gcp:`."""
    from serverless_ai_local.gcp.from_pulumi.gcp_cloud import GcpCloud  # noqa: PLC0415

    return GcpCloud()


def environment(inherited: Mapping[str, str], endpoint: str) -> dict[str, str]:
    """The same variables, but that a library of Google's in the program finds no real project."""
    kept = {name: value for name, value in inherited.items() if not name.startswith(_REAL)}
    host = urlsplit(endpoint).netloc
    return {
        **kept,
        "GOOGLE_CLOUD_PROJECT": PROJECT,
        "GOOGLE_CLOUD_REGION": REGION,
        "FIRESTORE_EMULATOR_HOST": host,
        "PUBSUB_EMULATOR_HOST": host,
        "NO_GCE_CHECK": "true",
    }
