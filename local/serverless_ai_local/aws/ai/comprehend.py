"""Comprehend's entities of a text, and whether it is unfit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from werkzeug.wrappers import Response

from serverless_ai_local.ai.reading import Reader
from serverless_ai_local.aws.ai.files import known
from serverless_ai_local.aws.api import ApiError, Call, Operations
from serverless_ai_local.aws.calls import parameters, reply

LANGUAGES: Final = ("en", "es", "fr", "de", "it", "pt", "ar", "hi", "ja", "ko", "zh", "zh-TW")
MOST_BYTES: Final = 100_000
MOST_SEGMENTS, MOST_SEGMENT_BYTES = 10, 1_000
"""Comprehend developer guide, quotas, 2026-11."""
_TYPES: Final[Mapping[str, str]] = {
    "Person": "PERSON",
    "Location": "LOCATION",
    "Organization": "ORGANIZATION",
    "DateTime": "DATE",
    "Quantity": "QUANTITY",
}
_TOXIC: Final[Mapping[str, str]] = {
    "Hate": "HATE_SPEECH",
    "SelfHarm": "GRAPHIC",
    "Sexual": "SEXUAL",
    "Violence": "VIOLENCE_OR_THREAT",
}


class Comprehend:
    """Texts come in the call."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def operations(self) -> Operations:
        """See `api.Operations`."""
        return {
            ("comprehend", "DetectEntities"): self._entities,
            ("comprehend", "DetectToxicContent"): self._toxic,
        }

    def _entities(self, call: Call) -> Response:
        given = parameters(call)
        known(given, "Text", "LanguageCode")
        text = _text(given.get("Text"), MOST_BYTES)
        language = _language(given, LANGUAGES)
        entities = [
            {
                "Type": _TYPES[one.category],
                "Text": one.text,
                "Score": one.score,
                "BeginOffset": one.offset,
                "EndOffset": one.offset + len(one.text),
            }
            for one in self._reader.entities(text, language)
        ]
        return reply({"Entities": entities})

    def _toxic(self, call: Call) -> Response:
        given = parameters(call)
        segments: list[dict[str, Any]] = given["TextSegments"]
        if not 1 <= len(segments) <= MOST_SEGMENTS:
            raise ApiError("InvalidRequestException", f"TextSegments must have 1 to {MOST_SEGMENTS} members")
        _language(given, ("en",))
        results: list[dict[str, Any]] = []
        for segment in segments:
            harm = self._reader.harm_of_text(_text(segment.get("Text"), MOST_SEGMENT_BYTES))
            labels = [{"Name": name, "Score": harm.get(kind, 0.0)} for kind, name in _TOXIC.items()]
            results.append({"Labels": labels, "Toxicity": max(harm.values(), default=0.0)})
        return reply({"ResultList": results})


def _text(text: object, most: int) -> str:
    if not isinstance(text, str) or not text:
        raise ApiError("InvalidRequestException", "Text must have at least 1 character")
    if len(text.encode()) > most:
        raise ApiError("TextSizeLimitExceededException", f"Input text size exceeds limit of {most} bytes")
    return text


def _language(given: Mapping[str, Any], allowed: tuple[str, ...]) -> str:
    language = str(given.get("LanguageCode"))
    if language not in allowed:
        text = f"Language code {language} is not one of {', '.join(allowed)}"
        raise ApiError("UnsupportedLanguageException", text)
    return language
