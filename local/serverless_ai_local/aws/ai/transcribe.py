"""Transcribe's jobs: what a recording says is written into a bucket, and EventBridge is told."""

from __future__ import annotations

import json
import re
import threading
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from werkzeug.wrappers import Response

from serverless_ai_local.ai.jobs import TAKES_S, Job, Jobs, Outcome
from serverless_ai_local.ai.reading import Reader, Unreadable
from serverless_ai_local.aws.ai.constraints import taken, validation_error
from serverless_ai_local.aws.ai.files import Files, known
from serverless_ai_local.aws.api import ApiError, Call, Operations
from serverless_ai_local.aws.calls import reply, section

_PLACE: Final = re.compile(r"s3://(?P<bucket>[^/]+)/(?P<key>.+)", re.DOTALL)
_TAKEN: Final = (
    "TranscriptionJobName", "LanguageCode", "MediaFormat", "Media", "OutputBucketName", "OutputKey",
)  # fmt: skip
_BAD: Final = "BadRequestException"
_REFUSAL: Final = validation_error(_BAD)
_NO_OBJECT: Final = (
    "The S3 URI that you provided can't be accessed. Make sure that you have read permission and try your "
    "request again."
)
_NO_BUCKET: Final = (
    "The specified S3 bucket can't be accessed. Make sure you have write permission on the bucket and try "
    "your request again."
)

Happened = Callable[[Mapping[str, Any]], None]


class Transcribe:
    """A job's name is used once."""

    def __init__(self, reader: Reader, files: Files, happened: Happened) -> None:
        self._reader, self._files, self._happened, self._jobs = reader, files, happened, Jobs()
        self._lock = threading.Lock()

    def operations(self) -> Operations:
        """See `api.Operations`."""
        return {
            ("transcribe", "StartTranscriptionJob"): self._start,
            ("transcribe", "GetTranscriptionJob"): self._get,
        }

    def stop(self) -> None:
        """Tell of no more jobs."""
        self._jobs.stop()

    def _start(self, call: Call) -> Response:
        given = taken(call, *_TAKEN, refusal=_REFUSAL)
        known(section(given, "Media"), "MediaFileUri")
        if "LanguageCode" not in given or "OutputBucketName" not in given:
            raise ApiError(_BAD, "LanguageCode and OutputBucketName are needed locally.")
        name, bucket, key = given["TranscriptionJobName"], given["OutputBucketName"], _output_key(given)
        content = self._media(call, section(given, "Media").get("MediaFileUri", ""))
        if not self._files.may_write(call, bucket, key):
            raise ApiError(_BAD, _NO_BUCKET)

        def work() -> Outcome:
            """What is written is there before the job is said to be done, as the service has it."""
            outcome = self._outcome(content)
            if not outcome.code:
                self._files.write(call, bucket, key, _transcript(name, call.account, outcome.value))
            return outcome

        owner, about = _owner(call), {**given, "OutputKey": key}
        with self._lock:
            if self._jobs.get(owner, name) is not None:
                raise ApiError(
                    "ConflictException", "The requested job name already exists. Use a different job name."
                )
            job = self._jobs.begin(owner, work, about, name=name, ended=lambda job: self._tell(job, call))
        return reply({"TranscriptionJob": _described(job, call)})

    def _get(self, call: Call) -> Response:
        given = taken(call, "TranscriptionJobName", refusal=_REFUSAL)
        job = self._jobs.get(_owner(call), given["TranscriptionJobName"])
        if job is None:
            raise ApiError(
                "NotFoundException",
                "The requested job couldn't be found. Check the job name and try your request again.",
            )
        return reply({"TranscriptionJob": _described(job, call)})

    def _media(self, call: Call, uri: str) -> bytes:
        place = _PLACE.fullmatch(uri)
        if place is None:
            raise ApiError("NotImplemented", "a MediaFileUri other than s3:// is not offered locally", 501)
        content = self._files.read(call, place["bucket"], place["key"])
        if content is None:
            raise ApiError(_BAD, _NO_OBJECT)
        return content

    def _tell(self, job: Job, call: Call) -> None:
        self._happened(_event(job, call))

    def _outcome(self, content: bytes) -> Outcome:
        try:
            return Outcome(value=self._reader.speech(content))
        except Unreadable as error:
            text = f"The data in your input media file isn't valid. Check the media file. ({error})"
            return Outcome(code="FAILED", message=text)


def _owner(call: Call) -> str:
    return f"{call.account}/{call.region}"


def _output_key(given: Mapping[str, Any]) -> str:
    """A key that ends in a slash is a folder; without a key the job's name is the file's."""
    key = str(given.get("OutputKey", ""))
    return f"{key}{given['TranscriptionJobName']}.json" if not key or key.endswith("/") else key


def _described(job: Job, call: Call) -> dict[str, Any]:
    given: Mapping[str, Any] = job.about
    described: dict[str, Any] = {
        "TranscriptionJobName": job.id,
        "TranscriptionJobStatus": _status(job),
        **{name: given[name] for name in ("LanguageCode", "MediaFormat", "Media") if name in given},
        "CreationTime": job.begun_at,
        "StartTime": job.begun_at,
    }
    if job.running:
        return described
    described["CompletionTime"] = job.begun_at + TAKES_S
    if job.outcome.code:
        return {**described, "FailureReason": job.outcome.message}
    place = f"https://s3.{call.region}.amazonaws.com/{given['OutputBucketName']}/{given['OutputKey']}"
    return {**described, "Transcript": {"TranscriptFileUri": place}}


def _status(job: Job) -> str:
    if job.running:
        return "IN_PROGRESS"
    return job.outcome.code or "COMPLETED"


def _transcript(name: str, account: str, said: str) -> bytes:
    """Without items: when each word is said is not known here."""
    results = {"transcripts": [{"transcript": said}], "items": [], "audio_segments": []}
    written = {"jobName": name, "accountId": account, "status": "COMPLETED", "results": results}
    return json.dumps(written, ensure_ascii=False).encode()


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
