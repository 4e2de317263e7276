"""Objects that an AI service reads and writes with the rights of whoever called it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from moto.s3.exceptions import S3ClientError
from moto.s3.models import s3_backends

from serverless_ai_local.aws.api import ApiError, Call
from serverless_ai_local.aws.service_roles import Checks

INVALID_OBJECT: Final = "InvalidS3ObjectException"
_NO_OBJECT: Final = (
    "Unable to get object metadata from S3. Check object key, region and/or access permissions."
)
_TRIAL: Final = ".write_access_check_file.temp"


class Files:
    """Reads and writes of all four services."""

    def __init__(self, checks: Checks) -> None:
        self._checks = checks

    def read(self, call: Call, bucket: str, key: str, version: str | None = None) -> bytes | None:
        """None if there is no such object in this region, or the caller may not read it.

        The services do not tell which.
        """
        action = "s3:GetObjectVersion" if version else "s3:GetObject"
        backend = s3_backends[call.account]["aws"]
        try:
            self._checks.check(call.identity, action, f"arn:aws:s3:::{bucket}/{key}")
            if backend.get_bucket(bucket).region_name != call.region:
                return None
            found = backend.get_object(bucket, key, version_id=version)
        except (ApiError, S3ClientError):
            return None
        return None if found is None else bytes(found.value)

    def given(self, call: Call, source: Mapping[str, Any]) -> bytes:
        """What `{"S3Object": {"Bucket", "Name", "Version"?}}` or `{"Bytes"}` holds; raises `ApiError`."""
        where: Mapping[str, Any] | None = source.get("S3Object")
        if (where is None) == (source.get("Bytes") is None):
            raise ApiError("InvalidParameterException", "Request has invalid parameters")
        if where is None:
            return source["Bytes"]
        bucket, key = where.get("Bucket"), where.get("Name")
        if not bucket or not key:
            raise ApiError("InvalidParameterException", "Request has invalid parameters")
        content = self.read(call, bucket, key, where.get("Version"))
        if content is None:
            raise ApiError(INVALID_OBJECT, _NO_OBJECT)
        return content

    def may_write(self, call: Call, bucket: str, key: str) -> bool:
        """Whether the bucket is in this region and the caller may write the object, and one beside it.

        Transcribe tries it with a file of its own in the same folder, before it begins.
        """
        trial = "/".join([*key.split("/")[:-1], _TRIAL])
        try:
            for one in (key, trial):
                self._checks.check(call.identity, "s3:PutObject", f"arn:aws:s3:::{bucket}/{one}")
            return s3_backends[call.account]["aws"].get_bucket(bucket).region_name == call.region
        except (ApiError, S3ClientError):
            return False

    def write(self, call: Call, bucket: str, key: str, content: bytes) -> None:
        """Write what `may_write` has allowed."""
        s3_backends[call.account]["aws"].put_object(bucket, key, content)


def known(given: Mapping[str, Any], *names: str) -> None:
    """Raise `ApiError` for a parameter that would be left out of account."""
    unknown: Sequence[str] = sorted(set(given) - set(names))
    if unknown:
        raise ApiError("NotImplemented", f"{unknown[0]} is not offered locally; {', '.join(names)} are", 501)
