"""Speech-to-Text's batch recognition (v2): one file, answered in the operation itself."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, Final

from serverless_ai_local.ai.jobs import Jobs, Outcome
from serverless_ai_local.ai.reading import Reader, Unreadable
from serverless_ai_local.gcp.errors import invalid
from serverless_ai_local.gcp.iam.authority import Authority, Principal
from serverless_ai_local.gcp.services.gs import Place, place_of
from serverless_ai_local.gcp.services.storage import Storage

SERVICE: Final = "speech.googleapis.com"
RECOGNIZE: Final = "speech.recognizers.recognize"
LOCATIONS: Final = ("eu", "global", "us")
"""That have the model `long` everywhere (https://cloud.google.com/speech-to-text/v2/docs, read 2026-11)."""


class Speech:
    """Files are read as the service's own agent, which has the project's buckets."""

    def __init__(self, authority: Authority, storage: Storage, reader: Reader, jobs: Jobs) -> None:
        self._authority, self._storage, self._reader, self._jobs = authority, storage, reader, jobs

    def recognize(self, who: Principal, owner: str, body: Mapping[str, Any]) -> dict[str, Any]:
        self._authority.require(who, RECOGNIZE, f"{owner}/recognizers/_", service=SERVICE)
        if owner.rpartition("/")[2] not in LOCATIONS:
            raise invalid(f"the location must be one of {', '.join(LOCATIONS)} locally, got {owner}")
        try:
            (language,) = body["config"]["languageCodes"]
            (file,) = body["files"]
            source = place_of(file["uri"])
        except (KeyError, TypeError, ValueError):
            raise invalid("one of config.languageCodes and one of files are needed locally") from None
        if "autoDecodingConfig" not in body["config"] or not body["config"].get("model"):
            raise invalid("config.autoDecodingConfig and config.model are needed locally")
        if "inlineResponseConfig" not in body.get("recognitionOutputConfig", {}):
            raise invalid("recognitionOutputConfig.inlineResponseConfig is needed locally")
        job = self._jobs.begin(
            f"v2/{owner}", lambda: self._outcome(source, str(language)), name=uuid.uuid4().hex
        )
        return {"name": f"{owner}/operations/{job.id}"}

    def _outcome(self, source: Place, language: str) -> Outcome:
        content = self._storage.peek(source.bucket, source.name)
        try:
            if content is None:
                raise Unreadable(f"there is no object at {source.uri}")
            said = self._reader.speech(content)
        except Unreadable as error:
            failure = {"code": 3, "message": f"Audio could not be decoded: {error}"}
            return Outcome(value={"response": {"results": {source.uri: {"error": failure}}}})
        heard = {"alternatives": [{"transcript": said, "confidence": 0.9}], "languageCode": language}
        transcript = {"results": [heard] if said else []}
        one = {"inlineResult": {"transcript": transcript}, "transcript": transcript}
        return Outcome(value={"response": {"results": {source.uri: one}}})
