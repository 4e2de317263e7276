"""Objects that an AI service reads and writes with the rights of whoever called it."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping, Sequence
from typing import Any, Final

from moto.s3.exceptions import S3ClientError
from moto.s3.models import s3_backends

from serverless_ai_local.aws.api import ApiError, Call
from serverless_ai_local.aws.calls import section
from serverless_ai_local.aws.service_roles import Checks

INVALID_OBJECT: Final = "InvalidS3ObjectException"
_NO_OBJECT: Final = (
    "Unable to get object metadata from S3. Check object key, region and/or access permissions."
)


class Files:
    """Reads and writes of all four services."""

    def __init__(self, checks: Checks) -> None:
        self._checks = checks

    def read(self, call: Call, bucket: str, key: str) -> bytes | None:
        """None if there is no such object, or the caller may not read it: the services do not tell which."""
        try:
            self._checks.check(call.identity, "s3:GetObject", f"arn:aws:s3:::{bucket}/{key}")
            found = s3_backends[call.account]["aws"].get_object(bucket, key)
        except (ApiError, S3ClientError):
            return None
        return None if found is None else bytes(found.value)

    def given(self, call: Call, source: Mapping[str, Any]) -> bytes:
        """What `{"S3Object": {"Bucket", "Name"}}` or `{"Bytes"}` holds; raises `ApiError`."""
        known(source, "Bytes", "S3Object")
        if source.get("Bytes") is not None:
            raw: str | bytes = source["Bytes"]
            return b64decode(raw) if isinstance(raw, str) else raw
        where = section(source, "S3Object")
        known(where, "Bucket", "Name")
        content = self.read(call, str(where.get("Bucket", "")), str(where.get("Name", "")))
        if content is None:
            raise ApiError(INVALID_OBJECT, _NO_OBJECT)
        return content

    def require_write(self, call: Call, bucket: str, key: str) -> None:
        """Raise `ApiError` unless the caller may write this object into a bucket that is there."""
        self._checks.check(call.identity, "s3:PutObject", f"arn:aws:s3:::{bucket}/{key}")
        if bucket not in s3_backends[call.account]["aws"].buckets:
            raise ApiError("BadRequestException", "The specified S3 bucket can't be accessed.")

    def write(self, call: Call, bucket: str, key: str, content: bytes) -> None:
        """Write what `require_write` has allowed."""
        s3_backends[call.account]["aws"].put_object(bucket, key, content)


def known(given: Mapping[str, Any], *names: str) -> None:
    """Raise `ApiError` for a parameter that would be left out of account."""
    unknown: Sequence[str] = sorted(set(given) - set(names))
    if unknown:
        raise ApiError("NotImplemented", f"{unknown[0]} is not offered locally; {', '.join(names)} are", 501)
