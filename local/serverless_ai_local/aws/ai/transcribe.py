"""Transcribe's jobs: what a recording says is written into a bucket, and EventBridge is told."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from werkzeug.wrappers import Response

from serverless_ai_local.ai.jobs import Job, Jobs, Outcome
from serverless_ai_local.ai.reading import Reader, Unreadable
from serverless_ai_local.aws.ai.files import Files, known
from serverless_ai_local.aws.api import ApiError, Call, Operations
from serverless_ai_local.aws.calls import parameters, reply, section

FORMATS: Final = ("mp3", "mp4", "wav", "flac", "ogg", "amr", "webm", "m4a")
_NAME: Final = re.compile(r"[0-9a-zA-Z._-]{1,200}")
_PLACE: Final = re.compile(r"s3://(?P<bucket>[^/]+)/(?P<key>.+)", re.DOTALL)
_TAKEN: Final = (
    "TranscriptionJobName", "LanguageCode", "MediaFormat", "Media", "OutputBucketName", "OutputKey",
)  # fmt: skip
_BAD: Final = "BadRequestException"

Happened = Callable[[Mapping[str, Any]], None]


class Transcribe:
    """A job's name is used once."""

    def __init__(self, reader: Reader, files: Files, happened: Happened) -> None:
        self._reader, self._files, self._happened, self._jobs = reader, files, happened, Jobs()

    def operations(self) -> Operations:
        """See `api.Operations`."""
        return {
            ("transcribe", "StartTranscriptionJob"): self._start,
            ("transcribe", "GetTranscriptionJob"): self._get,
        }

    def _start(self, call: Call) -> Response:
        given = parameters(call)
        known(given, *_TAKEN)
        name, uri = str(given["TranscriptionJobName"]), str(section(given, "Media").get("MediaFileUri", ""))
        place = _PLACE.fullmatch(uri)
        if (
            not _NAME.fullmatch(name)
            or given.get("MediaFormat") not in FORMATS
            or not given.get("LanguageCode")
        ):
            raise ApiError(
                _BAD, "1 validation error detected: a job's name, format or language is not valid."
            )
        bucket, key = str(given.get("OutputBucketName", "")), str(given.get("OutputKey", ""))
        if not bucket or not key:
            raise ApiError(_BAD, "OutputBucketName and OutputKey are needed locally.")
        if self._jobs.get(call.account, name) is not None:
            raise ApiError("ConflictException", "The requested job name already exists.")
        content = self._files.read(call, place["bucket"], place["key"]) if place else None
        if content is None:
            text = (
                "The URI that you provided doesn't point to an S3 object. Make sure that the object exists."
            )
            raise ApiError(_BAD, text)
        self._files.require_write(call, bucket, key)

        def ended(job: Job) -> None:
            if not job.outcome.code:
                self._files.write(call, bucket, key, _transcript(job, call.account))
            self._happened(_event(job, call))

        job = self._jobs.begin(call.account, lambda: self._outcome(content), given, name=name, ended=ended)
        return reply({"TranscriptionJob": _described(job, call)})

    def _get(self, call: Call) -> Response:
        job = self._jobs.get(call.account, str(parameters(call)["TranscriptionJobName"]))
        if job is None:
            raise ApiError("NotFoundException", "The requested job couldn't be found. Check the job name.")
        return reply({"TranscriptionJob": _described(job, call)})

    def _outcome(self, content: bytes) -> Outcome:
        try:
            return Outcome(value=self._reader.speech(content))
        except Unreadable as error:
            text = f"The data in your input media file isn't valid. Check the media file. ({error})"
            return Outcome(code="FAILED", message=text)


def _described(job: Job, call: Call) -> dict[str, Any]:
    given: Mapping[str, Any] = job.about
    described = {
        "TranscriptionJobName": job.id,
        "TranscriptionJobStatus": _status(job),
        "LanguageCode": given["LanguageCode"],
        "MediaFormat": given["MediaFormat"],
        "Media": given["Media"],
        "CreationTime": job.begun_at,
    }
    if job.running:
        return described
    if job.outcome.code:
        return {**described, "FailureReason": job.outcome.message}
    place = f"https://s3.{call.region}.amazonaws.com/{given['OutputBucketName']}/{given['OutputKey']}"
    return {**described, "Transcript": {"TranscriptFileUri": place}}


def _status(job: Job) -> str:
    if job.running:
        return "IN_PROGRESS"
    return job.outcome.code or "COMPLETED"


def _transcript(job: Job, account: str) -> bytes:
    results = {"transcripts": [{"transcript": job.outcome.value}], "items": []}
    written = {"jobName": job.id, "accountId": account, "status": "COMPLETED", "results": results}
    return json.dumps(written).encode()


def _event(job: Job, call: Call) -> dict[str, Any]:
    """Source of the form: Transcribe developer guide, EventBridge events, read 2026-11."""
    failed = bool(job.outcome.code)
    detail = {
        "TranscriptionJobName": job.id,
        "TranscriptionJobStatus": "FAILED" if failed else "COMPLETED",
        **({"FailureReason": job.outcome.message} if failed else {}),
    }
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Transcribe Job State Change",
        "source": "aws.transcribe",
        "account": call.account,
        "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": call.region,
        "resources": [],
        "detail": detail,
    }
