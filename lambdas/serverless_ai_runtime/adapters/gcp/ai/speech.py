"""What is said in audio or video, by a batch recognition of Speech-to-Text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from serverless_ai_runtime.adapters.gcp.ai.answers import FINAL, ended, operation_of, require_success
from serverless_ai_runtime.adapters.service import Service
from serverless_ai_runtime.core.event_pipeline.given import as_promised, judged, named_file
from serverless_ai_runtime.core.event_pipeline.ports import Source, Started
from serverless_ai_runtime.core.ports import Deadline

LOOK_AFTER_S: Final = 10.0
FORMATS: Final = ("amr", "flac", "m4a", "mov", "mp3", "mp4", "ogg", "wav", "webm")
"""What the decoding finds out by itself (https://cloud.google.com/speech-to-text/v2/docs, read 2026-11)."""
MODEL: Final = "long"


class Transcriber:
    """`place` is projects/P/locations/L. Nobody is told of a job's end: it is looked at again and again."""

    def __init__(self, service: Service, place: str, language: str) -> None:
        self._service, self._path, self._language = service, f"/v2/{place}", language

    def analyse(self, source: Source, deadline: Deadline) -> Started:
        ref, _ = named_file(source, "Speech-to-Text", FORMATS)
        request: dict[str, Any] = {
            "config": {"autoDecodingConfig": {}, "languageCodes": [self._language], "model": MODEL},
            "files": [{"uri": f"gs://{ref.container}/{ref.key}"}],
            "recognitionOutputConfig": {"inlineResponseConfig": {}},
        }
        with judged(FINAL):
            answer = self._service.post_json(
                "BatchRecognize",
                f"{self._path}/recognizers/_:batchRecognize",
                request,
                deadline,
                repeatable=False,
            )
        return Started(operation_of(self._service, answer), LOOK_AFTER_S)

    def collect(self, handle: str, deadline: Deadline) -> dict[str, Any] | Started:
        operation = ended(self._service, self._path, handle, deadline)
        if operation is None:
            return Started(handle, LOOK_AFTER_S)
        with as_promised(self._service, "GetOperation"):
            (one,) = operation["response"]["results"].values()
            require_success(self._service, one.get("error"))
            heard: Mapping[str, Any] = (one.get("inlineResult") or one).get("transcript") or {}
            results: list[Mapping[str, Any]] = heard.get("results") or []
            said = [_best(result) for result in results]
            languages = [str(result["languageCode"]) for result in results if result.get("languageCode")]
        return {
            "text": " ".join(text for text in said if text),
            "language": (languages or [self._language])[0],
        }


def _best(result: Mapping[str, Any]) -> str:
    """The likeliest words of one part; a part in which nothing was understood has none."""
    alternatives: list[Mapping[str, Any]] = result.get("alternatives") or []
    return str(alternatives[0].get("transcript") or "").strip() if alternatives else ""
