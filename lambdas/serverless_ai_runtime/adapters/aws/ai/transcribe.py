"""What is said in audio or video, by a job of Transcribe that writes into the results bucket."""

from __future__ import annotations

import json
from typing import Any, Final

from serverless_ai_runtime.adapters.aws.ai.source import asked
from serverless_ai_runtime.adapters.aws.service import Service
from serverless_ai_runtime.core.event_pipeline.given import as_promised, named_file
from serverless_ai_runtime.core.event_pipeline.ports import Source, Started, Unprocessable
from serverless_ai_runtime.core.objects import ObjectMissing, ObjectRef, ObjectStore
from serverless_ai_runtime.core.ports import Deadline, Refused

LOOK_AFTER_S: Final = 900.0
"""If no event has told the end of a job by then: the longest delay of an SQS message."""
JOBS: Final = "jobs/"
"""Prefix of what jobs write."""
FORMATS: Final = ("mp3", "mp4", "wav", "flac", "ogg", "amr", "webm", "m4a")
"""Transcribe API reference, MediaFormat, 2026-11."""
MAX_BYTES: Final = 64 * 1024 * 1024
_TARGET: Final = "Transcribe"
# What a BadRequestException says of the recording, and of the bucket for what is heard.
_NO_OBJECT: Final = "S3 URI that you provided can't be accessed"
_NO_BUCKET: Final = "specified S3 bucket can't be accessed"


class Transcriber:
    """A job's name ends in its item's token, which makes a second start of it impossible.

    It begins with the results bucket: by that the pipeline tells its own jobs from those of others.
    """

    def __init__(self, service: Service, objects: ObjectStore, results: str, language: str) -> None:
        self._service, self._objects = service, objects
        self._results, self._language = results, language

    def analyse(self, source: Source, deadline: Deadline) -> Started:
        ref, kind = named_file(source, "Transcribe", FORMATS)
        job = f"{self._results}-{source.token}"
        request = {
            "TranscriptionJobName": job,
            "LanguageCode": self._language,
            "MediaFormat": kind,
            "Media": {"MediaFileUri": f"s3://{ref.container}/{ref.key}"},
            "OutputBucketName": self._results,
            "OutputKey": f"{JOBS}{job}.json",
        }
        try:
            asked(self._service, _TARGET, "StartTranscriptionJob", request, deadline)
        except Refused as error:
            if error.code == "BadRequestException" and _NO_BUCKET not in error.message:
                code = "object_missing" if _NO_OBJECT in error.message else "unsupported_type"
                raise Unprocessable(code, str(error)) from None
            if error.code != "ConflictException":  # it was started before
                raise
        return Started(job, LOOK_AFTER_S)

    def collect(self, handle: str, deadline: Deadline) -> dict[str, Any] | Started:
        request = {"TranscriptionJobName": handle}
        answer = asked(self._service, _TARGET, "GetTranscriptionJob", request, deadline)
        with as_promised(self._service, "GetTranscriptionJob"):
            job: dict[str, Any] = answer["TranscriptionJob"]
            status = job["TranscriptionJobStatus"]
        if status == "FAILED":
            raise Unprocessable("job_failed", f"Transcribe: {job.get('FailureReason') or 'no reason given'}")
        if status != "COMPLETED":
            return Started(handle, LOOK_AFTER_S)
        ref = ObjectRef(self._results, f"{JOBS}{handle}.json")
        try:
            said = json.loads(self._objects.get(ref, deadline, max_bytes=MAX_BYTES))
            text = " ".join(one["transcript"] for one in said["results"]["transcripts"])
        except ObjectMissing:
            raise Unprocessable("job_failed", f"what Transcribe wrote is gone: {ref.key}") from None
        except (ValueError, KeyError, TypeError) as error:
            raise Unprocessable("job_failed", f"what Transcribe wrote cannot be read: {error!r}") from None
        return {"text": text, "language": str(job.get("LanguageCode") or self._language)}
