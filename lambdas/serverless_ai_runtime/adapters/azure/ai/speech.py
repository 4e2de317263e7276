"""What is said in audio or video, by a batch transcription of Azure Speech."""

from __future__ import annotations

import json
from typing import Any, Final
from urllib.parse import quote

from serverless_ai_runtime.adapters.azure.ai.source import FINAL, nothing, operation_of
from serverless_ai_runtime.adapters.service import Service
from serverless_ai_runtime.core.event_pipeline.given import as_promised, judged, named_file
from serverless_ai_runtime.core.event_pipeline.ports import Source, Started, Unprocessable
from serverless_ai_runtime.core.ports import Deadline, ServiceError
from serverless_ai_runtime.http import Request, Response

LOOK_AFTER_S: Final = 10.0
FORMATS: Final = ("aac", "amr", "flac", "m4a", "mp3", "mp4", "ogg", "opus", "wav", "webm", "wma")
KEPT_HOURS: Final = 48
"""How long the service keeps a transcription."""
_ROOT: Final = "/speechtotext/transcriptions"
_VERSION: Final = "api-version=2024-11-15"


class Transcriber:
    """The service reads the file itself, as its own identity, from the account at `objects`."""

    def __init__(self, service: Service, objects: str, language: str) -> None:
        self._service, self._objects, self._language = service, objects.rstrip("/"), language

    def analyse(self, source: Source, deadline: Deadline) -> Started:
        ref, _ = named_file(source, "Azure Speech", FORMATS)
        request = {
            "contentUrls": [f"{self._objects}/{ref.container}/{quote(ref.key, safe='/')}"],
            "locale": self._language,
            "displayName": source.token,
            "properties": {"timeToLiveHours": KEPT_HOURS},
        }
        body = json.dumps(request).encode()
        with judged(FINAL):
            response = self._service.call(
                "SubmitTranscription",
                "POST",
                f"{_ROOT}:submit?{_VERSION}",
                deadline,
                headers=lambda: {"content-type": "application/json"},
                body=body,
                repeatable=False,
            )
        return Started(operation_of(self._service, response, "location"), LOOK_AFTER_S)

    def collect(self, handle: str, deadline: Deadline) -> dict[str, Any] | Started:
        job = self._get(f"/{quote(handle, safe='')}", deadline)
        if job.get("status") in ("NotStarted", "Running"):
            return Started(handle, LOOK_AFTER_S)
        if job.get("status") != "Succeeded":
            properties: dict[str, Any] = job.get("properties") or {}
            failure: dict[str, Any] = properties.get("error") or {}
            raise Unprocessable("job_failed", f"Azure Speech: {failure.get('message') or 'no reason given'}")
        listed = self._get(f"/{quote(handle, safe='')}/files", deadline)
        with as_promised(self._service, "GetTranscriptionFiles"):
            files = [one for one in listed["values"] if one["kind"] == "Transcription"]
            urls = [str(one["links"]["contentUrl"]) for one in files]
        if not urls:
            raise Unprocessable(
                "job_failed", "Azure Speech could not read the file, and wrote no transcription"
            )
        said = [self._said(url, deadline) for url in urls]
        return {"text": " ".join(said), "language": str(job.get("locale") or self._language)}

    def _said(self, url: str, deadline: Deadline) -> str:
        """Text of a transcription. Its URL is signed, and elsewhere: our token does not go there."""
        request = Request(self._service.name, "GetFile", "GET", url, b"", lambda: _host(url))
        response = self._service.cloud.http.send(request, self._judge, deadline)
        with as_promised(self._service, "GetFile"):
            phrases = json.loads(response.body)["combinedRecognizedPhrases"]
            return " ".join(str(one["display"]) for one in phrases)

    def _judge(self, response: Response) -> ServiceError | None:
        if response.status < 300:
            return None
        return self._service.cloud.decode(self._service.name, "GetFile", response)

    def _get(self, path: str, deadline: Deadline) -> dict[str, Any]:
        response = self._service.call(
            "GetTranscription", "GET", f"{_ROOT}{path}?{_VERSION}", deadline, headers=nothing
        )
        return self._service.parsed("GetTranscription", response)


def _host(url: str) -> dict[str, str]:
    return {"host": url.split("/")[2]}
