"""Objects of a deployed pattern's buckets, put and fetched as whoever deploys would."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from serverless_ai_local.ask import AskError
from serverless_ai_local.azure import caller as azure
from serverless_ai_local.gcp import caller as google
from serverless_ai_local.launch import RunningCloud

TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True, kw_only=True, slots=True)
class Buckets:
    """By bucket (on Azure: URL of the container) and key."""

    put: Callable[[str, str, bytes], None]
    """Raises `AskError`."""
    get: Callable[[str, str], bytes | None]
    """None if there is no such object."""


def bucket_of(target: str, cloud: RunningCloud) -> Buckets:
    """How buckets are reached on this target."""
    return {"pulumi-azure": _on_azure, "pulumi-gcp": _on_google}.get(target, _on_aws)(cloud)


def _on_aws(cloud: RunningCloud) -> Buckets:
    """Through boto3, signed as anywhere."""
    s3 = cloud.client("s3")

    def put(bucket: str, key: str, body: bytes) -> None:
        s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType=TEXT)

    def get(bucket: str, key: str) -> bytes | None:
        try:
            return s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        except s3.exceptions.NoSuchKey:
            return None

    return Buckets(put=put, get=get)


def _on_azure(cloud: RunningCloud) -> Buckets:
    """By the Blob REST API."""

    def put(bucket: str, key: str, body: bytes) -> None:
        headers = {"x-ms-blob-type": "BlockBlob", "content-type": TEXT}
        status, _ = azure.storage(cloud, "PUT", f"{bucket}/{key}", body, headers)
        if status != 201:
            raise AskError(f"the upload was refused with {status}")

    def get(bucket: str, key: str) -> bytes | None:
        status, body = azure.storage(cloud, "GET", f"{bucket}/{key}")
        return body if status == 200 else None

    return Buckets(put=put, get=get)


def _on_google(cloud: RunningCloud) -> Buckets:
    """By the JSON API of Cloud Storage."""

    def put(bucket: str, key: str, body: bytes) -> None:
        status, _ = google.upload(cloud, bucket, key, body)
        if status != 200:
            raise AskError(f"the upload was refused with {status}")

    def get(bucket: str, key: str) -> bytes | None:
        status, body = google.download(cloud, bucket, key)
        return body if status == 200 else None

    return Buckets(put=put, get=get)
