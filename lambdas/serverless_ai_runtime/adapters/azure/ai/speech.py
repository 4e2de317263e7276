"""What is said in audio or video, by a batch transcription of Azure Speech."""

from __future__ import annotations

import json
from typing import Any, Final
from urllib.parse import quote

from serverless_ai_runtime.adapters.azure.ai.source import FINAL, malformed, nothing, operation_of
from serverless_ai_runtime.adapters.service import Service
from serverless_ai_runtime.core.event_pipeline.given import judged
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
        kind = source.name.rpartition(".")[2].lower()
        if source.ref is None or kind not in FORMATS:
            allowed = ", ".join(FORMATS)
            raise Unprocessable(
                "unsupported_type", f"Azure Speech takes files named .{allowed}; got {source.name!r}"
            )
        request = {
            "contentUrls": [f"{self._objects}/{source.ref.container}/{quote(source.ref.key, safe='/')}"],
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
        try:
            files = self._get(f"/{quote(handle, safe='')}/files", deadline)["values"]
            urls = [str(one["links"]["contentUrl"]) for one in files if one["kind"] == "Transcription"]
        except (KeyError, TypeError) as error:
            raise malformed(self._service, error) from None
        if not urls:
            raise Unprocessable(
                "job_failed", "Azure Speech could not read the file, and wrote no transcription"
            )
        said = [self._said(url, deadline) for url in urls]
        return {"text": " ".join(said), "language": str(job.get("locale") or self._language)}

    def _said(self, url: str, deadline: Deadline) -> str:
        """Text of a transcription. Its URL is signed, and elsewhere: our token does not go there."""
        request = Request(self._service.name, "GetFile", "GET", url, b"", lambda: _host(url))
        try:
            content = json.loads(self._service.cloud.http.send(request, self._judge, deadline).body)
            return " ".join(str(one["display"]) for one in content["combinedRecognizedPhrases"])
        except (KeyError, TypeError, ValueError) as error:
            raise malformed(self._service, error) from None

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
