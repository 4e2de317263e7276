"""Comprehend's entities of a text, and whether it is unfit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from werkzeug.wrappers import Response

from serverless_ai_local.ai.reading import Reader
from serverless_ai_local.aws.ai.constraints import taken, validation_error
from serverless_ai_local.aws.api import ApiError, Call, Operations
from serverless_ai_local.aws.calls import reply

MOST_BYTES: Final = 100_000
MOST_SEGMENTS, MOST_SEGMENT_BYTES = 10, 1_000
"""Comprehend developer guide, quotas, 2026-11."""
_REFUSAL: Final = validation_error("ValidationException")
_TYPES: Final[Mapping[str, str]] = {
    "Person": "PERSON",
    "Location": "LOCATION",
    "Organization": "ORGANIZATION",
    "DateTime": "DATE",
    "Quantity": "QUANTITY",
}
_TOXIC: Final[Mapping[str, str]] = {
    "GRAPHIC": "SelfHarm",
    "HARASSMENT_OR_ABUSE": "",
    "HATE_SPEECH": "Hate",
    "INSULT": "",
    "PROFANITY": "",
    "SEXUAL": "Sexual",
    "VIOLENCE_OR_THREAT": "Violence",
}
"""All labels, each of which every answer scores -> the kind of harm that it is of."""


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
        given = taken(call, "Text", "LanguageCode", refusal=_REFUSAL)
        if "Text" not in given or "LanguageCode" not in given:
            raise ApiError("InvalidRequestException", "Text and LanguageCode are needed")
        text = _fitting(given["Text"], MOST_BYTES)
        entities = [
            {
                "Type": _TYPES[one.category],
                "Text": one.text,
                "Score": one.score,
                "BeginOffset": one.offset,
                "EndOffset": one.offset + len(one.text),
            }
            for one in self._reader.entities(text, given["LanguageCode"])
        ]
        return reply({"Entities": entities})

    def _toxic(self, call: Call) -> Response:
        given = taken(call, "TextSegments", "LanguageCode", refusal=_REFUSAL)
        segments: list[dict[str, Any]] = given["TextSegments"]
        if len(segments) > MOST_SEGMENTS:
            raise ApiError("InvalidRequestException", f"TextSegments must have 1 to {MOST_SEGMENTS} members")
        if given["LanguageCode"] != "en":
            text = f"Language code {given['LanguageCode']} is not supported; en is"
            raise ApiError("UnsupportedLanguageException", text)
        texts = [_fitting(segment["Text"], MOST_SEGMENT_BYTES) for segment in segments]
        return reply({"ResultList": [self._scored(text) for text in texts]})

    def _scored(self, text: str) -> dict[str, Any]:
        harm = self._reader.harm_of_text(text)
        labels = [{"Name": name, "Score": harm.get(kind, 0.0)} for name, kind in _TOXIC.items()]
        return {"Labels": labels, "Toxicity": max(harm.values(), default=0.0)}


def _fitting(text: str, most: int) -> str:
    if len(text.encode("utf-8", "replace")) > most:
        raise ApiError("TextSizeLimitExceededException", f"Input text size exceeds limit of {most} bytes")
    return text
